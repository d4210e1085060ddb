"""Metrics of nearest neighbours: which samples are close to each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit.metrics.ties import Neighbours, places_of
from alignkit_metrics.lookups import rank_in, ranks_in, share_places
from alignkit_metrics.nulls import TABLE_LIMIT, stacked_null, values_of_orders
from alignkit_metrics.overlaps import Overlaps

# Samples whose neighbours' neighbours are looked up at once.
BLOCK = 4096


def mknn(x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine") -> float:
    """Compute the overlap of mutual k nearest neighbours (mutual kNN).

    It is the mean over samples of the fraction of their k nearest neighbours that both
    representations have in common (Huh et al. 2024). A sample is not its own neighbour. The
    value lies in [0, 1], and higher means more aligned; its chance level is k / (n - 1).

    Samples that tie for the last places share them: with weights w in x and v in y, which are 1
    for nearer samples and sum to k, the value is the mean of sum(w v) / k. This is its
    expectation when ties are broken at random, independently in x and y; identical input with
    ties therefore scores below 1.

    Parameters
    ----------
    k : int
        Number of neighbours, from 1 to n - 1.
    distance : str
        ``cosine`` or ``euclidean``.

    Raises
    ------
    alignkit.UsageError
        If ``k`` is not between 1 and n - 1, or the distance is unknown.
    alignkit.UndefinedError
        If a row is zero and the distance is ``cosine``.
    """
    if share_places(k, distance, x, y):
        a, b = x.tied_neighbours(k, distance), y.tied_neighbours(k, distance)
        in_x, in_y = a.common(b)
        return float(a.weights[in_x] @ b.weights[in_y]) / (x.n * k)
    return float(_n_common(x, y, k, distance).sum()) / (x.n * k)


def mknn_chance(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Return the mean of ``mknn`` over all permutations of rows: k / (n - 1)."""
    del y, distance
    return k / (x.n - 1)


def mknn_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
) -> np.ndarray | None:
    """Return the values of ``mknn`` with the rows of y permuted; None if memory is short."""
    if share_places(k, distance, *xs, *ys):
        return _weighted_null(xs, ys, orders, k, distance)
    score = torch.arange(k + 1, dtype=torch.float64) / k
    return _overlap_null(xs, ys, orders, k, distance, score)


def jaccard(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute the mean Jaccard index of the two sets of k nearest neighbours.

    It lies in [0, 1], and higher means more aligned (Wang et al. 2020). Where neighbours tie,
    it is the expectation over ties broken at random, independently in x and y. Parameters and
    errors are those of ``mknn``.
    """
    if share_places(k, distance, x, y):
        tied = (side.tied_neighbours(k, distance) for side in (x, y))
        return float(_expected_jaccard(*tied).mean())
    common = _n_common(x, y, k, distance).double()
    return float((common / (2 * k - common)).mean())


def jaccard_chance(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Return the mean of ``jaccard`` over all permutations; the overlap is hypergeometric."""
    del y, distance
    others = x.n - 1
    total = math.comb(others, k)
    return sum(
        math.comb(k, m) * math.comb(others - k, k - m) / total * m / (2 * k - m)
        for m in range(max(0, 2 * k - others), k + 1)
    )


def jaccard_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
) -> np.ndarray | None:
    """Return the values of ``jaccard`` with the rows of y permuted; None if memory is short."""
    if share_places(k, distance, *xs, *ys):
        return stacked_null(xs, ys, orders, k, distance, _expected_jaccard)
    common = torch.arange(k + 1, dtype=torch.float64)
    return _overlap_null(xs, ys, orders, k, distance, common / (2 * k - common))


def cycle_knn(
    x: Representation,
    y: Representation,
    *,
    k: int = 10,
    distance: str = "cosine",
    direction: str = "yx",
) -> float:
    """Compute the fraction of samples recovered by a neighbour step in y and one back in x.

    A sample counts if it is among the neighbours in x of one of its neighbours in y (Huh et al.
    2024). The value lies in [0, 1], and higher means more aligned. It is not symmetric, and
    below 1 on identical input if some sample is nobody's neighbour: it is never recovered.
    Where neighbours tie, it is the expectation over ties broken at random, independently for
    every sample.

    Parameters
    ----------
    k, distance
        As for ``mknn``.
    direction : str
        ``yx``: first a step in y, then one back in x; ``xy``: the reverse.

    Raises
    ------
    alignkit.UsageError
        If ``k`` is not between 1 and n - 1, or the distance or direction is unknown.
    alignkit.UndefinedError
        If a row is zero and the distance is ``cosine``.
    """
    if direction not in ("yx", "xy"):
        raise alignkit.UsageError(f"cycle_knn: unknown direction '{direction}'; known: yx, xy")
    first, second = (y, x) if direction == "yx" else (x, y)
    if share_places(k, distance, x, y):
        tied = (side.tied_neighbours(k, distance) for side in (first, second))
        return float(_expected_cycles(*tied).mean())
    steps = first.neighbours(k, distance)
    recovered = []
    for rows in torch.split(torch.arange(x.n, device=steps.device), BLOCK):
        ranks = rank_in(second, rows[:, None, None].expand(-1, k, 1), steps[rows], k, distance)
        recovered.append((ranks > 0).any(1))
    return float(torch.cat(recovered).double().mean())


def cycle_knn_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
    direction: str = "yx",
) -> np.ndarray | None:
    """Return the values of ``cycle_knn`` with the rows of y permuted; None without ties."""
    if not share_places(k, distance, *xs, *ys):
        return None

    def recovered(x: Neighbours, y: Neighbours) -> Tensor:
        return _expected_cycles(y, x) if direction == "yx" else _expected_cycles(x, y)

    return stacked_null(xs, ys, orders, k, distance, recovered)


def _n_common(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Return the number of common neighbours of each sample, ``(n,)``."""
    return (ranks_in(x, y, k, distance) > 0).sum(dim=1)


def _expected_jaccard(x: Neighbours, y: Neighbours) -> Tensor:
    """Return the Jaccard index of every sample, expected over ties broken at random, ``(n,)``."""
    shared = torch.arange(x.k + 1, dtype=torch.float64)
    return Overlaps.of(x, y).expected(shared / (2 * x.k - shared))


def _expected_cycles(first: Neighbours, second: Neighbours) -> Tensor:
    """Return the probability of every sample to be recovered if ties are broken at random.

    A sample is missed by its neighbour j with the probability that it is none of j's; the
    neighbours of j are drawn independently of those of others, so these multiply. Over a
    random part of tied neighbours, their product is averaged, one neighbour at a time.
    """
    rows, columns = first.entries.rows, first.entries.columns
    places, which = places_of(columns * first.n + rows, second.keys)
    missed = torch.ones(len(rows), dtype=torch.float64, device=rows.device)
    missed[which] -= second.weights[places]
    certain = first.is_certain
    by_certain = torch.ones(first.n, dtype=torch.float64, device=rows.device)
    by_certain.scatter_reduce_(0, rows[certain], missed[certain], "prod")
    return 1 - by_certain * _mean_product(first, missed)


def _mean_product(neighbours: Neighbours, factors: Tensor) -> Tensor:
    """Return the mean product of factors over the random part of tied neighbours, ``(n,)``."""
    rows, certain = neighbours.entries.rows, neighbours.is_certain
    n, k = neighbours.n, neighbours.k
    tied = torch.bincount(rows[~certain], minlength=n)
    places = k - torch.bincount(rows[certain], minlength=n)
    counts = ~certain & (factors < 1)  # a factor of 1 changes no product
    rows, factors = rows[counts], factors[counts]
    per_row = torch.bincount(rows, minlength=n)
    most = int(per_row.max())
    padded = factors.new_ones(n, most)
    padded[torch.arange(most, device=rows.device) < per_row[:, None]] = factors
    # means[:, s] is the mean over parts of s of the neighbours seen so far.
    means = factors.new_ones(n, k + 1)
    sizes = torch.arange(k + 1, device=rows.device)
    for step in range(most):
        seen = tied - per_row + step + 1
        share = (sizes / seen[:, None].clamp(min=1)).clamp(max=1)  # that the new one is drawn
        with_it = padded[:, step, None] * means.roll(1, dims=1)
        means = torch.where((step < per_row)[:, None], (1 - share) * means + share * with_it, means)
    return means.gather(1, places[:, None])[:, 0]


def _weighted_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    k: int,
    distance: str,
) -> np.ndarray | None:
    """Return the mean product of weights with the rows of y permuted, over k.

    As ``_overlap_null``, for neighbours that share their places.
    """
    n = xs[0].n
    if 8 * n * n * len(xs) > TABLE_LIMIT:
        return None
    table = torch.stack([x.tied_neighbours(k, distance).dense().flatten() for x in xs], dim=1)
    neighbours = [y.tied_neighbours(k, distance) for y in ys]
    sides = [(side.entries.rows, side.entries.columns, side.weights) for side in neighbours]

    def values_of(order: Tensor) -> Tensor:
        inverse = torch.argsort(order)
        values = []
        for rows, columns, weights in sides:
            pairs = inverse[rows] * n + inverse[columns]
            values.append(weights @ table.index_select(0, pairs) / (n * k))
        return torch.stack(values, dim=1)

    return values_of_orders(values_of, orders, table.device)


def _overlap_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    k: int,
    distance: str,
    score: Tensor,
) -> np.ndarray | None:
    """Return the mean score of the number of common neighbours with the rows of y permuted.

    All layers of x share one table over pairs of samples, so that one look-up answers for all
    of them. None if that table would be too large.

    Parameters
    ----------
    score : Tensor (k + 1,)
        The score of a sample with 0 to k common neighbours.
    """
    n = xs[0].n
    if n * n * len(xs) > TABLE_LIMIT:
        return None
    device = xs[0].device
    near = torch.zeros(n * n, len(xs), dtype=torch.uint8, device=device)
    start = torch.arange(n, device=device)[:, None] * n
    for column, x in enumerate(xs):
        near[(start + x.neighbours(k, distance)).flatten(), column] = 1
    neighbours_in_y = [y.neighbours(k, distance) for y in ys]
    score = score.to(device)

    def values_of(order: Tensor) -> Tensor:
        inverse = torch.argsort(order)
        values = []
        for neighbours in neighbours_in_y:
            pairs = (start + inverse[neighbours[order]]).flatten()
            common = near.index_select(0, pairs).view(n, k, len(xs)).sum(1, dtype=torch.int32)
            values.append(score[common].mean(dim=0))
        return torch.stack(values, dim=1)

    return values_of_orders(values_of, orders, device)
