"""Metrics of prediction: how much of one representation the other accounts for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import by_columns

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

    What a fold leaves is a linear map of y, so the residual is <B, K> with K the Gram matrix
    of y and B, ``(n, n)``, made once from x: a pair costs one product of two matrices. B
    itself needs one factorisation, not one for every fold: held-out residuals follow from
    those of the fit to all rows (Cook 1977; the block form of leave-one-out).

    Parameters
    ----------
    alpha : float
        Ridge penalty as a share of the mean squared singular value, (1 - 1 / folds) of it to
        match the rows that are fitted, so that the scale of x does not matter; 0 is least
        squares of least norm.
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
        When a representation is constant.
    """
    source, target = _sides(x, y, folds, alpha, direction)
    if by_columns(x, y) and alpha > 0:
        return _from_columns(source, target, alpha, folds, seed)
    residual = alignkit.inner(_residual(source, alpha, folds, seed), target.normalized_gram)
    return 1 - residual / _total(target, folds, seed)


def r2_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    alpha: float = 1e-3,
    folds: int = 5,
    seed: int = 0,
    direction: str = "xy",
) -> np.ndarray | None:
    """Values of ``r2`` on permuted rows of y; from x to y only."""
    _sides(xs[0], ys[0], folds, alpha, direction)
    if direction != "xy":
        return None
    residuals = [_residual(x, alpha, folds, seed) for x in xs]
    totals = _total_matrix(xs[0].n, folds, seed, ys[0])
    grams = [y.normalized_gram for y in ys]
    left = alignkit.permuted_products([*residuals, totals], grams, orders)
    return 1 - left[:, :-1] / left[:, -1:]


def _sides(
    x: Representation, y: Representation, folds: int, alpha: float, direction: str
) -> tuple[Representation, Representation]:
    """What predicts, and what is predicted."""
    if direction not in DIRECTIONS:
        raise alignkit.UsageError(f"r2: unknown direction '{direction}'; known: xy, yx")
    if not 1 <= folds <= x.n:
        raise alignkit.UsageError(f"r2: folds={folds} needs 1 <= folds <= n, and n={x.n}")
    if alpha < 0:
        raise alignkit.UsageError(f"r2: alpha={alpha} must be at least 0")
    return (x, y) if direction == "xy" else (y, x)


def _residual(x: Representation, alpha: float, folds: int, seed: int) -> Tensor:
    """B: the sum over folds of A'A, where A y is what the fold leaves of y, ``(n, n)``."""

    def make() -> Tensor:
        rows = _rows(x.n, folds, seed)
        if alpha == 0:
            exact = x.exact_unit(slice(None))
            parts = [_left_by_fold(exact, train, test) for train, test in rows]
        else:
            left = _left_by_all(x, alpha, folds)
            parts = [
                left if folds == 1 else _inverse(left[test][:, test]) @ left[test]
                for _, test in rows
            ]
        return alignkit.gram(torch.cat([part.to(x.dtype) for part in parts]).T)

    return x.view(("r2_residual", alpha, folds, seed), make)


def _left_by_all(x: Representation, alpha: float, folds: int) -> Tensor:
    """I - H: what the fit to all rows leaves of all targets, ``(n, n)`` in float64."""
    exact = x.exact_unit(slice(None))
    penalty = _penalty(x, alpha, folds)
    if x.n <= x.width:
        # I - K (K + p)^-1 = p (K + p)^-1, less the mean.
        inner = alignkit.gram(exact)
        inner.diagonal().add_(penalty)
        return _inverse(inner) * penalty - 1 / x.n
    inner = alignkit.gram(exact.T)
    inner.diagonal().add_(penalty)
    root = torch.linalg.solve_triangular(torch.linalg.cholesky(inner), exact.T, upper=False)
    left = alignkit.gram(root.T).neg_().sub_(1 / x.n)
    left.diagonal().add_(1)
    return left


def _inverse(matrix: Tensor) -> Tensor:
    """Of a positive definite matrix, of which the lower triangle is read."""
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


def _left_by_fold(exact: Tensor, train: Tensor, test: Tensor) -> Tensor:
    """What least squares of least norm leaves of the held-out targets, ``(held out, n)``."""
    mean = exact[train].mean(dim=0)
    hat = (exact[test] - mean) @ torch.linalg.pinv(exact[train] - mean, rtol=1e-10)
    left = exact.new_zeros(len(test), len(exact))
    # Predictions are means of the training rows plus the hat times what differs from them.
    left[:, train] = (hat.sum(dim=1, keepdim=True) - 1) / len(train) - hat
    left[torch.arange(len(test), device=left.device), test] += 1
    return left


def _penalty(x: Representation, alpha: float, folds: int) -> float:
    """Of ``normalized``, whose squared singular values sum to 1."""
    share = 1 - 1 / folds if folds > 1 else 1
    return alpha * share / min(x.n, x.width)


def _total(y: Representation, folds: int, seed: int) -> float:
    """Squares of held-out rows less the mean of the training rows, over |Y centred|^2."""

    def make() -> float:
        total = 0.0
        for train, test in _rows(y.n, folds, seed):
            held, size = (_sums(y, rows) for rows in (test, train))
            mean = size / len(train)
            squares = float(y.squares[test].sum())
            total += squares - 2 * float(held @ mean) + len(test) * float(mean @ mean)
        return total

    return y.view(("r2_total", folds, seed), make)


def _total_matrix(n: int, folds: int, seed: int, like: Representation) -> Tensor:
    """C: as ``_residual`` for predictions by the mean alone; the same for every layer."""
    total = torch.zeros(n, n, dtype=torch.float64)
    for train, test in _rows(n, folds, seed):
        left = torch.zeros(len(test), n, dtype=torch.float64)
        left[:, train] = -1 / len(train)
        left[torch.arange(len(test)), test] += 1
        total += left.T @ left
    return total.to(device=like.device, dtype=like.dtype)


def _sums(y: Representation, rows: Tensor) -> Tensor:
    return sum(y.exact_unit(part).sum(dim=0) for part in rows.split(4096))  # type: ignore[return-value]


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


def _from_columns(
    x: Representation, y: Representation, alpha: float, folds: int, seed: int
) -> float:
    """As by samples, from products of columns within each fold."""
    residual = total = 0.0
    whole = [_fold_products(side, other, folds, seed) for side, other in ((x, x), (x, y))]
    for fold, (train, test) in enumerate(_rows(x.n, folds, seed)):
        sums = [_sums(side, test) for side in (x, y)]
        held = [products[fold] for products in whole]
        # Columns of unit sum to zero, so what is not held out sums to minus what is.
        means = [-each / len(train) if folds > 1 else 0 * each for each in sums]
        known = [
            (sum(products) - held[at] if folds > 1 else held[at])
            - len(train) * torch.outer(means[0], means[at])
            for at, products in enumerate(whole)
        ]
        tests = [
            held[at]
            - torch.outer(sums[0], means[at])
            - torch.outer(means[0], sums[at])
            + len(test) * torch.outer(means[0], means[at])
            for at in (0, 1)
        ]
        penalised = known[0].clone()
        penalised.diagonal().add_(_penalty(x, alpha, folds))
        weights = torch.cholesky_solve(known[1], torch.linalg.cholesky(penalised))
        held_total = (
            float(y.squares[test].sum())
            - 2 * float(sums[1] @ means[1])
            + len(test) * float(means[1] @ means[1])
        )
        fitted = float((weights * (tests[0] @ weights)).sum())
        residual += held_total - 2 * float((weights * tests[1]).sum()) + fitted
        total += held_total
    return 1 - residual / total


def _fold_products(x: Representation, y: Representation, folds: int, seed: int) -> list[Tensor]:
    """X'Y over the held-out rows of each fold, ``(width, other width)`` in float64."""

    def make() -> list[Tensor]:
        def one(test: Tensor) -> Tensor:
            parts = test.split(4096)
            return sum(  # type: ignore[return-value]
                (x.exact_unit(part).to(x.dtype).T @ y.exact_unit(part).to(y.dtype)).double()
                for part in parts
            )

        return list(alignkit.parallel_map(one, [test for _, test in _rows(x.n, folds, seed)]))

    return x.view(("r2_products", folds, seed), make) if x is y else make()
