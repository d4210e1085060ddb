"""Metrics of prediction: how much of one representation the other explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import columns_are_cheaper

DIRECTIONS = ("xy", "yx")
# Rows that are read at once.
BLOCK = 4096


@dataclass(frozen=True)
class Folds:
    """Which samples are held out together.

    Attributes
    ----------
    n, count, seed : int
        Numbers of samples and of folds, and the seed.
    ids : tuple of str, optional
        The ids of the samples in the order of the rows, where they are known.
    groups : tuple of int, optional
        The groups of the samples, each of which is held out as a whole.
    """

    n: int
    count: int
    seed: int
    ids: tuple[str, ...] | None = None
    groups: tuple[int, ...] | None = None

    @classmethod
    def of(cls, x: Representation, y: Representation, count: int, seed: int) -> Folds:
        """Return the folds of two representations of the same samples.

        Permuted rows have no ids: those of the other side say which samples the rows are.

        Raises
        ------
        alignkit.UsageError
            If there are fewer groups than folds.
        """
        side = x if x.ids is not None or y.ids is None else y
        groups = None if side.groups is None else tuple(side.groups.tolist())
        if groups is not None and len(set(groups)) < count:
            raise alignkit.UsageError(
                f"r2: folds is {count}, and there are {len(set(groups))} groups of samples, each "
                "of which is held out as a whole; choose fewer folds"
            )
        return cls(x.n, count, seed, None if side.ids is None else tuple(side.ids), groups)

    @cached_property
    def splits(self) -> list[tuple[Tensor, Tensor]]:
        """The training and the held-out rows of every fold."""
        n = self.n
        if self.count == 1:
            return [(torch.arange(n), torch.arange(n))]
        rows = np.arange(n)
        if self.ids is not None:
            rows = np.argsort(np.asarray(self.ids), kind="stable")
        rng = np.random.default_rng([self.seed, n])
        if self.groups is None:
            parts = list(torch.from_numpy(rows[rng.permutation(n)]).tensor_split(self.count))
        else:
            parts = self._of_groups(rows, rng)
        return [
            (
                torch.cat([p for j, p in enumerate(parts) if j != i]).sort().values,
                part.sort().values,
            )
            for i, part in enumerate(parts)
        ]

    def _of_groups(self, rows: np.ndarray, rng: np.random.Generator) -> list[Tensor]:
        """Return folds of whole groups: each goes where there are fewest samples so far."""
        groups: dict[int, list[int]] = {}
        for row in rows.tolist():
            groups.setdefault((self.groups or ())[row], []).append(row)
        members = list(groups.values())
        parts: list[list[int]] = [[] for _ in range(self.count)]
        for at in rng.permutation(len(members)):
            min(parts, key=len).extend(members[at])
        return [torch.tensor(part) for part in parts]


def r2(
    x: Representation,
    y: Representation,
    *,
    alpha: float = 1e-3,
    folds: int = 5,
    seed: int = 0,
    direction: str = "xy",
) -> float:
    """Compute the fraction of y's variance explained by ridge regression on x, held out.

    It is the cross-validated R2 over all columns of y together: 1 - residual / total, both sums
    of squares over held-out rows, the total around the means of the training rows. It is at
    most 1 and has no lower bound; higher means more aligned. It is not symmetric, and it is
    below 1 on identical input, because held-out rows are predicted, not fitted.

    Parameters
    ----------
    alpha : float
        Ridge penalty relative to the mean squared singular value of x, so that the scale of x
        does not matter; it is multiplied by 1 - 1 / folds to match the number of fitted rows.
        0 gives the least-squares solution of minimum norm.
    folds : int
        Number of cross-validation folds, from 1 to n; with 1, fit and score use the same rows.
    seed : int
        Seed of the assignment of samples to folds. Samples with ids are assigned in the order
        of their ids, so that the order of the rows does not matter; arrays without ids are
        assigned by row. Where samples come in groups, a whole group is in one fold.
    direction : str
        ``xy``: predict y from x; ``yx``: predict x from y.

    Raises
    ------
    alignkit.UsageError
        If ``folds`` is not between 1 and n, ``alpha`` is negative, or the direction is unknown.
    alignkit.UndefinedError
        If a representation is constant.

    Notes
    -----
    The held-out residuals are linear in y, so their sum of squares is <B, K>, with K the Gram
    matrix of y and B, ``(n, n)``, computed once from x: a pair costs one product of two
    matrices. B itself takes one factorisation rather than one per fold, because held-out
    residuals follow from those of the fit to all rows (Cook 1977; the block form of
    leave-one-out).
    """
    source, target = _source_and_target(x, y, folds, alpha, direction)
    held_out = Folds.of(x, y, folds, seed)
    if columns_are_cheaper(x, y) and alpha > 0:
        return _r2_from_columns(source, target, alpha, held_out)
    residual = alignkit.inner(_residual_form(source, alpha, held_out), target.normalized_gram)
    return 1 - residual / _held_out_total(target, held_out)


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
    """Return the values of ``r2`` with the rows of y permuted; None for direction ``yx``."""
    _source_and_target(xs[0], ys[0], folds, alpha, direction)
    if direction != "xy":
        return None
    held_out = Folds.of(xs[0], ys[0], folds, seed)
    forms = [_residual_form(x, alpha, held_out) for x in xs]
    forms.append(_total_form(held_out, ys[0]))
    grams = [y.normalized_gram for y in ys]
    sums = alignkit.permuted_products(forms, grams, orders)
    r2s: np.ndarray = 1 - sums[:, :-1] / sums[:, -1:]
    return r2s


def _source_and_target(
    x: Representation, y: Representation, folds: int, alpha: float, direction: str
) -> tuple[Representation, Representation]:
    """Check the options and return the predictor and what it predicts."""
    if direction not in DIRECTIONS:
        raise alignkit.UsageError(f"r2: unknown direction '{direction}'; known: xy, yx")
    if not 1 <= folds <= x.n:
        raise alignkit.UsageError(f"r2: folds is {folds}; it must be between 1 and n = {x.n}")
    if alpha < 0:
        raise alignkit.UsageError(f"r2: alpha is {alpha}; it must be at least 0")
    return (x, y) if direction == "xy" else (y, x)


def _residual_form(x: Representation, alpha: float, folds: Folds) -> Tensor:
    """Return B, ``(n, n)``: the sum over folds of A'A, where A y are the held-out residuals."""

    def make() -> Tensor:
        if alpha == 0:
            exact = x.exact_normalized(slice(None))
            maps = [_held_out_residual_maker(exact, *split) for split in folds.splits]
        else:
            maker = _residual_maker(x, alpha, folds.count)
            maps = [
                maker if folds.count == 1 else _inverse(maker[test][:, test]) @ maker[test]
                for _, test in folds.splits
            ]
        return alignkit.gram(torch.cat([to_residuals.to(x.dtype) for to_residuals in maps]).T)

    return x.view(("r2_residual_form", alpha, folds), make)


def _residual_maker(x: Representation, alpha: float, folds: int) -> Tensor:
    """Return I - H, which maps y to the residuals of the fit to all rows, ``(n, n)`` float64."""
    exact = x.exact_normalized(slice(None))
    penalty = _penalty(x, alpha, folds)
    if x.n <= x.width:
        # I - K (K + p)^-1 = p (K + p)^-1, minus the mean.
        inner = alignkit.gram(exact)
        inner.diagonal().add_(penalty)
        return _inverse(inner) * penalty - 1 / x.n
    inner = alignkit.gram(exact.T)
    inner.diagonal().add_(penalty)
    root = torch.linalg.solve_triangular(torch.linalg.cholesky(inner), exact.T, upper=False)
    maker = alignkit.gram(root.T).neg_().sub_(1 / x.n)
    maker.diagonal().add_(1)
    return maker


def _inverse(matrix: Tensor) -> Tensor:
    """Return the inverse of a positive definite matrix; only its lower triangle is read."""
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


def _held_out_residual_maker(exact: Tensor, train: Tensor, test: Tensor) -> Tensor:
    """Return the map from y to its held-out residuals under minimum-norm least squares.

    Its shape is ``(held out, n)``.
    """
    mean = exact[train].mean(dim=0)
    hat = (exact[test] - mean) @ torch.linalg.pinv(exact[train] - mean, rtol=1e-10)
    maker = exact.new_zeros(len(test), len(exact))
    # Predictions are the means of the training rows plus the hat matrix times deviations.
    maker[:, train] = (hat.sum(dim=1, keepdim=True) - 1) / len(train) - hat
    maker[torch.arange(len(test), device=maker.device), test] += 1
    return maker


def _penalty(x: Representation, alpha: float, folds: int) -> float:
    """Return the penalty for ``normalized``, whose squared singular values sum to 1."""
    fitted = 1 - 1 / folds if folds > 1 else 1
    return alpha * fitted / min(x.n, x.width)


def _held_out_total(y: Representation, folds: Folds) -> float:
    """Return the sum of squares of held-out rows around the training mean, over |Y centred|^2."""

    def make() -> float:
        total = 0.0
        for train, test in folds.splits:
            test_sum, train_sum = (_column_sums(y, rows) for rows in (test, train))
            mean = train_sum / len(train)
            squares = float(y.squares[test].sum())
            total += squares - 2 * float(test_sum @ mean) + len(test) * float(mean @ mean)
        return total

    return y.view(("r2_total", folds), make)


def _total_form(folds: Folds, like: Representation) -> Tensor:
    """Return B for predictions by the training mean alone; it is the same for every layer."""
    total = torch.zeros(folds.n, folds.n, dtype=torch.float64)
    for train, test in folds.splits:
        maker = torch.zeros(len(test), folds.n, dtype=torch.float64)
        maker[:, train] = -1 / len(train)
        maker[torch.arange(len(test)), test] += 1
        total += maker.T @ maker
    return total.to(device=like.device, dtype=like.dtype)


def _column_sums(y: Representation, rows: Tensor) -> Tensor:
    """Return the column sums of ``normalized`` over some rows, ``(width,)`` in float64."""
    total = torch.zeros(y.width, dtype=torch.float64, device=y.device)
    for block in torch.split(rows, BLOCK):
        total += y.exact_normalized(block).sum(dim=0)
    return total


def _r2_from_columns(x: Representation, y: Representation, alpha: float, folds: Folds) -> float:
    """Return ``r2`` computed from products of columns within each fold."""
    residual = total = 0.0
    products_by_fold = [_fold_products(x, side, folds) for side in (x, y)]
    for fold, (train, test) in enumerate(folds.splits):
        sums = [_column_sums(side, test) for side in (x, y)]
        held_out = [products[fold] for products in products_by_fold]
        # Columns of ``normalized`` sum to zero, so the training rows sum to minus the rest.
        means = [-each / len(train) if folds.count > 1 else 0 * each for each in sums]
        train_products = [
            (sum(products) - held_out[at] if folds.count > 1 else held_out[at])
            - len(train) * torch.outer(means[0], means[at])
            for at, products in enumerate(products_by_fold)
        ]
        test_products = [
            held_out[at]
            - torch.outer(sums[0], means[at])
            - torch.outer(means[0], sums[at])
            + len(test) * torch.outer(means[0], means[at])
            for at in (0, 1)
        ]
        penalised = train_products[0].clone()
        penalised.diagonal().add_(_penalty(x, alpha, folds.count))
        weights = torch.cholesky_solve(train_products[1], torch.linalg.cholesky(penalised))
        test_total = (
            float(y.squares[test].sum())
            - 2 * float(sums[1] @ means[1])
            + len(test) * float(means[1] @ means[1])
        )
        fitted = float((weights * (test_products[0] @ weights)).sum())
        residual += test_total - 2 * float((weights * test_products[1]).sum()) + fitted
        total += test_total
    return 1 - residual / total


def _fold_products(x: Representation, y: Representation, folds: Folds) -> list[Tensor]:
    """Return X'Y over the held-out rows of each fold, ``(x.width, y.width)`` in float64."""

    def make() -> list[Tensor]:
        def product(rows: Tensor) -> Tensor:
            total = torch.zeros(x.width, y.width, dtype=torch.float64, device=x.device)
            for block in torch.split(rows, BLOCK):
                total += x.exact_normalized(block).to(x.dtype).T @ y.exact_normalized(block).to(
                    y.dtype
                )
            return total

        return list(alignkit.parallel_map(product, [test for _, test in folds.splits]))

    return x.view(("r2_products", folds), make) if x is y else make()
