"""Losses of pairs: the n-th text against the n-th picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import alignkit


def contrastive(text: Tensor, vision: Tensor, temperature: float = 0.07) -> Tensor:
    """Cross-entropy of finding the partner, both ways, over cosine similarities.

    Parameters
    ----------
    text, vision : Tensor (n, width)
        Of the same n samples.
    temperature : float
        Similarities are divided by it.

    Returns
    -------
    Tensor
        A scalar from 0; log n when nothing is told apart. Smaller is better.

    Raises
    ------
    alignkit.UsageError
        When the widths differ, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise alignkit.UsageError(f"--aux contrastive: temperature={temperature} must be above 0")
    similar = _unit(text, vision, "contrastive") @ F.normalize(vision, dim=1).T / temperature
    partner = torch.arange(len(text), device=text.device)
    return (F.cross_entropy(similar, partner) + F.cross_entropy(similar.T, partner)) / 2


def cosine(text: Tensor, vision: Tensor) -> Tensor:
    """Mean cosine similarity of partners: 1 at best, -1 at worst.

    Parameters
    ----------
    text, vision : Tensor (n, width)
        Of the same n samples.

    Raises
    ------
    alignkit.UsageError
        When the widths differ.
    """
    return (_unit(text, vision, "cosine") * F.normalize(vision, dim=1)).sum(1).mean()


def _unit(text: Tensor, vision: Tensor, name: str) -> Tensor:
    if text.shape != vision.shape:
        raise alignkit.UsageError(
            f"--aux {name}: the streams are {text.shape[1]} and {vision.shape[1]} wide; project "
            f"both to one width: --aux {name}=WEIGHT:projection=256"
        )
    return F.normalize(text, dim=1)
