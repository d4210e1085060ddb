"""Metrics of prediction: how much of one representation the other accounts for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation

DIRECTIONS = ("xy", "yx")


def r2(
    x: Representation,
    y: Representation,
    *,
    alpha: float = 1e-3,
    folds: int = 5,
    seed: int = 0,
    direction: str = "xy",
) -> float:
    """Share of y's variance that a ridge regression from x explains on held-out samples.

    1 - residual / |Y - mean|^2, both over held-out rows with the means of the training rows;
    all columns of y together. At most 1 and without a lower bound, up is more aligned. Not
    symmetric, and below 1 on identical input: what is held out is predicted, not fitted.

    Parameters
    ----------
    alpha : float
        Ridge penalty as a share of the mean squared singular value of the training rows, so
        that the scale of x does not matter; 0 is least squares of least norm.
    folds : int
        Seeded folds; 1 fits and scores on the same rows.
    seed : int
    direction : str
        ``xy``: x predicts y; ``yx`` the other way.

    Raises
    ------
    alignkit.UsageError
        When folds is not from 1 to n, alpha is negative, or the direction is unknown.
    alignkit.UndefinedError
        When a representation is constant on the training rows of a fold.
    """
    if direction not in DIRECTIONS:
        raise alignkit.UsageError(f"r2: unknown direction '{direction}'; known: xy, yx")
    if not 1 <= folds <= x.n:
        raise alignkit.UsageError(f"r2: folds={folds} needs 1 <= folds <= n, and n={x.n}")
    if alpha < 0:
        raise alignkit.UsageError(f"r2: alpha={alpha} must be at least 0")
    source, target = (x, y) if direction == "xy" else (y, x)
    _ = target.norm  # constant targets have no variance to explain
    residual = total = 0.0
    hats, parts = _hats(source, alpha, folds, seed), _parts(target, folds, seed)
    for hat, (fitted, held) in zip(hats, parts, strict=True):
        residual += float(torch.addmm(held, hat, fitted, alpha=-1).square().sum())
        total += float(held.square().sum())
    return 1 - residual / total


def _hats(x: Representation, alpha: float, folds: int, seed: int) -> list[Tensor]:
    """Per fold, the map from the targets of training rows to those of held-out rows."""

    def make() -> list[Tensor]:
        return [_hat(x, train, test, alpha) for train, test in _rows(x.n, folds, seed)]

    return x.view(("r2_hats", alpha, folds, seed), make)


def _parts(y: Representation, folds: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Per fold, training and held-out targets less the mean of the training rows."""

    def make() -> list[tuple[Tensor, Tensor]]:
        parts = []
        for train, test in _rows(y.n, folds, seed):
            mean = y.tensor[train].mean(dim=0)
            parts.append((y.tensor[train] - mean, y.tensor[test] - mean))
        return parts

    return y.view(("r2_parts", folds, seed), make)


def _rows(n: int, folds: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    everything = torch.arange(n)
    if folds == 1:
        return [(everything, everything)]
    order = torch.from_numpy(np.random.default_rng([seed, n]).permutation(n))
    parts = order.tensor_split(folds)
    return [
        (torch.cat([p for j, p in enumerate(parts) if j != i]).sort().values, part.sort().values)
        for i, part in enumerate(parts)
    ]


def _hat(x: Representation, train: Tensor, test: Tensor, alpha: float) -> Tensor:
    """Predictions of held-out rows from training rows are this times the training targets."""
    mean = x.tensor[train].mean(dim=0)
    known, new = x.tensor[train] - mean, x.tensor[test] - mean
    size = float(known.square().sum())
    if size <= (1e-12 * float(x.tensor.abs().max())) ** 2 * known.numel():
        raise alignkit.UndefinedError(
            f"{x.name or 'the representation'} is constant on the training rows of a fold"
        )
    if alpha == 0:
        return new @ torch.linalg.pinv(known, rtol=1e-10)
    # Normal equations on the smaller side; the penalty keeps them well-posed.
    penalty = alpha * size / min(known.shape)
    if known.shape[0] <= known.shape[1]:
        inner = known @ known.T
        inner.diagonal().add_(penalty)
        return torch.cholesky_solve(known @ new.T, torch.linalg.cholesky(inner)).T
    inner = known.T @ known
    inner.diagonal().add_(penalty)
    return torch.cholesky_solve(known.T, torch.linalg.cholesky(inner)).T.mm(new.T).T
