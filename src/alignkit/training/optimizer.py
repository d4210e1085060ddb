"""The optimiser and its learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from alignkit.runs import Training

# Position embeddings and class tokens are not weight matrices of a layer: they do not decay.
UNDECAYED = ("positions", "cls", "pos_embed", "cls_token", "position_embeddings.weight")


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], options: Training
) -> torch.optim.AdamW:
    """Return AdamW over all trainable parameters, fused: it passes over memory only once."""
    return torch.optim.AdamW(
        groups(parameters, options.weight_decay), lr=options.learning_rate, fused=True
    )


def groups(
    parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float
) -> list[dict[str, Any]]:
    """Return the parameter groups: weight decay applies to matrices only.

    Normalisation layers, biases and position embeddings do not decay, and frozen parameters
    are in neither group.
    """
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for name, parameter in parameters:
        if parameter.requires_grad:
            matrix = parameter.ndim >= 2 and not name.endswith(UNDECAYED)
            (decayed if matrix else undecayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": undecayed, "weight_decay": 0.0},
    ]


def learning_rate_factor(steps: int, warmup: float, floor: float) -> Callable[[int], float]:
    """Return the learning rate as a function of the step: linear warm-up, cosine decay.

    Parameters
    ----------
    steps : int
        Optimiser steps of the whole training.
    warmup : float
        The fraction of the steps over which the learning rate rises to its peak.
    floor : float
        The final learning rate as a fraction of the peak.

    Returns
    -------
    callable
        From a step, counted from 0, to the fraction of the peak learning rate, in (0, 1].
    """
    rising = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return factor


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
