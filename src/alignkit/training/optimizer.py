"""The optimiser and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from alignkit.runs import Training

# Learned tables of positions and class tokens are no matrices of a layer: they do not decay.
UNDECAYED = ("positions", "cls", "pos_embed", "cls_token", "position_embeddings.weight")


def make_optimizer(
    parameters: Iterable[tuple[str, nn.Parameter]], options: Training
) -> torch.optim.AdamW:
    """AdamW over what is trained, fused: one pass over memory instead of a dozen."""
    return torch.optim.AdamW(
        groups(parameters, options.weight_decay), lr=options.learning_rate, fused=True
    )


def groups(
    parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float
) -> list[dict[str, Any]]:
    """Decay matrices; leave norms, biases and learned positions alone, and frozen weights out."""
    decayed: list[nn.Parameter] = []
    left: list[nn.Parameter] = []
    for name, parameter in parameters:
        if parameter.requires_grad:
            matrix = parameter.ndim >= 2 and not name.endswith(UNDECAYED)
            (decayed if matrix else left).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": left, "weight_decay": 0.0},
    ]


def learning_rate_factor(steps: int, warmup: float, floor: float) -> Callable[[int], float]:
    """Share of the peak learning rate at a step: linear warm-up, then a cosine to a floor.

    Parameters
    ----------
    steps : int
        Optimiser steps of the whole training.
    warmup, floor : float
        Shares of the steps, and of the peak.
    """
    rising = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return factor


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
