"""Nearest neighbours by blocks of rows: fast products rank, float64 decides near ties."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from alignkit.errors import UndefinedError
from alignkit.metrics.matrix import Matrix
from alignkit.metrics.products import gram
from alignkit.metrics.rounding import DOUBLE, OPERATIONS, turned
from alignkit.metrics.ties import Entries, check_size, joined, tied_entries
from alignkit.metrics.views import VIEWS
from alignkit.metrics.workers import parallel_map

# Rounding of products, relative to the rows' lengths: far less than this.
_ERROR = {torch.float32: 1e-6, torch.float64: 1e-13}
# Squared distances are equal when they differ by less than the largest over this number.
_TIE_STEPS = 2.0**40
# Distances tie within so many standard errors of what rounding the stored values does to them.
_ROUNDING_ERRORS = 4.0
# Unit rows that differ by less differ by the rounding of float64.
_LEAST = OPERATIONS * DOUBLE
# Candidates beyond k among which float64 decides; where more tie, all samples are searched.
_SPARE = 8
# A GPU takes far larger blocks, one after the other.
_BLOCK_BYTES, _GPU_BLOCK_BYTES = 32 << 20, 1 << 30
# Columns of which a GPU looks at the largest first.
_RUN = 32


def nearest(x: Matrix, k: int, distance: str) -> tuple[Tensor, Tensor, Entries | None]:
    """Return indices and squared distances of the k nearest other samples, both ``(n, k)``.

    Points are unit rows (``cosine``: half the squared distance is 1 - cosine) or rows of
    ``normalized`` (``euclidean``), in either case less their mean, so that a large common part
    costs no digits. Candidates come from products in the matrix's ``dtype``. Where rounding
    leaves their order in doubt, distances are recomputed in float64, entry by entry, so that
    equal rows tie; in the lists, ties go to the lowest index. The third result holds all
    neighbours of the samples that have ties, None where there are none. Samples of one group are
    not neighbours.
    """
    points = Points(x, distance)
    best, which = _best(points, min(k + _SPARE, x.most_neighbours))
    indices = torch.empty(x.n, k, dtype=torch.int64, device=x.device)
    distances = torch.empty(x.n, k, dtype=x.dtype, device=x.device)
    blocks = row_blocks(x)
    parts = _apply(x)(lambda rows: _decide(points, rows, best[rows], which[rows], k), blocks)
    tied: list[Entries] = []
    for rows, (nearest_rows, squared, entries) in zip(blocks, parts, strict=True):
        indices[rows], distances[rows] = nearest_rows, squared
        tied += entries
        check_size(sum(len(part.rows) for part in tied), x.label, x.n)
    return indices, distances, joined(tied) if tied else None


def ranks_of(x: Matrix, others: Tensor, rows: Tensor) -> Tensor:
    """Return the ranks of some samples among all others of some rows, from 1, ``(pairs,)``.

    By Euclidean distance in float64; equal distances have the mean of their ranks.

    Parameters
    ----------
    others, rows : Tensor (pairs,)
        ``others[i]`` is ranked among the others of ``rows[i]``; rows are in ascending order.
    """
    points = Points(x, "euclidean")

    def ranks(block: Tensor) -> Tensor:
        first, last = torch.searchsorted(rows, torch.stack([block[0], block[-1] + 1])).tolist()
        squared = points.squares[block, None] - 2 * points.nearness(block)
        which, wanted = rows[first:last] - block[0], others[first:last]
        if last - first > len(block):
            ordered = squared.sort(dim=1).values
            slack = points.tolerance(squared)
            nearer = torch.searchsorted(ordered, squared - slack)
            as_near = torch.searchsorted(ordered, squared + slack, right=True)
            return 0.5 * (nearer + as_near + 1)[which, wanted].double()
        mine = squared[which, wanted][:, None]
        slack = points.tolerance(mine)
        seen = squared if last - first == len(block) else squared[which]
        nearer = (seen < mine - slack).sum(dim=1)
        as_near = (seen <= mine + slack).sum(dim=1)
        return 0.5 * (nearer + as_near + 1).double()

    return torch.cat(list(_apply(x)(ranks, row_blocks(x))))


def row_blocks(x: Matrix) -> list[Tensor]:
    """Return the blocks of rows whose nearness to all others is held at once."""
    step = max(1, _room(x) // (x.n * x.dtype.itemsize))
    everything = torch.arange(x.n, device=x.device)
    return list(torch.split(everything, step))


def _groups(x: Matrix) -> list[slice]:
    """Return the groups of samples; two groups at a time are multiplied."""
    step = max(1, int((_room(x) / x.dtype.itemsize) ** 0.5))
    return [slice(at, min(at + step, x.n)) for at in range(0, x.n, step)]


def _room(x: Matrix) -> int:
    if x.device.type == "cpu":
        return min(_BLOCK_BYTES, max(VIEWS.limit // 16, 1 << 20))
    return min(_GPU_BLOCK_BYTES, max(VIEWS.limit // 32, 1 << 20))


def _apply(x: Matrix) -> Callable[..., Iterable[Any]]:
    """Return how work on blocks is done: side by side, but on a GPU one after the other."""
    return parallel_map if x.device.type == "cpu" else map


class Points:
    """Centred points of a representation, their squared lengths, and exact distances."""

    def __init__(self, x: Matrix, distance: str) -> None:
        self.x, self.cosine = x, distance == "cosine"
        self.mean, self.scale = self._centre()
        self.squares, column_squares = x.view(("squares of points", distance), self._squares)
        sizes = self._sizes(column_squares)
        self.noise, self.rounding = self._rounding(column_squares, sizes)
        self.largest = float(self.squares.max()) ** 0.5
        # Of unit rows; rows themselves were found to vary.
        least = max(x.precision.error * float(sizes.sum()) ** 0.5, _LEAST)
        if self.cosine and (self.largest <= least or bool(x.columns.constant.all())):
            raise UndefinedError(f"{x.label} is constant")

    def _centre(self) -> tuple[Tensor, float]:
        x = self.x
        if self.cosine:
            _ = x.mean  # raises where a value is not finite
            total = torch.zeros(x.width, dtype=torch.float64, device=x.device)
            for _, block in x.blocks():
                total += x.to_unit_rows(block).sum(dim=0)
            return total / x.n, 1.0
        return x.mean, x.norm

    @cached_property
    def values(self) -> Tensor:
        """The points in the matrix's ``dtype``, kept no longer than this object."""
        values = torch.empty(self.x.n, self.x.width, dtype=self.x.dtype, device=self.x.device)
        for rows in self.x.slices():
            values[rows] = self.exact(rows).to(values.dtype)
        return values

    def _squares(self) -> tuple[Tensor, Tensor]:
        """Return the squared lengths of the points, and the mean squares of the columns."""
        of_rows, of_columns = [], torch.zeros_like(self.mean)
        for rows in self.x.slices():
            squares = self.exact(rows).square()
            of_rows.append(squares.sum(dim=1))
            of_columns += squares.sum(dim=0)
        return torch.cat(of_rows), of_columns / self.x.n

    def _sizes(self, column_squares: Tensor) -> Tensor:
        """Return the mean squares of what is rounded, ``(width,)``: not of constant columns."""
        shares = column_squares + (self.mean / self.scale).square()
        sizes = shares.masked_fill(self.x.columns.constant, 0.0)
        if self.cosine and float(shares.max()) > 0.5:
            return turned(sizes, shares)
        return sizes

    def _rounding(self, column_squares: Tensor, sizes: Tensor) -> tuple[float, float]:
        """Return what rounding the stored values adds to distances, as standard deviations.

        The first is the length of the error of a difference of two points, the second its part
        in the direction of that difference, for which columns count by their variance.
        """
        variance = sizes * self.x.eps**2 / 6  # of two values, each rounded by up to eps / 2
        whole = float(column_squares.sum())
        along = float(column_squares @ variance) / whole if whole else 0.0
        return float(variance.sum()) ** 0.5, along**0.5

    def tolerance(self, squared: Tensor) -> Tensor:
        """Return how far above a squared distance another may lie and be equal to it.

        Equal to the rounding of the values as they are stored, and of sums in float64.
        """
        least = self.largest**2 / _TIE_STEPS + (2 * self.noise) ** 2
        slope = _ROUNDING_ERRORS * 8**0.5 * self.rounding  # two distances, each 2 d times it
        return squared.clamp(min=0).sqrt_().mul_(slope).add_(least)

    def exact(self, rows: Tensor | slice) -> Tensor:
        """Return some points in float64."""
        if self.cosine:
            return self.x.exact_unit_rows(rows) - self.mean
        return (self.x.rows(rows) - self.mean) / self.scale

    def nearness(self, rows: Tensor) -> Tensor:
        """Return how near all points are to some rows, ``(rows, n)`` in float64.

        Nearness falls as the squared distance grows; that of a row to itself and to the samples
        of its group is minus infinity.
        """
        mine = self.exact(rows)
        parts = [mine @ self.exact(part).T for part in self.x.slices()]
        near = torch.cat(parts, dim=1) - 0.5 * self.squares
        return self.without_group(near.scatter_(1, rows[:, None], -torch.inf), rows, slice(None))

    def without_group(self, near: Tensor, rows: Tensor | slice, columns: slice) -> Tensor:
        """Set the nearness of samples of one group to minus infinity, in place."""
        groups = self.x.groups
        if groups is None:
            return near
        return near.masked_fill_(groups[rows, None] == groups[columns], -torch.inf)

    def margin(self, rows: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the gap of nearness below which the order may be rounding, ``(rows, 1)``."""
        lengths = self.squares[rows, None].sqrt().clamp(min=0.1 * self.largest)
        margin: Tensor = 2 * _ERROR[dtype] * self.largest * lengths
        return margin.to(dtype)


def _best(points: Points, count: int) -> tuple[Tensor, Tensor]:
    """Return the greatest nearnesses of each sample in the matrix's ``dtype``, and to whom.

    Products of two groups of samples serve both: groups are multiplied in pairs, and the
    result is merged into the best so far. The order of pairs matters for ties only, which are
    decided elsewhere.
    """
    x, rows_of = points.x, points.values  # read before workers could each compute them
    half = (0.5 * points.squares).to(x.dtype)
    best = torch.full((x.n, count), -torch.inf, dtype=half.dtype, device=x.device)
    which = torch.zeros(x.n, count, dtype=torch.int64, device=x.device)
    lock = threading.Lock()
    top = _top if x.device.type == "cpu" else _top_of_runs

    def merge(rows: slice, columns: slice, near: Tensor, more: Tensor | float = 0.0) -> None:
        values, indices = top(near, min(count, near.shape[1]))
        with lock:
            values = torch.cat([best[rows], values + more], dim=1)
            places = torch.cat([which[rows], indices + columns.start], dim=1)
            best[rows], kept = torch.topk(values, count, dim=1)
            which[rows] = places.gather(1, kept)

    def pair(groups: tuple[slice, slice]) -> None:
        a, b = groups
        if a == b:
            near = gram(rows_of[a]).sub_(half[a]).fill_diagonal_(-torch.inf)
            merge(a, a, points.without_group(near, a, a))
            return
        near = torch.addmm(half[b], rows_of[a], rows_of[b].T, beta=-1)
        near = points.without_group(near, a, b)
        merge(a, b, near)
        # Seen from b: the same products, less half the squares of a.
        merge(b, a, near.T.contiguous().sub_(half[a]), half[b, None])

    groups = _groups(x)
    list(_apply(x)(pair, [(a, b) for at, a in enumerate(groups) for b in groups[at:]]))
    return best, which


def _top(near: Tensor, count: int) -> tuple[Tensor, Tensor]:
    values, indices = torch.topk(near, count, dim=1)
    return values, indices


def _top_of_runs(near: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the greatest of every row and their columns, in descending order.

    They lie in the runs of columns with the greatest maxima. A GPU finds these in one pass, and
    takes many passes to find the greatest of a wide row.
    """
    rows, columns = near.shape
    if columns % _RUN or columns < 4 * _RUN * count:
        return _top(near, count)
    runs = near.view(rows, -1, _RUN)
    chosen = torch.topk(runs.amax(dim=2), count, dim=1).indices
    candidates = runs.gather(1, chosen[:, :, None].expand(-1, -1, _RUN)).flatten(1)
    values, places = torch.topk(candidates, count, dim=1)
    return values, chosen.gather(1, places // _RUN) * _RUN + places % _RUN


def _decide(
    points: Points, rows: Tensor, best: Tensor, which: Tensor, k: int, near: Tensor | None = None
) -> tuple[Tensor, Tensor, list[Entries]]:
    """Return the k nearest, their squared distances, and ties; decide near ties in float64.

    ``near`` is the nearness to all others in float64, where ``best`` was taken from it.
    """
    chosen = which[:, :k].contiguous()
    distances = (points.squares[rows, None].to(best.dtype) - 2 * best[:, :k]).clamp_(min=0)
    margin = points.margin(rows, best.dtype)
    margin += 0.5 * points.tolerance(distances[:, -1:])  # nearness is half a squared distance
    doubtful = (best[:, :-1] - best[:, 1:] <= margin)[:, :k].any(dim=1)
    # Samples that are not among the candidates must be too far to belong to the k nearest.
    others = points.x.n - points.x.group_sizes[rows]
    covered = (best[:, k - 1] - best[:, -1] > margin[:, 0]) | (best.shape[1] == others)
    tied: list[Entries] = []
    for some in (doubtful & covered, doubtful & ~covered):
        if not bool(some.any()):
            continue
        if bool(covered[some].all()):
            indices, squared, entries = _among(points, rows[some], which[some], k)
        elif near is not None:
            indices, squared, entries = _by_steps(points, rows[some], near[some], k)
        else:
            indices, squared, entries = _in_float64(points, rows[some], k)
        chosen[some], distances[some] = indices, squared.to(best.dtype)
        tied += entries
    return chosen, distances, tied


def _in_float64(points: Points, rows: Tensor, k: int) -> tuple[Tensor, Tensor, list[Entries]]:
    """Return the k nearest among all others, from products in float64."""
    near = points.nearness(rows)
    top = torch.topk(near, min(k + _SPARE, points.x.most_neighbours), dim=1)
    return _decide(points, rows, top.values, top.indices, k, near)


def _among(
    points: Points, rows: Tensor, candidates: Tensor, k: int
) -> tuple[Tensor, Tensor, list[Entries]]:
    """Return the k nearest among candidates, by distances in float64, entry by entry."""
    parts = []
    width = points.x.width
    step = max(1, _room(points.x) // (8 * width * candidates.shape[1]))
    # In the order of their indices, so that a stable sort gives ties to the lowest.
    candidates = candidates.sort(dim=1).values
    for some, others in zip(torch.split(rows, step), torch.split(candidates, step), strict=True):
        there = points.exact(others.flatten()).view(*others.shape, width)
        parts.append((there - points.exact(some)[:, None]).square().sum(dim=2))
    squared = torch.cat(parts)
    order = torch.sort(_steps(points, squared), dim=1, stable=True).indices[:, :k]
    tied = _ties(points, rows, candidates, squared, k)
    return candidates.gather(1, order), squared.gather(1, order), tied


def _by_steps(
    points: Points, rows: Tensor, near: Tensor, k: int
) -> tuple[Tensor, Tensor, list[Entries]]:
    """Return the k nearest where very many tie: products that are nearly equal count as ties."""
    squared = points.squares[rows, None] - 2 * near
    steps = _steps(points, squared)  # infinite for the row itself
    order = torch.sort(steps, dim=1, stable=True).indices[:, :k]
    everyone = torch.arange(points.x.n, device=rows.device).expand_as(squared)
    tied = _ties(points, rows, everyone, squared.clamp(min=0), k)
    return order, squared.gather(1, order).clamp(min=0), tied


def _ties(points: Points, rows: Tensor, columns: Tensor, squared: Tensor, k: int) -> list[Entries]:
    """Return the neighbours of the rows that have ties, by equal steps of squared distance."""
    tied = tied_entries(rows, columns, squared, k, points.tolerance)
    if tied is None:
        return []
    step = points.largest**2 / _TIE_STEPS
    return [tied._replace(squared=_steps(points, tied.squared) * step)]


def _steps(points: Points, squared: Tensor) -> Tensor:
    return torch.round(squared * (_TIE_STEPS / max(points.largest**2, 1e-300)))
