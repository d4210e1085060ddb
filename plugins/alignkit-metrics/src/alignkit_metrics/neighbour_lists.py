"""Metrics of ordered neighbours: which samples are close, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit.metrics.ties import Neighbours
from alignkit_metrics.lookups import lack_order, ranks_in
from alignkit_metrics.nulls import stacked_null
from alignkit_metrics.overlaps import Overlaps

# Random ways to break ties that the metrics of whole lists average over, and their seed.
DRAWS = 256
SEED = 0
# Lists of one block: samples times draws.
BLOCK = 1 << 16


def lcs_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute the longest common subsequence of the neighbour lists, divided by k.

    The lists are ordered by distance; the value is the mean over samples (Huh et al. 2024). It
    lies in [0, 1], and higher means more aligned. Parameters are those of ``mknn``.

    Where neighbours tie, it is the mean over 256 random ways to break ties, independently in x
    and y; these depend on nothing but which neighbours tie with which.

    Raises
    ------
    alignkit.UsageError
        If ``k`` is not between 1 and n - 1, or the distance is unknown.
    alignkit.UndefinedError
        If a row is zero and the distance is ``cosine``, or more than k neighbours of a sample
        tie, so that its list has no order.
    """
    longest = _longest(ranks_in(x, y, k, distance)).double()
    if lack_order(k, distance, x, y):
        for rows, in_x, in_y in _drawn_lists("lcs_knn", x, y, k, distance):
            same = in_y[:, :, None] == in_x[:, None, :]
            ranks = torch.where(same.any(2), same.to(torch.uint8).argmax(2) + 1, 0)
            longest[rows] = _longest(ranks).double().view(len(rows), DRAWS).mean(dim=1)
    return float(longest.mean()) / k


def _longest(ranks: Tensor) -> Tensor:
    """Return the length of the longest increasing subsequence of ranks above 0, ``(rows,)``."""
    # Neighbours are distinct, so this is the longest common subsequence of the lists.
    longest = torch.zeros_like(ranks)
    for t in range(ranks.shape[1]):
        before = (ranks[:, :t] < ranks[:, t : t + 1]) & (ranks[:, :t] > 0)
        best = torch.where(before, longest[:, :t], 0).amax(dim=1) if t else longest[:, 0]
        longest[:, t] = torch.where(ranks[:, t] > 0, best + 1, 0)
    return longest.amax(dim=1)


def edit_distance_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute 1 minus the edit distance of the neighbour lists divided by k.

    The lists are ordered by distance; the value is the mean over samples (Huh et al. 2024).
    Despite its name it is a similarity: it lies in [0, 1], and higher means more aligned.
    Parameters, ties and errors are those of ``lcs_knn``.
    """
    edits = _edits(x.neighbours(k, distance), y.neighbours(k, distance)).double()
    if lack_order(k, distance, x, y):
        for rows, in_x, in_y in _drawn_lists("edit_distance_knn", x, y, k, distance):
            edits[rows] = _edits(in_x, in_y).double().view(len(rows), DRAWS).mean(dim=1)
    return 1 - float(edits.mean()) / k


def _edits(in_x: Tensor, in_y: Tensor) -> Tensor:
    """Return the edit distances of lists ``(rows, k)``, ``(rows,)``."""
    rows, k = in_x.shape
    previous = torch.arange(k + 1, device=in_x.device).expand(rows, k + 1).contiguous()
    for i in range(k):
        current = previous + 1
        current[:, 0] = i + 1
        replaced = previous[:, :-1] + (in_x[:, i : i + 1] != in_y)
        current[:, 1:] = torch.minimum(current[:, 1:], replaced)
        for j in range(1, k + 1):
            current[:, j] = torch.minimum(current[:, j], current[:, j - 1] + 1)
        previous = current
    return previous[:, k]


def rank_similarity(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute how closely the ranks of common neighbours agree (Wang et al. 2020).

    For each sample, 2 / ((1 + |r - s|)(r + s)) is summed over its m common neighbours, whose
    ranks are r and s, and divided by the sum of 1 / t for t = 1..m; a sample without common
    neighbours scores 0. The value is the mean over samples. It lies in [0, 1], and higher means
    more aligned. Where neighbours tie, it is the expectation over ties broken at random,
    independently in x and y. Parameters and errors are those of ``mknn``.
    """
    if lack_order(k, distance, x, y):
        tied = (side.tied_neighbours(k, distance) for side in (x, y))
        return float(_expected_rank_similarity(*tied).mean())
    r = ranks_in(x, y, k, distance).double()
    s = torch.arange(1, k + 1, device=r.device, dtype=r.dtype)
    terms = torch.where(r > 0, 2 / ((1 + (r - s).abs()) * (r + s)), 0.0).sum(dim=1)
    common = (r > 0).sum(dim=1)
    harmonic = torch.cat([s.new_zeros(1), (1 / s).cumsum(0)])
    return float((terms / harmonic[common].clamp(min=1)).mean())


def rank_similarity_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
) -> np.ndarray | None:
    """Return the values of ``rank_similarity`` with the rows of y permuted; None without ties."""
    if not lack_order(k, distance, *xs, *ys):
        return None
    return stacked_null(xs, ys, orders, k, distance, _expected_rank_similarity)


def information_imbalance(x: Representation, y: Representation) -> float:
    """Compute the information imbalance from x to y (Glielmo et al. 2022).

    It is 2 / n times the mean rank in y of each sample's nearest neighbour in x, by Euclidean
    distance. It lies in (0, 2), and lower means more aligned: 2 / n if nearest neighbours in x
    are nearest neighbours in y, 1 at chance. It is not symmetric. Where several samples are
    nearest in x, it takes the mean over them, and samples equally far in y have the mean of
    their ranks.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant.
    """
    _ = x.norm, y.norm  # raises for constant data, whose neighbours are arbitrary
    if x.ties(1, "euclidean") is None:
        return 2 * float(y.ranks_of(x.neighbours(1, "euclidean")[:, 0]).mean()) / x.n
    nearest = x.tied_neighbours(1, "euclidean")
    ranks = y.ranks_of(nearest.entries.columns, nearest.entries.rows)
    return 2 * float(nearest.weights @ ranks) / x.n**2


def information_imbalance_chance(x: Representation, y: Representation) -> float:
    """Return 1, the mean of ``information_imbalance`` over all permutations of rows."""
    del x, y
    return 1.0


def _expected_rank_similarity(x: Neighbours, y: Neighbours) -> Tensor:
    """Return the agreement of every sample, expected over ties broken at random, ``(n,)``."""
    k = x.k
    in_x, in_y = x.common(y)
    rows = x.entries.rows[in_x]
    weights = x.weights[in_x] * y.weights[in_y]
    terms = weights * _mean_agreement(x, in_x, y, in_y)
    # A term is divided by what follows from the number of common neighbours, given this one.
    numbers = torch.arange(1, k + 1, dtype=torch.float64, device=rows.device)
    inverse = torch.cat([numbers.new_zeros(1), 1 / (1 / numbers).cumsum(0)])
    overlaps = Overlaps.of(x, y)
    certain_x, certain_y = x.is_certain[in_x], y.is_certain[in_y]
    total = terms.new_zeros(x.n)
    for kind_x in (True, False):
        for kind_y in (True, False):
            kind = (certain_x == kind_x) & (certain_y == kind_y)
            if bool(kind.any()):
                divisors = overlaps.given(kind_x, kind_y).expected(inverse)
                total.index_add_(0, rows[kind], terms[kind] * divisors[rows[kind]])
    return total


def _mean_agreement(x: Neighbours, in_x: Tensor, y: Neighbours, in_y: Tensor) -> Tensor:
    """Return the mean of 2 / ((1 + |r - s|)(r + s)) over the ranks that ties may take."""
    k = x.k
    r = torch.arange(1, k + 1, dtype=torch.float64, device=in_x.device)
    agreement = 2 / ((1 + (r[:, None] - r).abs()) * (r[:, None] + r))
    sums = agreement.new_zeros(k + 1, k + 1)
    sums[1:, 1:] = agreement.cumsum(0).cumsum(1)
    (a, b), (c, d) = (
        (side.entries.low[places] - 1, side.entries.high[places].clamp(max=k))
        for side, places in ((x, in_x), (y, in_y))
    )
    return (sums[b, d] - sums[a, d] - sums[b, c] + sums[a, c]) / ((b - a) * (d - c))


def _drawn_lists(
    metric: str, x: Representation, y: Representation, k: int, distance: str
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return blocks of samples that have ties, with lists for ``DRAWS`` ways to break them.

    Samples that tie with the same others in both representations are exchangeable, so random
    numbers go by the place in a list sorted by both ranks, and the order of samples does not
    matter.

    Returns
    -------
    list of (samples (rows,), lists of x (rows * DRAWS, k), lists of y (rows * DRAWS, k))
        Neighbours are numbered within a sample.
    """
    for side in (x, y):
        ties = side.ties(k, distance)
        if ties is not None and ties.exceeding:
            raise alignkit.UndefinedError(
                f"{metric}: {ties.exceeding:,} of {side.n:,} samples of {side.label} have up to "
                f"{ties.largest:,} neighbours at the same distance, more than k={k}, so their "
                "order is not defined"
            )
    in_x, in_y = x.tied_neighbours(k, distance), y.tied_neighbours(k, distance)
    rows, *forward = _tied_ranks(in_x, in_y)
    _, *backward = _tied_ranks(in_y, in_x)  # half of the draws, so that x and y can be swapped
    rng = torch.Generator().manual_seed(SEED)
    shape = (2, DRAWS // 2, forward[0].shape[1])
    orders = torch.rand(shape, generator=rng, dtype=torch.float64).to(rows.device)

    def lists(low: list[Tensor], some: slice) -> list[Tensor]:
        return [
            torch.argsort(ranks[some, None] + order, dim=2)[:, :, :k]
            for ranks, order in zip(low, orders, strict=True)
        ]

    blocks = []
    step = max(1, BLOCK // DRAWS)
    for at in range(0, len(rows), step):
        some = slice(at, at + step)
        pairs = zip(lists(forward, some), lists(backward, some)[::-1], strict=True)
        list_x, list_y = (torch.cat(halves, dim=1).flatten(0, 1) for halves in pairs)
        blocks.append((rows[some], list_x, list_y))
    return blocks


def _tied_ranks(x: Neighbours, y: Neighbours) -> tuple[Tensor, Tensor, Tensor]:
    """Return the samples with ties, and the first ranks of their neighbours, sorted by both.

    Returns
    -------
    rows : Tensor (rows,)
    low_x, low_y : Tensor (rows, neighbours)
        Infinite for what is no neighbour in that representation.
    """
    has_ties = torch.zeros(x.n, dtype=torch.bool, device=x.entries.rows.device)
    for neighbours in (x, y):
        tied = neighbours.entries.low < neighbours.entries.high
        has_ties[neighbours.entries.rows[tied]] = True
    # Few samples tie as a rule, so the others are left out before anything is sorted.
    where = [has_ties[neighbours.entries.rows] for neighbours in (x, y)]
    sides = [neighbours.keys[some] for neighbours, some in zip((x, y), where, strict=True)]
    keys = torch.unique(torch.cat(sides))
    low = torch.full((2, len(keys)), torch.inf, dtype=torch.float64, device=keys.device)
    for side, neighbours in enumerate((x, y)):
        ranks = neighbours.entries.low[where[side]].double()
        low[side, torch.searchsorted(keys, sides[side])] = ranks
    for side in (1, 0):  # stable sorts: by y, then by x, then by sample
        order = torch.sort(low[side], stable=True).indices
        keys, low = keys[order], low[:, order]
    order = torch.sort(keys // x.n, stable=True).indices
    rows, low = (keys // x.n)[order], low[:, order]
    samples, counts = torch.unique_consecutive(rows, return_counts=True)
    there = torch.arange(int(counts.max()), device=keys.device) < counts[:, None]
    padded = torch.full((2, *there.shape), torch.inf, dtype=torch.float64, device=keys.device)
    padded[:, there] = low
    return samples, padded[0], padded[1]
