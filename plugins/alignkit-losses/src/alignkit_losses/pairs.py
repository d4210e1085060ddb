"""Losses over pairs: the i-th text and the i-th picture belong together."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

import alignkit


def contrastive(text: Tensor, vision: Tensor, temperature: float = 0.07) -> Tensor:
    """Compute the symmetric contrastive loss over cosine similarities (Radford et al. 2021).

    It is the mean of two cross-entropies: of finding each text's picture in the batch, and each
    picture's text.

    Parameters
    ----------
    text, vision : Tensor (n, width)
        Representations of the same n samples.
    temperature : float
        Divides the similarities; above 0.

    Returns
    -------
    Tensor
        A scalar of at least 0; lower is better, and log n corresponds to guessing.

    Raises
    ------
    alignkit.UsageError
        If the widths differ, or the temperature is not positive.
    """
    if not temperature > 0:
        raise alignkit.UsageError(
            f"loss 'contrastive': temperature is {temperature}; it must be positive"
        )
    _check_widths(text, vision, "contrastive")
    similarities = F.normalize(text, dim=1) @ F.normalize(vision, dim=1).T / temperature
    partners = torch.arange(len(text), device=text.device)
    return (F.cross_entropy(similarities, partners) + F.cross_entropy(similarities.T, partners)) / 2


def cosine(text: Tensor, vision: Tensor) -> Tensor:
    """Compute the mean cosine similarity between each text and its picture.

    Parameters
    ----------
    text, vision : Tensor (n, width)
        Representations of the same n samples.

    Returns
    -------
    Tensor
        A scalar in [-1, 1]; higher means more aligned.

    Raises
    ------
    alignkit.UsageError
        If the widths differ.
    """
    _check_widths(text, vision, "cosine")
    return (F.normalize(text, dim=1) * F.normalize(vision, dim=1)).sum(1).mean()


def _check_widths(text: Tensor, vision: Tensor, name: str) -> None:
    """Raise a UsageError if the two representations differ in width."""
    if text.shape != vision.shape:
        raise alignkit.UsageError(
            f"loss '{name}': the streams have widths {text.shape[1]} and {vision.shape[1]}; "
            f"project both to one width with `aux={name}=WEIGHT:projection=256`"
        )
