"""Metrics of the similarities between nearest neighbours."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit.metrics.rounding import SLACK, Blur
from alignkit.metrics.ties import places_of
from alignkit_metrics.blur import blur_of_directions
from alignkit_metrics.lookups import rank_in, share_places

# The relative error of the squares of a sum in float64 whose terms cancel.
SUMMED = 1e-14


def cknna(x: Representation, y: Representation, *, k: int = 10, biased: bool = False) -> float:
    """Compute CKA restricted to mutual nearest neighbours (CKNNA, Huh et al. 2024).

    It is the alignment of cosine kernels over the pairs of samples that are neighbours in both
    representations. It is 1 on identical input, and higher means more aligned; with few
    samples it can slightly exceed 1. It is not exactly symmetric, because the neighbour
    relation is not.

    Where neighbours tie, pairs of samples count with the product of their weights in x and in
    y, which share the last places (see ``mknn``), and in the alignment of a representation with
    itself with their weight; identical input then scores below 1.

    Parameters
    ----------
    k : int
        Number of neighbours, from 1 to n - 1.
    biased : bool
        Use the biased estimator of HSIC, which counts every sample as its own neighbour.

    Raises
    ------
    alignkit.UsageError
        If ``k`` is not between 1 and n - 1.
    alignkit.UndefinedError
        If a row is zero, there are fewer than 4 samples, or a representation's alignment with
        itself is not positive, but for rounding.
    """
    if x.n < 4:
        raise alignkit.UndefinedError(f"cknna needs at least 4 samples; there are {x.n}")
    if biased:
        both = _neighbour_weights(x, k, itself=True) * _neighbour_weights(y, k, itself=True)
        cross = _biased_hsic(_cosines(x) * both, _cosines(y) * both)
    else:
        cross = _unbiased_neighbour_hsic(x, y, k)
    return cross / math.sqrt(_self_alignment(x, k, biased) * _self_alignment(y, k, biased))


def second_order_cosine(x: Representation, y: Representation, *, k: int = 10) -> float:
    """Compute the second-order cosine similarity of the neighbourhoods (Hamilton et al. 2016).

    For each sample, take its cosine similarities to the union of its k nearest neighbours in x
    and in y, once in x and once in y; the value is the mean cosine between these two vectors.
    It lies in [-1, 1], and higher means more aligned.

    Parameters
    ----------
    k : int
        Number of neighbours, from 1 to n - 1.

    Raises
    ------
    alignkit.UsageError
        If ``k`` is not between 1 and n - 1.
    alignkit.UndefinedError
        If a row is zero, or a sample is orthogonal to all of its neighbours, but for rounding.
    """
    in_x, in_y = _neighbour_weights(x, k), _neighbour_weights(y, k)
    if share_places(k, "cosine", x, y):
        union = (in_x + in_y - in_x * in_y).sqrt()  # the probability, in each of two factors
    else:
        union = torch.maximum(in_x, in_y)
    a, b = _cosines(x) * union, _cosines(y) * union
    lengths = [torch.linalg.norm(side, dim=1) for side in (a, b)]
    places = torch.linalg.norm(union, dim=1)
    for side, length in zip((x, y), lengths, strict=True):
        if _is_orthogonal(side, length, places):
            raise alignkit.UndefinedError(
                f"a sample of {side.label} is orthogonal to all of its neighbours"
            )
    return float(((a * b).sum(dim=1) / (lengths[0] * lengths[1])).mean())


def _self_alignment(x: Representation, k: int, biased: bool) -> float:
    """Return the HSIC of x's kernel over its neighbours with itself."""

    def make() -> float:
        if biased:
            kernel = _cosines(x) * _neighbour_weights(x, k, itself=True)
            return _biased_hsic(kernel, kernel)
        return _unbiased_neighbour_hsic(x, x, k, itself=True)

    value = x.view(("cknna_self", k, biased), make, "same")
    if value <= 0 or (not biased and _is_only_rounding(value, x, k)):
        raise alignkit.UndefinedError(
            f"cknna: the alignment of {x.label} with itself is not positive"
        )
    return value


def _is_only_rounding(value: float, x: Representation, k: int) -> bool:
    """Return whether the unbiased HSIC with itself may be that of equal cosines."""

    def least(blur: Blur, squared: float) -> float:
        error = SLACK * blur.of_squared(squared) / 2  # of a cosine, 1 - d^2 / 2
        return k * (error**2 + SUMMED) / (x.n - 3)

    return value <= least(Blur.most(1, x.precision), 4) and value <= least(*blur_of_directions(x))


def _is_orthogonal(x: Representation, lengths: Tensor, places: Tensor) -> bool:
    """Return whether the cosines of a sample to its neighbours may all be zero, but for rounding.

    Parameters
    ----------
    lengths, places : Tensor (n,)
        Lengths of the vectors of these cosines, and roots of how many they are.
    """
    shorter = float((lengths / places).min())
    error, computed = 2 * x.precision.error**2 / 3, torch.finfo(x.dtype).eps ** 2
    if shorter > 2 * math.sqrt(error + computed):
        return False
    shares = x.unit_rows.double().square().mean(dim=0)
    rounded = float(shares.masked_fill(x.columns.constant, 0.0) @ shares)
    return shorter <= 2 * math.sqrt(error * rounded + computed)


def _neighbour_weights(x: Representation, k: int, itself: bool = False) -> Tensor:
    """Return the weight of sample j as a neighbour of sample i, ``(n, n)``; 1 without ties."""
    if share_places(k, "cosine", x):
        near = x.tied_neighbours(k).dense().to(x.dtype)
    else:
        near = torch.zeros(x.n, x.n, dtype=x.dtype, device=x.device)
        near.scatter_(1, x.neighbours(k), 1.0)
    return near.fill_diagonal_(1.0) if itself else near


def _cosines(x: Representation) -> Tensor:
    return x.view("cosines", lambda: alignkit.gram(x.unit_rows), "pairs")


def _unbiased_neighbour_hsic(
    x: Representation, y: Representation, k: int, itself: bool = False
) -> float:
    """Return the unbiased HSIC (Song et al. 2012) of cosine kernels over mutual neighbours.

    The masked kernels have at most k entries a row and need not be symmetric; only those
    entries are visited. With ``itself``, x and y are the same, and pairs count once.
    """
    if share_places(k, "cosine", x, y):
        return _weighted_neighbour_hsic(x, y, k, itself)
    n, columns = x.n, y.neighbours(k)
    ranks = rank_in(x, columns, None, k, "cosine").long()
    near = ranks > 0
    b = (1 - 0.5 * y.neighbour_distances(k).double()) * near
    a = 1 - 0.5 * x.neighbour_distances(k).double().gather(1, (ranks - 1).clamp(min=0))
    a = a * near
    # The trace needs entries whose transpose is kept as well.
    i, position = near.nonzero(as_tuple=True)
    j = columns[i, position]
    transposed = (rank_in(x, i[:, None], j, k, "cosine") > 0) & (
        rank_in(y, i[:, None], j, k, "cosine") > 0
    )
    trace = (a[i, position] * b[i, position] * transposed[:, 0]).sum()
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2))
    column_sums = a.new_zeros(n).scatter_add_(0, columns.flatten(), a.flatten())
    mixed = 2 / (n - 2) * (column_sums @ b.sum(dim=1))
    return float(trace + sums - mixed) / (n * (n - 3))


def _biased_hsic(kernel_x: Tensor, kernel_y: Tensor) -> float:
    centred = (kernel_x - kernel_x.mean(dim=0)) * (kernel_y - kernel_y.mean(dim=1, keepdim=True)).T
    return float(centred.sum(dtype=torch.float64)) / (len(kernel_x) - 1) ** 2


def _weighted_neighbour_hsic(x: Representation, y: Representation, k: int, itself: bool) -> float:
    """Return what ``_unbiased_neighbour_hsic`` does, for neighbours that share their places."""
    n, in_x, in_y = x.n, x.tied_neighbours(k), y.tied_neighbours(k)
    here, there = in_x.common(in_y)
    rows, columns, keys = in_x.entries.rows[here], in_x.entries.columns[here], in_x.keys[here]
    weights = in_x.weights[here]
    if not itself:
        weights = weights * in_y.weights[there]
    a = weights * (1 - 0.5 * in_x.entries.squared[here])
    b = weights * (1 - 0.5 * in_y.entries.squared[there])
    transposed, which = places_of(columns * n + rows, keys)
    trace = a[which] @ b[transposed]
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2))
    column_sums = a.new_zeros(n).scatter_add_(0, columns, a)
    row_sums = b.new_zeros(n).scatter_add_(0, rows, b)
    mixed = 2 / (n - 2) * (column_sums @ row_sums)
    return float(trace + sums - mixed) / (n * (n - 3))
