"""Ties among nearest neighbours: which samples share the last places, and which ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from alignkit.errors import UndefinedError

# Entries of tied groups that are held at once; each takes 40 bytes.
LIMIT = 40_000_000


class Ties(NamedTuple):
    """How the k nearest neighbours of samples tie.

    Attributes
    ----------
    shared : int
        Samples whose last places are shared by more neighbours than there are places; of the
        others, ties leave the order open, and not which neighbours are the k nearest.
    exceeding : int
        Samples with a group of more than k neighbours at the same distance.
    largest : int
        The size of the largest group.
    """

    shared: int
    exceeding: int
    largest: int


class Entries(NamedTuple):
    """Neighbours of the samples that have ties, one entry a pair, all ``(entries,)``.

    Attributes
    ----------
    rows, columns : Tensor
        The sample and its neighbour.
    low, high : Tensor
        First and last rank, from 1, of the neighbours at this distance.
    squared : Tensor
        The squared distance, float64.
    """

    rows: Tensor
    columns: Tensor
    low: Tensor
    high: Tensor
    squared: Tensor


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of all samples, with the ties for the last places.

    Neighbours at one distance share the ranks ``low`` to ``high``. Those nearer than the k-th
    distance have weight 1; those at that distance share what is left of k, so the weights of
    every sample sum to k. Entries are in ascending order of row and column.

    Attributes
    ----------
    n, k : int
        Number of samples and of neighbours.
    entries : Entries
    """

    n: int
    k: int
    entries: Entries

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return sum(column.element_size() * column.nelement() for column in self.entries)

    @property
    def keys(self) -> Tensor:
        """Row and column as one number, ascending, ``(entries,)``."""
        return self.entries.rows * self.n + self.entries.columns

    @property
    def is_certain(self) -> Tensor:
        """Whether the whole group at this distance is among the k nearest, ``(entries,)``."""
        return self.entries.high <= self.k

    @property
    def weights(self) -> Tensor:
        """The share of being among the k nearest, in (0, 1], ``(entries,)`` float64."""
        low, high = self.entries.low.double(), self.entries.high.double()
        return ((self.k - low + 1) / (high - low + 1)).clamp(max=1)

    def dense(self) -> Tensor:
        """Return the weights as a matrix, ``(n, n)`` float64."""
        matrix = self.weights.new_zeros(self.n, self.n)
        matrix[self.entries.rows, self.entries.columns] = self.weights
        return matrix

    def common(self, other: Neighbours) -> tuple[Tensor, Tensor]:
        """Return the places of the pairs that both have, in each of the two."""
        return places_of(other.keys, self.keys)

    def permuted(self, order: Tensor) -> Neighbours:
        """Return the neighbours with the samples in another order."""
        moved = torch.argsort(order).to(self.entries.rows.device)
        rows, columns = moved[self.entries.rows], moved[self.entries.columns]
        entries = self.entries._replace(rows=rows, columns=columns)
        return Neighbours(self.n, self.k, in_order(entries, self.n))

    def stacked(self, orders: Sequence[Tensor]) -> Neighbours:
        """Return the neighbours with the samples in each of several orders, one after another.

        Those in order i of n samples are the samples i n to (i + 1) n - 1.
        """
        entries, times, total = self.entries, len(orders), len(orders) * self.n
        moved = torch.argsort(torch.stack(list(orders)), dim=1).to(entries.rows.device)
        moved += torch.arange(0, total, self.n, device=moved.device)[:, None]
        rows, columns = moved[:, entries.rows].flatten(), moved[:, entries.columns].flatten()
        rest = (column.repeat(times) for column in entries[2:])
        return Neighbours(total, self.k, in_order(Entries(rows, columns, *rest), total))


def places_of(wanted: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places in ascending ``keys`` of the wanted that are there, and which those are."""
    places = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
    which = (keys[places] == wanted).nonzero()[:, 0]
    return places[which], which


def all_neighbours(indices: Tensor, squared: Tensor, tied: Entries | None) -> Neighbours:
    """Return the neighbours of all samples, given lists ``(n, k)`` and the entries that tie."""
    n, k = indices.shape
    has_ties = torch.zeros(n, dtype=torch.bool, device=indices.device)
    if tied is not None:
        has_ties[tied.rows] = True
    plain = (~has_ties).nonzero()[:, 0]
    ranks = torch.arange(1, k + 1, device=indices.device).expand(len(plain), k).flatten()
    rows = plain[:, None].expand(-1, k).flatten()
    lists = Entries(rows, indices[plain].flatten(), ranks, ranks, squared[plain].flatten().double())
    parts = [lists] if tied is None else [lists, tied]
    return Neighbours(n, k, in_order(joined(parts), n))


def joined(parts: list[Entries]) -> Entries:
    """Return the entries of several parts as one."""
    return Entries(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def in_order(entries: Entries, n: int) -> Entries:
    """Return entries in ascending order of row and column."""
    order = torch.argsort(entries.rows * n + entries.columns)
    return Entries(*(column[order] for column in entries))


def tied_entries(
    rows: Tensor, columns: Tensor, squared: Tensor, k: int, tolerance: Callable[[Tensor], Tensor]
) -> Entries | None:
    """Return the neighbours of the rows that have ties up to the k-th place; None without any.

    Distances are tied that differ from the least of their group by no more than rounding. This
    depends on sorted distances alone, so not on the order of the samples.

    Parameters
    ----------
    rows : Tensor (rows,)
    columns, squared : Tensor (rows, candidates)
        Other samples and their squared distances in float64, infinite for the row itself. All
        samples that tie with the k-th nearest are among them.
    k : int
    tolerance : callable
        How far a squared distance may lie above another, and be equal, given the other.
    """
    values, order = squared.sort(dim=1)
    last = min(k, values.shape[1] - 1)
    close = values[:, 1 : last + 1] - values[:, :last] <= tolerance(values[:, :last])
    some = close.any(dim=1)
    if not bool(some.any()):
        return None
    rows, values = rows[some], values[some]
    columns = columns[some].gather(1, order[some])
    low, start = _group_starts(values[:, :k], tolerance)
    end = (values <= (start + tolerance(start))[:, None]).sum(dim=1)
    high = low.clone()
    high[:, -1] = end
    for rank in range(k - 2, -1, -1):
        same = low[:, rank] == low[:, rank + 1]
        high[:, rank] = torch.where(same, high[:, rank + 1], low[:, rank + 1] - 1)
    there = torch.arange(values.shape[1], device=rows.device) < end[:, None]
    which, place = there.nonzero(as_tuple=True)
    inside = place.clamp(max=k - 1)
    return Entries(
        rows[which],
        columns[which, place],
        low[which, inside],
        high[which, inside],
        values[which, place],
    )


def _group_starts(nearest: Tensor, tolerance: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the first rank of the group of each distance, and the least of the last group."""
    low = torch.ones(nearest.shape, dtype=torch.int64, device=nearest.device)
    start = nearest[:, 0]
    for place in range(1, nearest.shape[1]):
        apart = nearest[:, place] > start + tolerance(start)
        start = torch.where(apart, nearest[:, place], start)
        low[:, place] = torch.where(apart, place + 1, low[:, place - 1])
    return low, start


def summary(tied: Entries | None, k: int) -> Ties | None:
    """Return how the k nearest neighbours tie; None without ties."""
    if tied is None:
        return None
    sizes = tied.high - tied.low + 1
    shared, exceeding = (
        len(torch.unique(tied.rows[where])) for where in (tied.high > k, sizes > k)
    )
    return Ties(shared, exceeding, int(sizes.max()))


def check_size(entries: int, label: str, n: int) -> None:
    """Refuse ties that are too many to be held.

    Raises
    ------
    UndefinedError
    """
    if entries > LIMIT:
        raise UndefinedError(
            f"the neighbours of the {n:,} samples of {label} tie in groups of about "
            f"{entries // n:,} on average, too many to be counted; measure fewer samples"
        )


def lists_of(tied: Entries, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows that have ties, and their k nearest with squared distances.

    The nearest come first, and of equal ones those of the lowest index.
    """
    order = torch.argsort(tied.columns)
    order = order[torch.sort(tied.squared[order], stable=True).indices]
    order = order[torch.sort(tied.rows[order], stable=True).indices]
    rows, counts = torch.unique_consecutive(tied.rows[order], return_counts=True)
    places = (counts.cumsum(0) - counts)[:, None] + torch.arange(k, device=order.device)
    chosen = order[places]
    return rows, tied.columns[chosen], tied.squared[chosen]
