"""Metrics of nearest neighbours: which samples are close, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation

# Samples whose neighbours' neighbours are looked up at once.
BLOCK = 4096
# Bytes of the table over pairs of samples and layers; a larger null is computed pair by pair.
TABLE_LIMIT = 1 << 30


def mknn(x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine") -> float:
    """Compute the overlap of mutual k nearest neighbours (mutual kNN).

    It is the mean over samples of the fraction of their k nearest neighbours that both
    representations have in common (Huh et al. 2024). A sample is not its own neighbour; ties
    go to the lowest index. The value lies in [0, 1], and higher means more aligned; its chance
    level is k / (n - 1).

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
    score = torch.arange(k + 1, dtype=torch.float64) / k
    return _overlap_null(xs, ys, orders, k, distance, score)


def jaccard(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute the mean Jaccard index of the two sets of k nearest neighbours.

    It lies in [0, 1], and higher means more aligned (Wang et al. 2020). Parameters and errors
    are those of ``mknn``.
    """
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
    steps = first.neighbours(k, distance)
    recovered = []
    for rows in torch.split(torch.arange(x.n, device=steps.device), BLOCK):
        ranks = _rank_in(second, rows[:, None, None].expand(-1, k, 1), steps[rows], k, distance)
        recovered.append((ranks > 0).any(1))
    return float(torch.cat(recovered).double().mean())


def lcs_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute the longest common subsequence of the neighbour lists, divided by k.

    The lists are ordered by distance; the value is the mean over samples (Huh et al. 2024). It
    lies in [0, 1], and higher means more aligned. Parameters and errors are those of ``mknn``.
    """
    ranks = _ranks(x, y, k, distance)
    # Neighbours are distinct, so this is the longest increasing subsequence of ranks.
    longest = torch.zeros_like(ranks)
    for t in range(k):
        before = (ranks[:, :t] < ranks[:, t : t + 1]) & (ranks[:, :t] > 0)
        best = torch.where(before, longest[:, :t], 0).amax(dim=1) if t else longest[:, 0]
        longest[:, t] = torch.where(ranks[:, t] > 0, best + 1, 0)
    return float(longest.amax(dim=1).double().mean()) / k


def edit_distance_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute 1 minus the edit distance of the neighbour lists divided by k.

    The lists are ordered by distance; the value is the mean over samples (Huh et al. 2024).
    Despite its name it is a similarity: it lies in [0, 1], and higher means more aligned.
    Parameters and errors are those of ``mknn``.
    """
    in_x, in_y = x.neighbours(k, distance), y.neighbours(k, distance)
    previous = torch.arange(k + 1, device=in_x.device).expand(x.n, k + 1).contiguous()
    for i in range(k):
        current = previous + 1
        current[:, 0] = i + 1
        replaced = previous[:, :-1] + (in_x[:, i : i + 1] != in_y)
        current[:, 1:] = torch.minimum(current[:, 1:], replaced)
        for j in range(1, k + 1):
            current[:, j] = torch.minimum(current[:, j], current[:, j - 1] + 1)
        previous = current
    return 1 - float(previous[:, k].double().mean()) / k


def rank_similarity(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Compute how closely the ranks of common neighbours agree (Wang et al. 2020).

    For each sample, 2 / ((1 + |r - s|)(r + s)) is summed over its m common neighbours, whose
    ranks are r and s, and divided by the sum of 1 / t for t = 1..m; a sample without common
    neighbours scores 0. The value is the mean over samples. It lies in [0, 1], and higher means
    more aligned. Parameters and errors are those of ``mknn``.
    """
    r = _ranks(x, y, k, distance).double()
    s = torch.arange(1, k + 1, device=r.device, dtype=r.dtype)
    terms = torch.where(r > 0, 2 / ((1 + (r - s).abs()) * (r + s)), 0.0).sum(dim=1)
    common = (r > 0).sum(dim=1)
    harmonic = torch.cat([s.new_zeros(1), (1 / s).cumsum(0)])
    return float((terms / harmonic[common].clamp(min=1)).mean())


def cknna(x: Representation, y: Representation, *, k: int = 10, biased: bool = False) -> float:
    """Compute CKA restricted to mutual nearest neighbours (CKNNA, Huh et al. 2024).

    It is the alignment of cosine kernels over the pairs of samples that are neighbours in both
    representations. It is 1 on identical input, and higher means more aligned; with few
    samples it can slightly exceed 1. It is not exactly symmetric, because the neighbour
    relation is not.

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
        itself is not positive.
    """
    if x.n < 4:
        raise alignkit.UndefinedError(f"cknna needs at least 4 samples; there are {x.n}")
    if biased:
        both = _neighbour_mask(x, k, itself=True) & _neighbour_mask(y, k, itself=True)
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
        If a row is zero, or a sample is orthogonal to all of its neighbours.
    """
    union = (_neighbour_mask(x, k) | _neighbour_mask(y, k)).to(x.dtype)
    a, b = _cosines(x) * union, _cosines(y) * union
    lengths = torch.linalg.norm(a, dim=1) * torch.linalg.norm(b, dim=1)
    if float(lengths.min()) == 0:
        raise alignkit.UndefinedError("a sample is orthogonal to all of its neighbours")
    return float(((a * b).sum(dim=1) / lengths).mean())


def information_imbalance(x: Representation, y: Representation) -> float:
    """Compute the information imbalance from x to y (Glielmo et al. 2022).

    It is 2 / n times the mean rank in y of each sample's nearest neighbour in x, by Euclidean
    distance. It lies in (0, 2), and lower means more aligned: 2 / n if nearest neighbours in x
    are nearest neighbours in y, 1 at chance. It is not symmetric.

    Raises
    ------
    alignkit.UndefinedError
        If a representation is constant.
    """
    _ = x.norm, y.norm  # raises for constant data, whose neighbours are arbitrary
    return 2 * float(y.ranks_of(x.neighbours(1, "euclidean")[:, 0]).double().mean()) / x.n


def information_imbalance_chance(x: Representation, y: Representation) -> float:
    """Return 1, the mean of ``information_imbalance`` over all permutations of rows."""
    del x, y
    return 1.0


def _n_common(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Return the number of common neighbours of each sample, ``(n,)``."""
    return (_ranks(x, y, k, distance) > 0).sum(dim=1)


def _ranks(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Return the rank in x, from 1, of each neighbour in y; 0 if it is none in x, ``(n, k)``."""
    return _rank_in(x, y.neighbours(k, distance), None, k, distance)


def _rank_in(
    x: Representation, targets: Tensor, rows: Tensor | None, k: int, distance: str
) -> Tensor:
    """Return the ranks in x of the targets among the neighbours of some rows; 0 if absent.

    Without ``rows``, the targets in row i are looked up among the neighbours of sample i.
    """
    indices, ranks = x.neighbour_sets(k, distance)
    if rows is not None:
        indices, ranks = indices[rows], ranks[rows]
    targets = targets.to(indices.dtype).contiguous()
    positions = torch.searchsorted(indices, targets).clamp_(max=k - 1)
    present = indices.gather(-1, positions) == targets
    return torch.where(present, ranks.gather(-1, positions), 0)


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
    near = torch.zeros(n * n, len(xs), dtype=torch.uint8)
    start = torch.arange(n)[:, None] * n
    for column, x in enumerate(xs):
        near[(start + x.neighbours(k, distance).cpu()).flatten(), column] = 1
    neighbours_in_y = [y.neighbours(k, distance).cpu() for y in ys]

    def values_of(order: Tensor) -> np.ndarray:
        inverse = torch.argsort(order)
        values = np.empty((len(xs), len(ys)))
        for column, neighbours in enumerate(neighbours_in_y):
            pairs = (start + inverse[neighbours[order]]).flatten()
            common = near.index_select(0, pairs).view(n, k, len(xs)).sum(1, dtype=torch.int32)
            values[:, column] = score[common].mean(dim=0).numpy()
        return values

    return np.stack(list(alignkit.parallel_map(values_of, orders)))


def _self_alignment(x: Representation, k: int, biased: bool) -> float:
    """Return the HSIC of x's kernel over its neighbours with itself."""

    def make() -> float:
        if biased:
            kernel = _cosines(x) * _neighbour_mask(x, k, itself=True)
            return _biased_hsic(kernel, kernel)
        return _unbiased_neighbour_hsic(x, x, k)

    value = x.view(("cknna_self", k, biased), make, "same")
    if value <= 0:
        name = x.name or "the representation"
        raise alignkit.UndefinedError(f"cknna: the alignment of {name} with itself is not positive")
    return value


def _neighbour_mask(x: Representation, k: int, itself: bool = False) -> Tensor:
    """Return where sample j is a neighbour of sample i, ``(n, n)`` boolean."""
    near = torch.zeros(x.n, x.n, dtype=torch.bool, device=x.device)
    near.scatter_(1, x.neighbours(k), True)
    return near.fill_diagonal_(True) if itself else near


def _cosines(x: Representation) -> Tensor:
    return x.view("cosines", lambda: alignkit.gram(x.unit_rows), "pairs")


def _unbiased_neighbour_hsic(x: Representation, y: Representation, k: int) -> float:
    """Return the unbiased HSIC (Song et al. 2012) of cosine kernels over mutual neighbours.

    The masked kernels have at most k entries a row and need not be symmetric; only those
    entries are visited.
    """
    n, columns = x.n, y.neighbours(k)
    ranks = _rank_in(x, columns, None, k, "cosine").long()
    near = ranks > 0
    b = (1 - 0.5 * y.neighbour_distances(k).double()) * near
    a = 1 - 0.5 * x.neighbour_distances(k).double().gather(1, (ranks - 1).clamp(min=0))
    a = a * near
    # The trace needs entries whose transpose is kept as well.
    i, position = near.nonzero(as_tuple=True)
    j = columns[i, position]
    transposed = (_rank_in(x, i[:, None], j, k, "cosine") > 0) & (
        _rank_in(y, i[:, None], j, k, "cosine") > 0
    )
    trace = (a[i, position] * b[i, position] * transposed[:, 0]).sum()
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2))
    column_sums = a.new_zeros(n).scatter_add_(0, columns.flatten(), a.flatten())
    mixed = 2 / (n - 2) * (column_sums @ b.sum(dim=1))
    return float(trace + sums - mixed) / (n * (n - 3))


def _biased_hsic(kernel_x: Tensor, kernel_y: Tensor) -> float:
    centred = (kernel_x - kernel_x.mean(dim=0)) * (kernel_y - kernel_y.mean(dim=1, keepdim=True)).T
    return float(centred.sum(dtype=torch.float64)) / (len(kernel_x) - 1) ** 2
