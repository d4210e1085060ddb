"""Metrics of Gram matrices: similarity of similarities."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.factor import by_columns


def cka(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Linear centred kernel alignment, biased.

    <K, L> / (|K| |L|) of the centred Gram matrices K and L, in Frobenius norm
    (Kornblith et al. 2019). In [0, 1], up is more aligned. It is far above 0 on unrelated
    data where samples are few for the width: see the chance level beside it.

    Parameters
    ----------
    normed : bool
        Give every row the length one first, then centre.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    x, y = _sides(x, y, normed)
    return product(x, y) / _norms(x, y)


def cka_chance(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Mean of ``cka`` over all permutations of rows: tr K tr L / ((n - 1) |K| |L|)."""
    x, y = _sides(x, y, normed)
    return 1 / ((x.n - 1) * _norms(x, y))  # the traces are 1


def cka_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    normed: bool = False,
) -> np.ndarray:
    """Values of ``cka`` on permuted rows of y."""
    return null_products(lambda x: _unit(_side(x, normed).normalized_gram), xs, ys, orders)


def unbiased_cka(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Linear CKA from the unbiased estimator of HSIC.

    HSIC_u(K, L) / sqrt(HSIC_u(K, K) HSIC_u(L, L)) (Song et al. 2012), from <K, L> and the
    diagonals alone: rows of a centred Gram matrix sum to zero. In [-1, 1], up is more aligned;
    its mean over permutations of rows is 0.

    Parameters
    ----------
    normed : bool
        Give every row the length one first.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant, or there are fewer than 4 samples.
    """
    x, y = _sides(x, y, normed)
    return _unbiased_hsic(x, y) / math.sqrt(_own_hsic(x) * _own_hsic(y))


def unbiased_cka_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    normed: bool = False,
) -> np.ndarray:
    """Values of ``unbiased_cka`` on permuted rows of y."""
    return null_products(
        lambda x: _unit(_u_centred(_side(x, normed).normalized_gram)), xs, ys, orders
    )


def zero(x: Representation, y: Representation, **parameters: object) -> float:
    """The chance level of metrics whose mean over permutations of rows is 0."""
    return 0.0


def cka_rbf(
    x: Representation, y: Representation, *, factor: float = 1.0, bandwidth: float | None = None
) -> float:
    """CKA of Gaussian kernels exp(-d^2 / 2 s^2), biased (Kornblith et al. 2019).

    In [0, 1], up is more aligned.

    Parameters
    ----------
    factor : float
        s is this times the median of the n (n - 1) / 2 distances.
    bandwidth : float, optional
        A fixed s for both instead; invariance to scale is lost.

    Raises
    ------
    alignkit.UsageError
        When factor or bandwidth is not positive.
    alignkit.UndefinedError
        When a representation is constant, or more than half of the distances are 0.
    """
    return _cosine(*(_gaussian(side, factor, bandwidth) for side in (x, y)))


def cka_rbf_chance(
    x: Representation, y: Representation, *, factor: float = 1.0, bandwidth: float | None = None
) -> float:
    """Mean of ``cka_rbf`` over all permutations of rows, in closed form."""
    k, l = (_gaussian(side, factor, bandwidth) for side in (x, y))  # noqa: E741
    return _trace(k) * _trace(l) / ((x.n - 1) * _length(k) * _length(l))


def cka_rbf_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    factor: float = 1.0,
    bandwidth: float | None = None,
) -> np.ndarray:
    """Values of ``cka_rbf`` on permuted rows of y."""
    return null_products(lambda x: _unit(_gaussian(x, factor, bandwidth)[0]), xs, ys, orders)


def rv2(x: Representation, y: Representation) -> float:
    """Modified RV coefficient: cosine of the Gram matrices without their diagonals.

    Smilde et al. 2009. In [-1, 1], up is more aligned. Dropping the diagonal takes away most
    of what makes ``cka`` high on unrelated data.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    lengths = [product(side, side) - _diagonals(side, side) for side in (x, y)]
    if min(lengths) <= 0:
        raise alignkit.UndefinedError("all samples are orthogonal to each other")
    return (product(x, y) - _diagonals(x, y)) / math.sqrt(lengths[0] * lengths[1])


def rv2_chance(x: Representation, y: Representation) -> float:
    """Mean of ``rv2`` over all permutations of rows, in closed form."""
    lengths = [product(side, side) - _diagonals(side, side) for side in (x, y)]
    # Off the diagonal a centred Gram matrix of trace 1 sums to -1.
    return 1 / (x.n * (x.n - 1) * math.sqrt(lengths[0] * lengths[1]))


def rv2_null(
    xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
) -> np.ndarray:
    """Values of ``rv2`` on permuted rows of y."""
    return null_products(
        lambda x: _unit(x.normalized_gram.clone().fill_diagonal_(0)), xs, ys, orders
    )


def distance_correlation(x: Representation, y: Representation, *, unbiased: bool = False) -> float:
    """Distance correlation of Euclidean distances (Szekely et al. 2007).

    The square root of the cosine of double-centred distance matrices. In [0, 1], up is more
    aligned; 0 only where the populations are independent.

    Parameters
    ----------
    unbiased : bool
        The bias-corrected squared coefficient instead (Szekely and Rizzo 2013), in [-1, 1].

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant, or unbiased with fewer than 4 samples.
    """
    value = _cosine(*(_centred_distances(side, unbiased) for side in (x, y)))
    return value if unbiased else math.sqrt(max(0.0, value))


def distance_correlation_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    unbiased: bool = False,
) -> np.ndarray:
    """Values of ``distance_correlation`` on permuted rows of y."""
    values = null_products(lambda x: _unit(_centred_distances(x, unbiased)[0]), xs, ys, orders)
    return values if unbiased else np.sqrt(np.maximum(0, values))


def product(x: Representation, y: Representation) -> float:
    """<K, L> of the Gram matrices of trace 1: of samples, or of columns where those are fewer."""
    return _product(x, y, by_columns(x, y))


def _product(x: Representation, y: Representation, columns: bool) -> float:
    if columns:
        return float(x.cross(y).square().sum())
    return alignkit.inner(x.normalized_gram, y.normalized_gram)


def null_products(
    make: Callable[[Representation], Tensor],
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
) -> np.ndarray:
    """Products of what is made of every layer, with samples of y reordered."""
    return alignkit.permuted_products([make(x) for x in xs], [make(y) for y in ys], orders)


def squared_distances(points: Tensor) -> Tensor:
    """Squared Euclidean distances of rows, ``(n, n)``, zero on the diagonal."""
    return distances_of(alignkit.gram(points), points.square().sum(dim=1))


def distances_of(products: Tensor, squares: Tensor) -> Tensor:
    """Squared distances from inner products, which are overwritten, and squared lengths."""
    distances = products.mul_(-2).add_(squares[:, None]).add_(squares)
    return distances.clamp_(min=0).fill_diagonal_(0)


def _sides(
    x: Representation, y: Representation, normed: bool
) -> tuple[Representation, Representation]:
    return _side(x, normed), _side(y, normed)


def _side(x: Representation, normed: bool) -> Representation:
    return _normed(x) if normed else x


def _normed(x: Representation) -> Representation:
    def make() -> Representation:
        rows = x.exact_unit_rows(slice(None))
        return Representation(rows, name=x.name, dtype=x.dtype, device=x.device)

    return x.view("normed", make)


def _norms(x: Representation, y: Representation) -> float:
    """|K| |L|, each from the same kind of product as <K, L>."""
    columns = by_columns(x, y)
    return math.sqrt(_own_product(x, columns) * _own_product(y, columns))


def _own_product(x: Representation, columns: bool) -> float:
    return x.shared(("own_product", columns), lambda: _product(x, x, columns), "same")


def _diagonals(x: Representation, y: Representation) -> float:
    return float(x.squares @ y.squares)


def _unbiased_hsic(x: Representation, y: Representation) -> float:
    """n (n - 3) times the estimator; the traces are 1 and the rows sum to 0."""
    n = x.n
    if n < 4:
        raise alignkit.UndefinedError(f"{x.name or 'the representation'} has {n} samples, needs 4")
    diagonals = _diagonals(x, y)
    return product(x, y) - diagonals + (1 / (n - 1) - 2 * diagonals) / (n - 2)


def _own_hsic(x: Representation) -> float:
    value = _unbiased_hsic(x, x)
    if value <= 1e-15:
        raise alignkit.UndefinedError(
            f"{x.name or 'the representation'}: all samples are equally far from each other"
        )
    return value


def _u_centred(k: Tensor) -> Tensor:
    """Centre so that <A, B> / (n (n - 3)) is the unbiased HSIC (Szekely and Rizzo 2014)."""
    n = len(k)
    k = k.clone().fill_diagonal_(0)
    rows = k.sum(dim=0, dtype=torch.float64)
    shift = (rows / (n - 2) - rows.sum() / (2 * (n - 1) * (n - 2))).to(k.dtype)
    return k.sub_(shift[:, None]).sub_(shift).fill_diagonal_(0)


def _gaussian(x: Representation, factor: float, bandwidth: float | None) -> tuple[Tensor, float]:
    """Centred kernel matrix and its length."""
    if factor <= 0 or (bandwidth is not None and bandwidth <= 0):
        raise alignkit.UsageError("cka_rbf: factor and bandwidth must be positive")

    def make() -> tuple[Tensor, float]:
        squares = distances_of(x.normalized_gram.clone(), x.squares.to(x.dtype))
        scale = (bandwidth / x.norm) ** 2 if bandwidth else factor**2 * _median(x, squares)
        kernel = _double_centred(squares.mul_(-0.5 / scale).exp_())
        return kernel, math.sqrt(alignkit.inner(kernel, kernel))

    return x.view(
        ("gaussian", factor, bandwidth),
        make,
        lambda view, order: (view[0][order][:, order], view[1]),
    )


def _median(x: Representation, squares: Tensor) -> float:
    """Square of the median distance; the mean of the middle two where there are two."""
    upper = squares.cpu().numpy()[np.triu(np.ones((x.n, x.n), dtype=bool), 1)]
    middle = [(len(upper) - 1) // 2, len(upper) // 2]
    median = float(np.sqrt(np.partition(upper, middle)[middle].astype(float)).mean())
    if median == 0:
        name = x.name or "the representation"
        raise alignkit.UndefinedError(f"half of the distances of {name} are 0")
    return median**2


def _double_centred(k: Tensor) -> Tensor:
    rows = k.mean(dim=0, dtype=torch.float64)
    shift = (rows - rows.mean() / 2).to(k.dtype)
    return k.sub_(shift[:, None]).sub_(shift)


def _centred_distances(x: Representation, unbiased: bool) -> tuple[Tensor, float]:
    def make() -> tuple[Tensor, float]:
        if unbiased and x.n < 4:
            name = x.name or "the representation"
            raise alignkit.UndefinedError(f"{name} has {x.n} samples, needs 4")
        # In float64: a root doubles the share that rounding has in what is small.
        distances = squared_distances(x.exact_unit(slice(None))).sqrt_().to(x.dtype)
        centred = _u_centred(distances) if unbiased else _double_centred(distances)
        return centred, math.sqrt(alignkit.inner(centred, centred))

    return x.view(
        ("centred_distances", unbiased),
        make,
        lambda view, order: (view[0][order][:, order], view[1]),
    )


def _cosine(k: tuple[Tensor, float], l: tuple[Tensor, float]) -> float:  # noqa: E741
    """Cosine of two matrices; one without length has no direction."""
    if k[1] == 0 or l[1] == 0:
        raise alignkit.UndefinedError("all samples are equally far from each other")
    return alignkit.inner(k[0], l[0]) / (k[1] * l[1])


def _unit(k: Tensor) -> Tensor:
    return k / math.sqrt(alignkit.inner(k, k))


def _trace(k: tuple[Tensor, float]) -> float:
    return float(k[0].diagonal().sum(dtype=torch.float64))


def _length(k: tuple[Tensor, float]) -> float:
    return k[1]
