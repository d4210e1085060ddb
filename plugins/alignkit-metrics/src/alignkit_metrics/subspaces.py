"""Metrics of the subspaces that representations span."""

from __future__ import annotations

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import by_columns, eigenvectors, singular_values, triangle


def cca(x: Representation, y: Representation, *, squared: bool = False) -> float:
    """Mean canonical correlation.

    Over the smaller of the two numerical ranks: singular values above 1e-10 of the largest, or
    1e-6 where values are stored in float32. In [0, 1], up is more aligned; 1 for any data
    where samples are fewer than columns.

    Parameters
    ----------
    squared : bool
        The mean of the squared correlations instead.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    vectors = (side.singular[0].to(side.dtype) for side in (x, y))
    correlations = _correlations(*vectors).double()
    return float((correlations.square() if squared else correlations).mean())


def cca_chance(x: Representation, y: Representation, *, squared: bool = False) -> float | None:
    """Mean of the squared form over all permutations of rows; the other has no closed form."""
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
    """Singular vector canonical correlation.

    Mean canonical correlation of the principal subspaces of both (Raghu et al. 2017), by an
    exact SVD. In [0, 1], up is more aligned; unrelated subspaces of many dimensions are far
    above 0.

    Parameters
    ----------
    threshold : float
        Share of the variance that the principal components of each side keep.
    dims : int, optional
        Keep so many components instead; all there are, if there are fewer.
    standardised : bool
        Give every column unit variance first; invariance to rotation is lost.

    Raises
    ------
    alignkit.UsageError
        When threshold is not in (0, 1], or dims is not from 1.
    alignkit.UndefinedError
        When a representation is constant.
    """
    if standardised:
        x, y = (_standardised(side) for side in (x, y))
    _check_components(threshold, dims)
    if by_columns(x, y):
        one, other = (_whitening(side, threshold, dims) for side in (x, y))
        correlations = singular_values(one.T @ x.cross(y, torch.float64) @ other).clamp(max=1)
    else:
        correlations = _correlations(*(_principal(side, threshold, dims) for side in (x, y)))
    return float(correlations.double().mean())


def pwcca(x: Representation, y: Representation, *, side: str = "smaller") -> float:
    """Canonical correlations weighted by how much of one side their variates account for.

    Weights are sum_j |<h_i, x_j>| over the columns of the weighing side (Morcos et al.
    2018). In [0, 1], up is more aligned. Not symmetric where the ranks are equal. Where
    canonical correlations are equal (all are 1 when samples are few) their variates are not
    unique, and neither is the weighting.

    Parameters
    ----------
    side : str
        ``smaller``: the side of the smaller rank, x if equal; or ``x`` or ``y``.

    Raises
    ------
    alignkit.UsageError
        For an unknown side.
    alignkit.UndefinedError
        When a representation is constant.
    """
    if side not in ("smaller", "x", "y"):
        raise alignkit.UsageError(f"pwcca: unknown side '{side}'; known: smaller, x, y")
    (u, _), (v, _) = x.singular, y.singular
    swap = side == "y" or (side == "smaller" and v.shape[1] < u.shape[1])
    weighing, u, v = (y, v, u) if swap else (x, u, v)
    a, correlations, _ = torch.linalg.svd(u.T @ v, full_matrices=False)
    weights = ((u @ a).T @ weighing.exact_unit(slice(None))).abs().sum(dim=1)
    return float((weights * correlations.clamp(max=1)).sum() / weights.sum())


def eigenspace_overlap(
    x: Representation, y: Representation, *, threshold: float = 1.0, dims: int | None = None
) -> float:
    """Overlap of column spaces: |U'V|^2 over the larger rank (May et al. 2019).

    In [0, 1], up is more aligned.

    Parameters
    ----------
    threshold, dims
        Which principal components are kept, as for ``svcca``; all of them by default.

    Raises
    ------
    alignkit.UsageError
        When threshold is not in (0, 1], or dims is not from 1.
    alignkit.UndefinedError
        When a representation is constant.
    """
    _check_components(threshold, dims)
    u, v = (_principal(side, threshold, dims) for side in (x, y))
    return float((u.T @ v).double().square().sum()) / max(u.shape[1], v.shape[1])


def eigenspace_overlap_chance(
    x: Representation, y: Representation, *, threshold: float = 1.0, dims: int | None = None
) -> float:
    """Mean over all permutations of rows: the smaller rank / (n - 1)."""
    return min(_principal(side, threshold, dims).shape[1] for side in (x, y)) / (x.n - 1)


def _correlations(u: Tensor, v: Tensor) -> Tensor:
    return singular_values(u.T @ v).clamp(max=1)


def _check_components(threshold: float, dims: int | None) -> None:
    if dims is not None and dims < 1:
        raise alignkit.UsageError(f"dims={dims} must be at least 1")
    if not 0 < threshold <= 1:
        raise alignkit.UsageError(f"threshold={threshold} must be above 0 and at most 1")


def _principal(x: Representation, threshold: float, dims: int | None) -> Tensor:
    """Left singular vectors of the components that are kept, ``(n, components)``."""
    key = ("principal", threshold, dims)
    return x.view(key, lambda: _components(x, threshold, dims), "rows")


def _components(x: Representation, threshold: float, dims: int | None) -> Tensor:
    exact = x.exact_unit(slice(None))
    wide = x.n <= x.width
    squares, axes = eigenvectors(alignkit.gram(exact if wide else exact.T), dims)
    kept = _count(squares, threshold, dims, x.rank_tolerance)
    if kept == min(x.n, x.width) or float(squares[kept - 1]) < 1e-8 * float(squares[0]):
        # So small components need their digits: the SVD of the matrix itself.
        vectors, values = x.singular
        kept = _count(values.square(), threshold, dims, x.rank_tolerance)
        return vectors[:, :kept].to(x.dtype)
    leading = axes[:, :kept] if wide else exact @ axes[:, :kept]
    return torch.linalg.qr(leading).Q.to(x.dtype)


def _whitening(x: Representation, threshold: float, dims: int | None) -> Tensor:
    """Maps columns of ``normalized`` to the vectors of ``_principal``, ``(width, components)``."""

    def make() -> Tensor:
        blocks = (x.exact_unit(rows) for rows in x.slices())
        _, values, axes = torch.linalg.svd(triangle(blocks))
        kept = _count(values.square(), threshold, dims, x.rank_tolerance)
        return axes[:kept].T / values[:kept]

    return x.view(("whitening", threshold, dims), make, "same")


def _count(squares: Tensor, threshold: float, dims: int | None, tolerance: float) -> int:
    """How many components are kept, of squared singular values, falling."""
    squares = squares.clamp(min=0)
    if dims is not None:
        return min(dims, int((squares > tolerance**2 * squares[0]).sum()))
    if threshold == 1:
        return len(squares)
    share = squares.cumsum(0) / squares.sum()
    # The first count whose share reaches the threshold; rounding must not add components.
    return int((share < threshold - 1e-12).sum()) + 1


def _standardised(x: Representation) -> Representation:
    def make() -> Representation:
        exact = x.exact_unit(slice(None))
        deviation = torch.linalg.norm(exact, dim=0)
        # A constant column has no unit variance; it stays out.
        varies = deviation > 8 * x.eps * deviation.max()
        columns = exact[:, varies] / deviation[varies]
        return Representation(columns, name=x.name, dtype=x.dtype, device=x.device)

    return x.view("standardised", make)
