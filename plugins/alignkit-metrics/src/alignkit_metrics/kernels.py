"""Metrics that compare Gram matrices or matrices of pairwise distances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit_metrics.blur import is_only_rounding
from alignkit_metrics.factor import columns_are_cheaper

# Squared distances below this multiple of their rounding are computed from differences.
FINE = 1000
# Squared distances below this multiple of the largest squared length are rounding in float64.
ZERO = 1e-14


def cka(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Compute linear centred kernel alignment (CKA), biased.

    It is <K, L> / (|K| |L|) for the centred Gram matrices K and L, with Frobenius norms
    (Kornblith et al. 2019). It lies in [0, 1], and higher means more aligned. With few samples
    relative to the width it is far above 0 even on unrelated data (Gaussian noise of width 768:
    0.93 at 64 samples, 0.60 at 512, 0.43 at 1024): compare it with its chance level, or use
    ``unbiased_cka``.

    Parameters
    ----------
    normed : bool
        First scale every row to length one, then centre.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant.
    """
    x, y = _preprocessed(x, normed), _preprocessed(y, normed)
    return gram_product(x, y) / _gram_norms(x, y)


def cka_chance(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Return the mean of ``cka`` over all permutations: tr K tr L / ((n - 1) |K| |L|)."""
    x, y = _preprocessed(x, normed), _preprocessed(y, normed)
    return 1 / ((x.n - 1) * _gram_norms(x, y))  # the traces are 1


def cka_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    normed: bool = False,
) -> np.ndarray:
    """Return the values of ``cka`` with the rows of y permuted."""
    return null_products(
        lambda x: _normalized(_preprocessed(x, normed).normalized_gram), xs, ys, orders
    )


def unbiased_cka(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Compute linear CKA from the unbiased estimator of HSIC.

    It is HSIC_u(K, L) / sqrt(HSIC_u(K, K) HSIC_u(L, L)) (Song et al. 2012; Nguyen et al. 2020),
    computed from <K, L> and the diagonals alone, as the rows of a centred Gram matrix sum to
    zero. It lies in [-1, 1], and higher means more aligned; its mean over permutations of rows
    is 0.

    Parameters
    ----------
    normed : bool
        First scale every row to length one.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant, or there are fewer than 4 samples.
    """
    own = _self_hsic(x, normed) * _self_hsic(y, normed)
    return _unbiased_hsic(_preprocessed(x, normed), _preprocessed(y, normed)) / math.sqrt(own)


def unbiased_cka_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    normed: bool = False,
) -> np.ndarray:
    """Return the values of ``unbiased_cka`` with the rows of y permuted."""
    return null_products(
        lambda x: _normalized(_u_centred(_preprocessed(x, normed).normalized_gram)), xs, ys, orders
    )


def zero_chance(x: Representation, y: Representation, **parameters: object) -> float:
    """Return 0, the chance level of metrics whose mean over permutations of rows is 0."""
    del x, y, parameters
    return 0.0


def cka_rbf(
    x: Representation, y: Representation, *, factor: float = 1.0, bandwidth: float | None = None
) -> float:
    """Compute CKA with Gaussian kernels exp(-d^2 / 2 s^2), biased (Kornblith et al. 2019).

    It lies in [0, 1], and higher means more aligned.

    Parameters
    ----------
    factor : float
        The bandwidth s as a multiple of the median of the n (n - 1) / 2 distances.
    bandwidth : float, optional
        A fixed s for both representations instead; it makes the value depend on their scale.

    Raises
    ------
    alignkit.UsageError
        If ``factor`` or ``bandwidth`` is not positive.
    alignkit.UndefinedError
        If a representation is constant, or more than half of its distances are 0 to rounding.
    """
    return _cosine(*(_gaussian(side, factor, bandwidth) for side in (x, y)))


def cka_rbf_chance(
    x: Representation, y: Representation, *, factor: float = 1.0, bandwidth: float | None = None
) -> float:
    """Return the mean of ``cka_rbf`` over all permutations of rows, in closed form."""
    (k_x, norm_x), (k_y, norm_y) = (_gaussian(side, factor, bandwidth) for side in (x, y))
    return _trace(k_x) * _trace(k_y) / ((x.n - 1) * norm_x * norm_y)


def cka_rbf_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    factor: float = 1.0,
    bandwidth: float | None = None,
) -> np.ndarray:
    """Return the values of ``cka_rbf`` with the rows of y permuted."""
    return null_products(lambda x: _normalized(_gaussian(x, factor, bandwidth)[0]), xs, ys, orders)


def rv2(x: Representation, y: Representation) -> float:
    """Compute the modified RV coefficient (Smilde et al. 2009).

    It is the cosine similarity of the centred Gram matrices without their diagonals. It lies in
    [-1, 1], and higher means more aligned. Leaving out the diagonals removes most of what
    inflates ``cka`` on unrelated data.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant.
    """
    squares = _off_diagonal(x, x), _off_diagonal(y, y)
    if min(squares) <= 0:
        raise alignkit.UndefinedError("all samples are orthogonal to each other")
    return _off_diagonal(x, y) / math.sqrt(squares[0] * squares[1])


def rv2_chance(x: Representation, y: Representation) -> float:
    """Return the mean of ``rv2`` over all permutations of rows, in closed form."""
    # The off-diagonal entries of a centred Gram matrix of trace 1 sum to -1.
    return 1 / (x.n * (x.n - 1) * math.sqrt(_off_diagonal(x, x) * _off_diagonal(y, y)))


def rv2_null(
    xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
) -> np.ndarray:
    """Return the values of ``rv2`` with the rows of y permuted."""
    return null_products(
        lambda x: _normalized(x.normalized_gram.clone().fill_diagonal_(0)), xs, ys, orders
    )


def distance_correlation(x: Representation, y: Representation, *, unbiased: bool = False) -> float:
    """Compute the distance correlation, from Euclidean distances (Szekely et al. 2007).

    It is the square root of the cosine similarity of the double-centred distance matrices. It
    lies in [0, 1], and higher means more aligned; in the population it is 0 only under
    independence.

    Parameters
    ----------
    unbiased : bool
        Compute the bias-corrected squared coefficient instead (Szekely and Rizzo 2013), in
        [-1, 1].

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant, or ``unbiased`` with fewer than 4 samples.
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
    """Return the values of ``distance_correlation`` with the rows of y permuted."""
    values = null_products(
        lambda x: _normalized(_centred_distances(x, unbiased)[0]), xs, ys, orders
    )
    return values if unbiased else np.sqrt(np.maximum(0, values))


def gram_product(x: Representation, y: Representation) -> float:
    """Return <K, L> for the centred Gram matrices, each scaled to trace 1.

    It is computed from products of columns where those are cheaper, as <K, L> = |X'Y|^2.
    """
    return _gram_product(x, y, columns_are_cheaper(x, y))


def _gram_product(x: Representation, y: Representation, columns: bool) -> float:
    if columns:
        return float(x.cross(y).square().sum())
    return alignkit.inner(x.normalized_gram, y.normalized_gram)


def null_products(
    make: Callable[[Representation], Tensor],
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
) -> np.ndarray:
    """Return <make(x), make(y)> for every pair of layers and order of the samples of y.

    Returns
    -------
    ndarray (len(orders), len(xs), len(ys))
    """
    return alignkit.permuted_products([make(x) for x in xs], [make(y) for y in ys], orders)


def squared_distances(points: Tensor) -> Tensor:
    """Return the squared Euclidean distances between rows, ``(n, n)``, zero on the diagonal.

    Between equal points in float64, they are zero.
    """
    squares = points.square().sum(dim=1)
    return distances_from_products(alignkit.gram(points), squares, ZERO * float(squares.max()))


def distances_from_products(products: Tensor, squares: Tensor, zero: float = 0.0) -> Tensor:
    """Return squared distances from inner products, which are overwritten, and squared lengths.

    Those up to ``zero`` are what rounding leaves of it.
    """
    distances = products.mul_(-2).add_(squares[:, None]).add_(squares)
    return torch.threshold_(distances, zero, 0.0).fill_diagonal_(0)


def _preprocessed(x: Representation, normed: bool) -> Representation:
    """Return the representation, with its rows scaled to length one if ``normed``."""

    def make() -> Representation:
        rows = x.exact_unit_rows(slice(None))
        x.check_directions(rows)
        return Representation(rows, name=x.name, dtype=x.dtype, device=x.device)

    return x.view("normed", make) if normed else x


def _gram_norms(x: Representation, y: Representation) -> float:
    """Return |K| |L|, each computed in the same way as <K, L>."""
    columns = columns_are_cheaper(x, y)
    return math.sqrt(_self_product(x, columns) * _self_product(y, columns))


def _self_product(x: Representation, columns: bool) -> float:
    return x.shared(("self_product", columns), lambda: _gram_product(x, x, columns), "same")


def _diagonal_product(x: Representation, y: Representation) -> float:
    return float(x.squares @ y.squares)


def _off_diagonal(x: Representation, y: Representation) -> float:
    """Return <K, L> over the off-diagonal entries."""
    return gram_product(x, y) - _diagonal_product(x, y)


def _unbiased_hsic(x: Representation, y: Representation) -> float:
    """Return n (n - 3) times the estimator, for Gram matrices of trace 1 whose rows sum to 0."""
    _check_four_samples(x)
    n, diagonals = x.n, _diagonal_product(x, y)
    return gram_product(x, y) - diagonals + (1 / (n - 1) - 2 * diagonals) / (n - 2)


def _check_four_samples(x: Representation) -> None:
    if x.n < 4:
        raise alignkit.UndefinedError(
            f"{x.name or 'the representation'} has {x.n} samples; at least 4 are needed"
        )


def _self_hsic(x: Representation, normed: bool) -> float:
    points = _preprocessed(x, normed)
    value, whole = _unbiased_hsic(points, points), _self_product(points, columns_are_cheaper(x, x))
    least = max(1e-15, 4 * torch.finfo(x.dtype).eps * whole)
    # Of equal distances, rounding leaves less than half of the whole, even in few bits.
    if value <= least or (value < whole / 2 and is_only_rounding(value, x, normed)):
        raise alignkit.UndefinedError(
            f"all samples of {x.name or 'the representation'} are equally far from each other"
        )
    return value


def _u_centred(k: Tensor) -> Tensor:
    """Centre a matrix so that <A, B> / (n (n - 3)) is unbiased HSIC (Szekely and Rizzo 2014)."""
    n = len(k)
    k = k.clone().fill_diagonal_(0)
    rows = k.sum(dim=0, dtype=torch.float64)
    shift = (rows / (n - 2) - rows.sum() / (2 * (n - 1) * (n - 2))).to(k.dtype)
    return k.sub_(shift[:, None]).sub_(shift).fill_diagonal_(0)


def _gaussian(x: Representation, factor: float, bandwidth: float | None) -> tuple[Tensor, float]:
    """Return the centred kernel matrix and its Frobenius norm."""
    if factor <= 0 or (bandwidth is not None and bandwidth <= 0):
        name, value = ("factor", factor) if factor <= 0 else ("bandwidth", bandwidth)
        raise alignkit.UsageError(f"cka_rbf: {name} is {value}; it must be positive")

    def make() -> tuple[Tensor, float]:
        squares = distances_from_products(x.normalized_gram.clone(), x.squares.to(x.dtype))
        if bandwidth:
            scale = (bandwidth / x.norm) ** 2
        else:
            median = _squared_median(squares)
            if median < FINE * torch.finfo(x.dtype).eps * float(x.squares.max()):
                squares = _exact_distances(x)  # near-duplicates, which rounding would decide
                median = _squared_median(squares)
            _check_median(x, median)
            scale = factor**2 * median
            squares = squares.to(x.dtype)
        kernel = _double_centred(squares.mul_(-0.5 / scale).exp_())
        return kernel, math.sqrt(alignkit.inner(kernel, kernel))

    return x.view(
        ("gaussian", factor, bandwidth),
        make,
        lambda view, order: (view[0][order][:, order], view[1]),
    )


def _squared_median(squares: Tensor) -> float:
    """Return the square of the median distance (of an even number, the mean of the middle two)."""
    if squares.device.type != "cpu":
        return _squared_median_on_gpu(squares)
    upper = squares.numpy()[np.triu(np.ones(squares.shape, dtype=bool), 1)]
    middle = [(len(upper) - 1) // 2, len(upper) // 2]
    return float(np.sqrt(np.partition(upper, middle)[middle].astype(float)).mean()) ** 2


def _squared_median_on_gpu(squares: Tensor) -> float:
    upper = squares[torch.ones_like(squares, dtype=torch.bool).triu_(1)].sort().values
    low, high = (upper[at].double().sqrt() for at in ((len(upper) - 1) // 2, len(upper) // 2))
    return float(0.5 * (low + high)) ** 2


def _exact_distances(x: Representation) -> Tensor:
    """Return squared distances between rows of ``normalized``, ``(n, n)`` in float64."""
    exact = x.exact_normalized(slice(None))
    return torch.cdist(exact, exact, compute_mode="donot_use_mm_for_euclid_dist").square_()


def _check_median(x: Representation, squared: float) -> None:
    """Refuse a median distance that is rounding of the values as they are stored."""
    rounded = x.mean.masked_fill(x.columns.constant, 0.0)
    length = float(x.squares.median()) + float(rounded.square().sum()) / x.norm**2
    if squared <= x.precision.error**2 * length:
        name = x.name or "the representation"
        raise alignkit.UndefinedError(
            f"more than half of the distances of {name} are 0 to rounding, so that their median "
            "is no bandwidth; set `bandwidth`"
        )


def _double_centred(k: Tensor) -> Tensor:
    """Subtract the means of rows and columns in place."""
    rows = k.mean(dim=0, dtype=torch.float64)
    shift = (rows - rows.mean() / 2).to(k.dtype)
    return k.sub_(shift[:, None]).sub_(shift)


def _centred_distances(x: Representation, unbiased: bool) -> tuple[Tensor, float]:
    """Return the centred distance matrix and its Frobenius norm."""

    def make() -> tuple[Tensor, float]:
        if unbiased:
            _check_four_samples(x)
        # In float64: taking the root doubles the relative rounding error of small distances.
        distances = squared_distances(x.exact_normalized(slice(None))).sqrt_().to(x.dtype)
        centred = _u_centred(distances) if unbiased else _double_centred(distances)
        norm = math.sqrt(alignkit.inner(centred, centred))
        if unbiased and _is_only_rounding(norm**2, x):
            raise alignkit.UndefinedError(
                f"all samples of {x.label} are equally far from each other"
            )
        return centred, norm

    return x.view(
        ("centred_distances", unbiased),
        make,
        lambda view, order: (view[0][order][:, order], view[1]),
    )


def _is_only_rounding(square: float, x: Representation) -> bool:
    """Return whether U-centred distances with this squared norm may be equal but for rounding."""
    squared = 2 / (x.n - 1)  # the mean of squared distances; d changes by that of d^2 over 2 d
    computed = x.n**2 * squared * (4 * torch.finfo(x.dtype).eps) ** 2
    return square <= computed or is_only_rounding(square * squared, x)


def _cosine(x: tuple[Tensor, float], y: tuple[Tensor, float]) -> float:
    """Return the cosine similarity of two matrices, each given with its norm."""
    (k_x, norm_x), (k_y, norm_y) = x, y
    if norm_x == 0 or norm_y == 0:
        raise alignkit.UndefinedError("all samples are equally far from each other")
    return alignkit.inner(k_x, k_y) / (norm_x * norm_y)


def _normalized(k: Tensor) -> Tensor:
    """Scale a matrix to Frobenius norm one."""
    return k / math.sqrt(alignkit.inner(k, k))


def _trace(k: Tensor) -> float:
    return float(k.diagonal().sum(dtype=torch.float64))
