"""Metrics that compare the subspaces spanned by representations."""

from __future__ import annotations

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import columns_are_cheaper, eigenvectors, qr_factor, singular_values

SINGLE = torch.finfo(torch.float32).eps
# Canonical correlations that differ by less are equal.
EQUAL = 1e-9


def cca(x: Representation, y: Representation, *, squared: bool = False) -> float:
    """Compute the mean canonical correlation (Hotelling 1936).

    The mean is taken over the smaller of the two numerical ranks, which count singular values
    above 1e-10 of the largest, or 1e-6 for values stored in float32. It lies in [0, 1], and
    higher means more aligned; it is 1 for any data with fewer samples than columns.

    Parameters
    ----------
    squared : bool
        Average the squared correlations instead.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant.
    """
    vectors = (side.singular[0].to(side.dtype) for side in (x, y))
    correlations = _correlations(*vectors).double()
    return float((correlations.square() if squared else correlations).mean())


def cca_chance(x: Representation, y: Representation, *, squared: bool = False) -> float | None:
    """Return the mean of ``cca`` over all permutations of rows if ``squared``; None otherwise."""
    ranks = [side.singular[0].shape[1] for side in (x, y)]
    return max(ranks) / (x.n - 1) if squared else None


def svcca(
    x: Representation,
    y: Representation,
    *,
    threshold: float = 0.99,
    dims: int | None = None,
    standardised: bool = False,
) -> float:
    """Compute singular vector canonical correlation (SVCCA, Raghu et al. 2017).

    It is the mean canonical correlation of the leading principal components of both
    representations, by an exact SVD. It lies in [0, 1], and higher means more aligned;
    unrelated subspaces of many dimensions score far above 0.

    Parameters
    ----------
    threshold : float
        Fraction of each representation's variance that its components must explain, in (0, 1].
        Components of equal variance are kept together, here as with ``dims``.
    dims : int, optional
        Keep this many components instead, or all if there are fewer; at least 1. More are kept
        where those after the last have the same variance.
    standardised : bool
        First scale every column to unit variance; the value then depends on rotation. Columns
        that are constant but for rounding are left out.

    Raises
    ------
    alignkit.UsageError
        If ``threshold`` is not in (0, 1], or ``dims`` is below 1.
    alignkit.UndefinedError
        If a representation is constant.
    """
    if standardised:
        x, y = (_standardised(side) for side in (x, y))
    _check_components(threshold, dims)
    if columns_are_cheaper(x, y):
        white_x, white_y = (_whitening(side, threshold, dims) for side in (x, y))
        correlations = singular_values(white_x.T @ x.cross(y, torch.float64) @ white_y)
        correlations = correlations.clamp(max=1)
    else:
        correlations = _correlations(*(_principal(side, threshold, dims) for side in (x, y)))
    return float(correlations.double().mean())


def pwcca(x: Representation, y: Representation, *, side: str = "smaller") -> float:
    """Compute projection-weighted canonical correlation (PWCCA, Morcos et al. 2018).

    It is the mean canonical correlation, weighted by how much of one representation each
    canonical variate accounts for: the weight of h_i is the sum of |<h_i, x_j>| over the columns
    x_j. It lies in [0, 1], and higher means more aligned. It is not symmetric if the ranks are
    equal. Where canonical correlations coincide (as at 1 if n - 1 is less than the sum of the
    ranks), their variates are not unique, but the subspace of these is: its weight is the sum of
    the lengths of the x_j projected onto it.

    Parameters
    ----------
    side : str
        Which representation sets the weights: ``x``, ``y`` or ``smaller``, the one of smaller
        rank (x if they are equal).

    Raises
    ------
    alignkit.UsageError
        For an unknown side.
    alignkit.UndefinedError
        If a representation is constant.
    """
    if side not in ("smaller", "x", "y"):
        raise alignkit.UsageError(f"pwcca: unknown side '{side}'; known: smaller, x, y")
    (u, _), (v, _) = x.singular, y.singular
    swap = side == "y" or (side == "smaller" and v.shape[1] < u.shape[1])
    weighing, u, v = (y, v, u) if swap else (x, u, v)
    a, correlations, _ = torch.linalg.svd(u.T @ v, full_matrices=False)
    along = ((u @ a).T @ weighing.exact_normalized(slice(None))).square()
    correlations = correlations.clamp(max=1)
    block = _blocks(correlations)
    squares = along.new_zeros(int(block[-1]) + 1, along.shape[1]).index_add_(0, block, along)
    weights = squares.sqrt().sum(dim=1)
    means = torch.zeros_like(weights).index_add_(0, block, correlations) / torch.bincount(block)
    return float(weights @ means / weights.sum())


def _blocks(descending: Tensor) -> Tensor:
    """Return the number of the block of equal values that each belongs to, from 0."""
    blocks, number, start = [], -1, float("inf")
    for value in descending.tolist():
        if start - value > EQUAL:
            number, start = number + 1, value
        blocks.append(number)
    return torch.tensor(blocks, device=descending.device)


def eigenspace_overlap(
    x: Representation, y: Representation, *, threshold: float = 1.0, dims: int | None = None
) -> float:
    """Compute the overlap of the column spaces, |U'V|^2 over the larger rank (May et al. 2019).

    It lies in [0, 1], and higher means more aligned.

    Parameters
    ----------
    threshold, dims
        Which principal components to keep, as for ``svcca``; by default all of them.

    Raises
    ------
    alignkit.UsageError
        If ``threshold`` is not in (0, 1], or ``dims`` is below 1.
    alignkit.UndefinedError
        If a representation is constant.
    """
    _check_components(threshold, dims)
    u, v = (_principal(side, threshold, dims) for side in (x, y))
    return float((u.T @ v).double().square().sum()) / max(u.shape[1], v.shape[1])


def eigenspace_overlap_chance(
    x: Representation, y: Representation, *, threshold: float = 1.0, dims: int | None = None
) -> float:
    """Return the mean over all permutations of rows: the smaller rank / (n - 1)."""
    return min(_principal(side, threshold, dims).shape[1] for side in (x, y)) / (x.n - 1)


def _correlations(u: Tensor, v: Tensor) -> Tensor:
    """Return the canonical correlations of two orthonormal bases, descending."""
    return singular_values(u.T @ v).clamp(max=1)


def _check_components(threshold: float, dims: int | None) -> None:
    if dims is not None and dims < 1:
        raise alignkit.UsageError(f"dims is {dims}; it must be at least 1")
    if not 0 < threshold <= 1:
        raise alignkit.UsageError(f"threshold is {threshold}; it must be above 0 and at most 1")


def _principal(x: Representation, threshold: float, dims: int | None) -> Tensor:
    """Return the left singular vectors of the components to keep, ``(n, components)``."""
    key = ("principal", threshold, dims)
    return x.view(key, lambda: _components(x, threshold, dims), "rows")


def _components(x: Representation, threshold: float, dims: int | None) -> Tensor:
    exact = x.exact_normalized(slice(None))
    wide = x.n <= x.width
    gram = alignkit.gram(exact if wide else exact.T)
    squares, axes = eigenvectors(gram, None if dims is None else dims + 1)
    kept = _n_components(squares, threshold, dims, x.rank_tolerance)
    if kept == len(squares) < len(gram):  # those that follow may have the same variance
        squares, axes = eigenvectors(gram)
        kept = _n_components(squares, threshold, dims, x.rank_tolerance)
    if kept == min(x.n, x.width) or float(squares[kept - 1]) < 1e-8 * float(squares[0]):
        # Squaring would lose components this small: decompose the matrix itself.
        vectors, values = x.singular
        kept = _n_components(values.square(), threshold, dims, x.rank_tolerance)
        return vectors[:, :kept].to(x.dtype)
    leading = axes[:, :kept] if wide else exact @ axes[:, :kept]
    basis: Tensor = torch.linalg.qr(leading).Q.to(x.dtype)
    return basis


def _whitening(x: Representation, threshold: float, dims: int | None) -> Tensor:
    """Return W, ``(width, components)``, so that ``normalized @ W`` is ``_principal``."""

    def make() -> Tensor:
        blocks = (x.exact_normalized(rows) for rows in x.slices())
        _, values, axes = torch.linalg.svd(qr_factor(blocks))
        kept = _n_components(values.square(), threshold, dims, x.rank_tolerance)
        whitening: Tensor = axes[:kept].T / values[:kept]
        return whitening

    return x.view(("whitening", threshold, dims), make, "same")


def _n_components(squares: Tensor, threshold: float, dims: int | None, tolerance: float) -> int:
    """Return how many components to keep, given their squared singular values, descending.

    Components of equal variance have no axes of their own, so that all are kept or none.
    """
    squares = squares.clamp(min=0)
    rank = int((squares > tolerance**2 * squares[0]).sum())
    if dims is not None:
        kept = min(dims, rank)
    elif threshold == 1:
        return len(squares)
    else:
        explained = squares.cumsum(0) / squares.sum()
        # The first count that reaches the threshold; rounding must not add components.
        kept = int((explained < threshold - 1e-12).sum()) + 1
    last = float(squares[kept - 1]) * (1 - tolerance)
    return max(kept, min(rank, int((squares >= last).sum())))


def _standardised(x: Representation) -> Representation:
    """Return the representation with every column scaled to unit variance."""

    def make() -> Representation:
        exact = x.exact_normalized(slice(None))
        deviation = torch.linalg.norm(exact, dim=0)
        # A constant column cannot be scaled to unit variance and is dropped; nor is one that is
        # the rest of a computation in single precision (or double, where the values are).
        varies = deviation > 8 * min(x.eps, SINGLE) * deviation.max()
        varies &= ~x.columns.constant
        columns = exact[:, varies] / deviation[varies]
        return Representation(columns, name=x.name, dtype=x.dtype, device=x.device)

    return x.view("standardised", make)
