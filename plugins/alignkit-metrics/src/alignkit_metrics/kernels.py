"""Metrics of Gram matrices: similarity of similarities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import alignkit
from alignkit import Representation


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
    return _inner(x, y) / (x.gram_norm * y.gram_norm)


def cka_chance(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Mean of ``cka`` over all permutations of rows: tr K tr L / ((n - 1) |K| |L|)."""
    x, y = _sides(x, y, normed)
    return (x.norm * y.norm) ** 2 / ((x.n - 1) * x.gram_norm * y.gram_norm)


def unbiased_cka(x: Representation, y: Representation, *, normed: bool = False) -> float:
    """Linear CKA from the unbiased estimator of HSIC.

    HSIC_u(K, L) / sqrt(HSIC_u(K, K) HSIC_u(L, L)) (Song et al. 2012). In (-1, 1], up is more
    aligned; its mean over permutations of rows is 0.

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
    return _cosine(_u_centred(x), _u_centred(y))


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
    norms = torch.linalg.norm(k) * torch.linalg.norm(l)
    return float(k.trace() * l.trace() / ((x.n - 1) * norms))


def rv2(x: Representation, y: Representation) -> float:
    """Modified RV coefficient: cosine of the Gram matrices without their diagonals.

    Smilde et al. 2009. In [-1, 1], up is more aligned. Dropping the diagonal takes away most
    of what makes ``cka`` high on unrelated data.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    return _cosine(*(_without_diagonal(side) for side in (x, y)))


def rv2_chance(x: Representation, y: Representation) -> float:
    """Mean of ``rv2`` over all permutations of rows, in closed form."""
    k, l = (_without_diagonal(side) for side in (x, y))  # noqa: E741
    norms = torch.linalg.norm(k) * torch.linalg.norm(l)
    return float(k.sum() * l.sum() / (x.n * (x.n - 1) * norms))


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
    if unbiased:
        return _cosine(*(_u_centred_distances(side) for side in (x, y)))
    value = _cosine(*(_centred_distances(side) for side in (x, y)))
    return math.sqrt(max(0.0, value))


def _sides(
    x: Representation, y: Representation, normed: bool
) -> tuple[Representation, Representation]:
    return (_normed(x), _normed(y)) if normed else (x, y)


def _normed(x: Representation) -> Representation:
    return x.view("normed", lambda: Representation(x.unit_rows, name=x.name))


def _inner(x: Representation, y: Representation) -> float:
    """<K, L>: from Gram matrices, or from columns where those are fewer than samples."""
    if x.n <= max(x.width, y.width):
        return float(torch.vdot(x.gram.flatten(), y.gram.flatten()))
    return float((x.centred.T @ y.centred).square().sum())


def _cosine(k: Tensor, l: Tensor) -> float:  # noqa: E741
    """Cosine of two matrices; one without length has no direction."""
    lengths = float(torch.linalg.norm(k)) * float(torch.linalg.norm(l))
    if lengths == 0:
        raise alignkit.UndefinedError("all samples are equally far from each other")
    return float(torch.vdot(k.flatten(), l.flatten())) / lengths


def _u_centred(x: Representation) -> Tensor:
    return x.view("u_gram", lambda: _u_centre(x.gram / x.gram_norm, x.name), "pairs")


def _u_centre(k: Tensor, name: str) -> Tensor:
    """Centre so that <A, B> / (n (n - 3)) is the unbiased HSIC (Szekely and Rizzo 2014)."""
    n = len(k)
    if n < 4:
        raise alignkit.UndefinedError(f"{name or 'the representation'} has {n} samples, needs 4")
    k = k.clone().fill_diagonal_(0)
    rows = k.sum(dim=0)
    k -= (rows[:, None] + rows[None, :]) / (n - 2)
    k += rows.sum() / ((n - 1) * (n - 2))
    return k.fill_diagonal_(0)


def _without_diagonal(x: Representation) -> Tensor:
    return x.view("rv2_gram", lambda: (x.gram / x.gram_norm).fill_diagonal_(0), "pairs")


def _gaussian(x: Representation, factor: float, bandwidth: float | None) -> Tensor:
    if factor <= 0 or (bandwidth is not None and bandwidth <= 0):
        raise alignkit.UsageError("cka_rbf: factor and bandwidth must be positive")

    def make() -> Tensor:
        squares = squared_distances(x)
        scale = bandwidth**2 if bandwidth is not None else factor**2 * _median(x, squares)
        return _double_centred(torch.exp(-squares / (2 * scale)))

    return x.view(("gaussian", factor, bandwidth), make, "pairs")


def squared_distances(x: Representation) -> Tensor:
    """Squared Euclidean distances of all samples, ``(n, n)``, zero on the diagonal."""

    def make() -> Tensor:
        lengths = x.gram.diagonal()
        squares = lengths[:, None] + lengths[None, :] - 2 * x.gram
        return squares.clamp_(min=0).fill_diagonal_(0)

    return x.view("squared_distances", make, "pairs")


def _median(x: Representation, squares: Tensor) -> float:
    """Square of the median distance; the mean of the middle two where there are two."""
    import numpy as np

    # All entries without the diagonal hold each distance twice, which leaves the median.
    count = x.n * (x.n - 1)
    middle = [x.n + (count - 2) // 2, x.n + count // 2]
    parted = np.partition(squares.cpu().numpy().ravel(), middle)
    median = float(np.sqrt(parted[middle]).mean())
    if median == 0:
        name = x.name or "the representation"
        raise alignkit.UndefinedError(f"half of the distances of {name} are 0")
    return median**2


def _double_centred(k: Tensor) -> Tensor:
    rows = k.mean(dim=0)
    return k - rows[:, None] - rows[None, :] + rows.mean()


def _centred_distances(x: Representation) -> Tensor:
    return x.view(
        "centred_distances", lambda: _double_centred(squared_distances(x).sqrt()), "pairs"
    )


def _u_centred_distances(x: Representation) -> Tensor:
    return x.view("u_distances", lambda: _u_centre(squared_distances(x).sqrt(), x.name), "pairs")
