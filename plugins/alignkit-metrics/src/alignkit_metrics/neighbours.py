"""Metrics of nearest neighbours: which samples lie close, and in what order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation

# Samples whose neighbours' neighbours are looked at together.
ROWS = 4096
# Bytes of a table over pairs of samples and layers; beyond it a null goes pair by pair.
TABLE = 1 << 30


def mknn(x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine") -> float:
    """Mutual k nearest neighbours.

    Mean over samples of the share of its k nearest that both representations have in
    common (Huh et al. 2024). A sample is no neighbour of itself; ties go to the lowest
    index. In [0, 1], up is more aligned; chance is k / (n - 1).

    Parameters
    ----------
    k : int
        Neighbours, from 1 to n - 1.
    distance : str
        ``cosine`` or ``euclidean``.

    Raises
    ------
    alignkit.UsageError
        When k is not from 1 to n - 1, or the distance is unknown.
    alignkit.UndefinedError
        When a row is zero and the distance is ``cosine``.
    """
    return float(_shared(x, y, k, distance).sum()) / (x.n * k)


def mknn_chance(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Mean of ``mknn`` over all permutations of rows: k / (n - 1)."""
    return k / (x.n - 1)


def mknn_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
) -> np.ndarray | None:
    """Values of ``mknn`` on permuted rows of y."""
    score = torch.arange(k + 1, dtype=torch.float64) / k
    return _overlap_null(xs, ys, orders, k, distance, score)


def jaccard(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Mean Jaccard index of the two sets of k nearest neighbours.

    In [0, 1], up is more aligned. Parameters and errors are those of ``mknn``.
    """
    shared = _shared(x, y, k, distance).double()
    return float((shared / (2 * k - shared)).mean())


def jaccard_chance(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Mean of ``jaccard`` over all permutations: the overlap is hypergeometric."""
    others = x.n - 1
    ways = [
        math.comb(k, m) * math.comb(others - k, k - m) for m in range(max(0, 2 * k - others), k + 1)
    ]
    sizes = range(max(0, 2 * k - others), k + 1)
    total = math.comb(others, k)
    return sum(way / total * m / (2 * k - m) for way, m in zip(ways, sizes, strict=True))


def jaccard_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    *,
    k: int = 10,
    distance: str = "cosine",
) -> np.ndarray | None:
    """Values of ``jaccard`` on permuted rows of y."""
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
    """Share of samples that are found again by a step in one and a step back in the other.

    Sample i counts if it is among the neighbours in x of one of its neighbours in y. In
    [0, 1], up is more aligned. Not symmetric, and not 1 on identical input: a sample that no
    other has as a neighbour is never found again.

    Parameters
    ----------
    k, distance
        As for ``mknn``.
    direction : str
        ``yx``: out in y, back in x; ``xy`` the other way.
    """
    if direction not in ("yx", "xy"):
        raise alignkit.UsageError(f"cycle_knn: unknown direction '{direction}'; known: yx, xy")
    out, back = (y, x) if direction == "yx" else (x, y)
    steps = out.neighbours(k, distance)
    found = [
        (_rank_in(back, rows[:, None, None].expand(-1, k, 1), steps[rows], k, distance) > 0).any(1)
        for rows in torch.arange(x.n, device=steps.device).split(ROWS)
    ]
    return float(torch.cat(found).double().mean())


def lcs_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Mean length of the longest common subsequence of the ordered neighbours, over k.

    In [0, 1], up is more aligned. Parameters and errors are those of ``mknn``.
    """
    ranks = _ranks(x, y, k, distance)
    # Neighbours are distinct, so it is the longest increasing run of ranks.
    longest = torch.zeros_like(ranks)
    for t in range(k):
        before = (ranks[:, :t] < ranks[:, t : t + 1]) & (ranks[:, :t] > 0)
        best = torch.where(before, longest[:, :t], 0).amax(dim=1) if t else longest[:, 0]
        longest[:, t] = torch.where(ranks[:, t] > 0, best + 1, 0)
    return float(longest.amax(dim=1).double().mean()) / k


def edit_distance_knn(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """1 minus the mean Levenshtein distance of the ordered neighbours, over k.

    A similarity in spite of its name: in [0, 1], up is more aligned. Parameters and errors
    are those of ``mknn``.
    """
    one, other = x.neighbours(k, distance), y.neighbours(k, distance)
    previous = torch.arange(k + 1, device=one.device).expand(x.n, k + 1).contiguous()
    for i in range(k):
        current = previous + 1
        current[:, 0] = i + 1
        replaced = previous[:, :-1] + (one[:, i : i + 1] != other)
        current[:, 1:] = torch.minimum(current[:, 1:], replaced)
        for j in range(1, k + 1):
            current[:, j] = torch.minimum(current[:, j], current[:, j - 1] + 1)
        previous = current
    return 1 - float(previous[:, k].double().mean()) / k


def rank_similarity(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """How alike common neighbours are ranked (Wang et al. 2020).

    Mean over samples of sum 2 / ((1 + |r - s|)(r + s)) over the m common neighbours with
    ranks r and s, divided by sum 1 / t for t up to m; 0 where there are none. In [0, 1], up
    is more aligned. Parameters and errors are those of ``mknn``.
    """
    r = _ranks(x, y, k, distance).double()
    s = torch.arange(1, k + 1, device=r.device, dtype=r.dtype)
    terms = torch.where(r > 0, 2 / ((1 + (r - s).abs()) * (r + s)), 0.0).sum(dim=1)
    common = (r > 0).sum(dim=1)
    harmonic = torch.cat([s.new_zeros(1), (1 / s).cumsum(0)])
    return float((terms / harmonic[common].clamp(min=1)).mean())


def cknna(x: Representation, y: Representation, *, k: int = 10, biased: bool = False) -> float:
    """CKA over mutual nearest neighbours (Huh et al. 2024).

    The alignment of cosine kernels, restricted to pairs that are neighbours in both. 1 on
    identical input, up is more aligned; on few samples it can exceed 1 slightly. Not quite
    symmetric: being a neighbour is not.

    Parameters
    ----------
    k : int
    biased : bool
        The biased estimator of HSIC, which counts every sample as its own neighbour.

    Raises
    ------
    alignkit.UsageError
        When k is not from 1 to n - 1.
    alignkit.UndefinedError
        When a row is zero, there are fewer than 4 samples, or a self-term is not positive.
    """
    if x.n < 4:
        raise alignkit.UndefinedError(f"cknna needs 4 samples, there are {x.n}")
    if biased:
        both = _near(x, k, True) & _near(y, k, True)
        cross = _hsic_biased(_cosines(x) * both, _cosines(y) * both)
    else:
        cross = _hsic_of_neighbours(x, y, k)
    return cross / math.sqrt(_self_alignment(x, k, biased) * _self_alignment(y, k, biased))


def second_order_cosine(x: Representation, y: Representation, *, k: int = 10) -> float:
    """Do samples lie equally close to their joint neighbours (Hamilton et al. 2016)?

    Mean over samples of the cosine between its similarities, in x and in y, to the union of
    its k nearest in both. In [-1, 1], up is more aligned.

    Raises
    ------
    alignkit.UsageError
        When k is not from 1 to n - 1.
    alignkit.UndefinedError
        When a row is zero, or a sample is orthogonal to all of its neighbours.
    """
    union = (_near(x, k) | _near(y, k)).to(x.dtype)
    a, b = _cosines(x) * union, _cosines(y) * union
    lengths = torch.linalg.norm(a, dim=1) * torch.linalg.norm(b, dim=1)
    if float(lengths.min()) == 0:
        raise alignkit.UndefinedError("a sample is orthogonal to all of its neighbours")
    return float(((a * b).sum(dim=1) / lengths).mean())


def information_imbalance(x: Representation, y: Representation) -> float:
    """How far in y the nearest neighbour in x lies (Glielmo et al. 2022).

    2 / n times the mean rank in y of each sample's nearest neighbour in x, by Euclidean
    distance. A distance, in (0, 2): 2 / n when x foretells y's neighbours, 1 at chance. Not
    symmetric.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    _ = x.norm, y.norm  # constant data have no neighbours worth a rank
    return 2 * float(y.ranks_of(x.neighbours(1, "euclidean")[:, 0]).double().mean()) / x.n


def one(x: Representation, y: Representation) -> float:
    """Mean of ``information_imbalance`` over all permutations of rows."""
    return 1.0


def _shared(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Number of common neighbours of each sample, ``(n,)``."""
    return (_ranks(x, y, k, distance) > 0).sum(dim=1)


def _ranks(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Rank in x, from 1, of each neighbour in y; 0 where it is none, ``(n, k)``."""
    return _rank_in(x, y.neighbours(k, distance), None, k, distance)


def _rank_in(
    x: Representation, wanted: Tensor, rows: Tensor | None, k: int, distance: str
) -> Tensor:
    """Rank in x of the wanted samples among the neighbours of rows (each its own if None)."""
    indices, ranks = x.neighbour_sets(k, distance)
    if rows is not None:
        indices, ranks = indices[rows], ranks[rows]
    wanted = wanted.to(indices.dtype).contiguous()
    places = torch.searchsorted(indices, wanted).clamp_(max=k - 1)
    found = indices.gather(-1, places) == wanted
    return torch.where(found, ranks.gather(-1, places), 0)


def _overlap_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    k: int,
    distance: str,
    score: Tensor,
) -> np.ndarray | None:
    """Mean score of the number of common neighbours on permuted rows of y.

    Layers of x lie beside each other in a table of pairs of samples, so that one look finds a
    neighbour in all of them. None where that table would not fit.
    """
    n = xs[0].n
    if n * n * len(xs) > TABLE:
        return None
    near = torch.zeros(n * n, len(xs), dtype=torch.uint8)
    start = torch.arange(n)[:, None] * n
    for at, x in enumerate(xs):
        near[(start + x.neighbours(k, distance).cpu()).flatten(), at] = 1
    lists = [y.neighbours(k, distance).cpu() for y in ys]

    def one(order: Tensor) -> np.ndarray:
        back = torch.argsort(order)
        values = np.empty((len(xs), len(ys)))
        for at, found in enumerate(lists):
            places = (start + back[found[order]]).flatten()
            common = near.index_select(0, places).view(n, k, len(xs)).sum(1, dtype=torch.int32)
            values[:, at] = score[common].mean(dim=0).numpy()
        return values

    return np.stack(list(alignkit.parallel_map(one, orders)))


def _self_alignment(x: Representation, k: int, biased: bool) -> float:
    """HSIC of the kernel over the own neighbours with itself."""

    def make() -> float:
        if biased:
            kernel = _cosines(x) * _near(x, k, True)
            return _hsic_biased(kernel, kernel)
        return _hsic_of_neighbours(x, x, k)

    value = x.view(("cknna_self", k, biased), make, "same")
    if value <= 0:
        name = x.name or "the representation"
        raise alignkit.UndefinedError(f"cknna: {name} has no positive alignment with itself")
    return value


def _near(x: Representation, k: int, itself: bool = False) -> Tensor:
    near = torch.zeros(x.n, x.n, dtype=torch.bool, device=x.device)
    near.scatter_(1, x.neighbours(k), True)
    return near.fill_diagonal_(True) if itself else near


def _cosines(x: Representation) -> Tensor:
    return x.view("cosines", lambda: alignkit.gram(x.unit_rows), "pairs")


def _hsic_of_neighbours(x: Representation, y: Representation, k: int) -> float:
    """Unbiased HSIC (Song et al. 2012) of cosine kernels over pairs that are near in both.

    The masked kernels have at most k entries a row, and need not be symmetric; only those
    entries are visited. What both lists hold is known from either: a kernel is symmetric.
    """
    n, columns = x.n, y.neighbours(k)
    ranks = _rank_in(x, columns, None, k, "cosine").long()
    near = ranks > 0
    b = (1 - 0.5 * y.neighbour_distances(k).double()) * near
    a = 1 - 0.5 * x.neighbour_distances(k).double().gather(1, (ranks - 1).clamp(min=0))
    a = a * near
    # Entries whose mirror image is kept as well, among the few that are kept at all.
    i, place = near.nonzero(as_tuple=True)
    j = columns[i, place]
    back = (_rank_in(x, i[:, None], j, k, "cosine") > 0) & (
        _rank_in(y, i[:, None], j, k, "cosine") > 0
    )
    trace = (a[i, place] * b[i, place] * back[:, 0]).sum()
    sums = a.sum() * b.sum() / ((n - 1) * (n - 2))
    column_sums = a.new_zeros(n).scatter_add_(0, columns.flatten(), a.flatten())
    mixed = 2 / (n - 2) * (column_sums @ b.sum(dim=1))
    return float(trace + sums - mixed) / (n * (n - 3))


def _hsic_biased(k: Tensor, l: Tensor) -> float:  # noqa: E741
    centred = (k - k.mean(dim=0)) * (l - l.mean(dim=1, keepdim=True)).T
    return float(centred.sum(dtype=torch.float64)) / (len(k) - 1) ** 2
