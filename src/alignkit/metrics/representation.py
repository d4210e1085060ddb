"""A representation, and the views of it that metrics share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import AlignkitDeprecationWarning, UsageError
from alignkit.metrics import neighbours as search
from alignkit.metrics.matrix import Matrix, Reordered, Rows, to_numpy
from alignkit.metrics.products import gram, inner
from alignkit.metrics.ties import Entries, Neighbours, Ties, all_neighbours, lists_of, summary
from alignkit.metrics.views import VIEWS, Permute
from alignkit.metrics.workers import parallel_map


class Representation(Matrix):
    """An ``(n, width)`` matrix of one stream at one site, with its sample ids.

    A metric reads the views. Each is computed when it is first read, and kept within a bound
    that all representations share. Means, lengths and everything that is decomposed are
    computed in ``float64``; large products in ``dtype``.

    Parameters
    ----------
    values : array_like (n, width)
        One row per sample. Numpy arrays, memory maps and torch tensors are accepted.
    ids : sequence of str, optional
        Sample ids in the order of the rows.
    name : str
        A site, a file or a layer; for messages and tables.
    dtype : torch.dtype, optional
        Precision of large products, ``float32`` or ``float64``; that of the values by default.
    device : str or torch.device

    Raises
    ------
    UsageError
        When the matrix is not two-dimensional, is empty, does not hold numbers, or the ids do
        not fit. A value that is not finite is an error once a view is read.
    """

    def __repr__(self) -> str:
        return f"Representation({self.name or 'unnamed'}, n={self.n}, width={self.width})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        del copy  # numpy asks; the values are handed over as they are
        return np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, rows: Any) -> Representation:
        """Return the representation of some samples: an index array or a slice of rows."""
        ids = None if self.ids is None else list(np.asarray(self.ids, dtype=object)[rows])
        some = Representation(self._source[rows], ids, self.name, self.dtype, self.device)
        some.origin = self.origin
        some.precision = self.precision
        if self.groups is not None:
            some.groups = self.groups[rows if isinstance(rows, slice) else torch.as_tensor(rows)]
        return some

    def grouped(self, groups: Any) -> Representation:
        """Return the same matrix with samples in groups, within which none is a neighbour.

        Parameters
        ----------
        groups : array_like (n,)
            The group of every sample, as an integer from 0.
        """
        other = Representation(self._source, self.ids, self.name, self.dtype, self.device)
        other.origin = self.origin
        other.precision = self.precision
        other.groups = torch.as_tensor(np.asarray(groups), dtype=torch.int64, device=self.device)
        return other

    def on(self, device: str | torch.device, dtype: torch.dtype) -> Representation:
        """Return the same matrix on a device, with its large products in another precision."""
        other = Representation(self._source, self.ids, self.name, dtype, device)
        other.groups, other.origin = self.groups, self.origin
        other.precision = self.precision
        return other

    @property
    def values(self) -> np.ndarray:
        """The matrix as numpy, as it was given; in float32 what numpy has no type for."""
        source = self._source
        if isinstance(source, Tensor):
            return to_numpy(source)
        return source if isinstance(source, np.ndarray) else source[:]

    @property
    def tensor(self) -> Tensor:
        """The matrix, ``(n, width)``."""
        return self.shared("tensor", lambda: self.filled(lambda rows: rows), "rows")

    @property
    def centred(self) -> Tensor:
        """The matrix less the mean of every column, ``(n, width)``."""
        return self.shared("centred", lambda: self.normalized * self.norm, "rows")

    @property
    def normalized(self) -> Tensor:
        """``centred`` scaled to Frobenius norm one, ``(n, width)``."""
        return self.shared("normalized", self._normalized, "rows")

    @property
    def gram(self) -> Tensor:
        """Inner products of the rows of ``centred``, ``(n, n)``."""
        return self.shared("gram", lambda: self.normalized_gram * self.norm**2, "pairs")

    @property
    def gram_norm(self) -> float:
        """Frobenius norm of ``gram``."""
        return float(inner(self.normalized_gram, self.normalized_gram) ** 0.5) * self.norm**2

    @property
    def normalized_gram(self) -> Tensor:
        """Inner products of the rows of ``normalized``, ``(n, n)``; the trace is 1."""
        return self.shared("normalized_gram", lambda: gram(self.normalized), "pairs")

    @property
    def scatter(self) -> Tensor:
        """Inner products of the columns of ``centred``, ``(width, width)`` in float64."""
        whole = self.norm**2
        return self.shared("scatter", lambda: self.cross(self, torch.float64) * whole, "same")

    @property
    def unit(self) -> Tensor:
        """The former name of ``normalized``."""
        view: Tensor = self._renamed("unit", "normalized")
        return view

    @property
    def unit_gram(self) -> Tensor:
        """The former name of ``normalized_gram``."""
        view: Tensor = self._renamed("unit_gram", "normalized_gram")
        return view

    @property
    def unit_rows(self) -> Tensor:
        """The rows scaled to length one, not centred, ``(n, width)``.

        Raises
        ------
        UndefinedError
            When a row is zero and so has no direction.
        """
        return self.shared("unit_rows", lambda: self.filled(self.to_unit_rows), "rows")

    @property
    def singular(self) -> tuple[Tensor, Tensor]:
        """Left singular vectors ``(n, rank)`` and values ``(rank,)`` of ``centred``, in float64."""
        return self.shared(
            "singular", self._singular, lambda view, order: (view[0][order], view[1])
        )

    @property
    def rank_tolerance(self) -> float:
        """Share of the largest singular value below which others are rounding noise."""
        return 1e-6 if self.eps > 1e-12 else 1e-10

    def neighbours(self, k: int, distance: str = "cosine") -> Tensor:
        """Return the indices of the k nearest other samples of each, nearest first, ``(n, k)``.

        The result is the same in every precision: where rounding could change the order, it is
        decided in float64. A sample is left out of its own list by its index, and so are the
        samples of its group where there are groups. Ties go to the lowest index, so a value that
        follows from these lists depends on the order of the samples where there are any: see
        ``tied_neighbours``.

        Raises
        ------
        UsageError
            When k is not from 1 to n - 1, or the distance is unknown.
        UndefinedError
            When a row is zero and the distance is ``cosine``.
        """
        return self._nearest(k, distance)[0]

    def neighbour_distances(self, k: int, distance: str = "cosine") -> Tensor:
        """Return squared distances to the k nearest, ``(n, k)``, in the order of ``neighbours``.

        Between rows of ``unit_rows`` for ``cosine``, of ``normalized`` for ``euclidean``.
        """
        return self._nearest(k, distance)[1]

    def tied_neighbours(self, k: int, distance: str = "cosine") -> Neighbours:
        """Return the neighbours of all samples with their weights, which ties share.

        Samples nearer than the k-th distance have weight 1, and those at that distance share
        what is left of k. Distances are tied if they are equal to the rounding of the values as
        they are stored. The errors are those of ``neighbours``.
        """
        return self.shared(
            ("tied neighbours", k, distance),
            lambda: all_neighbours(*self._nearest(k, distance)),
            lambda view, order: view.permuted(order),
        )

    def ties(self, k: int, distance: str = "cosine") -> Ties | None:
        """Return how the k nearest neighbours tie; None where they do not."""
        return self.shared(
            ("ties", k, distance), lambda: summary(self._nearest(k, distance)[2], k), "same"
        )

    def neighbour_sets(self, k: int, distance: str = "cosine") -> tuple[Tensor, Tensor]:
        """Return neighbours sorted by index, and the rank of each from 1, both ``(n, k)``."""

        def make() -> tuple[Tensor, Tensor]:
            by_index = self.neighbours(k, distance).int().sort(dim=1)
            return by_index.values, by_index.indices.int() + 1

        return self.shared(("neighbour_sets", k, distance), make)

    def check_directions(self, unit_rows: Tensor) -> None:
        """Refuse rows that have one direction, but for rounding.

        Parameters
        ----------
        unit_rows : Tensor (n, width)
            As from ``exact_unit_rows``.

        Raises
        ------
        UndefinedError
        """
        # Mostly, some row is far from the first, and so one of both from the mean.
        if float((unit_rows @ unit_rows[0]).min()) > 1 - 2 * max(self.precision.error, 1e-6) ** 2:
            search.Points(self, "cosine")

    def ranks_of(self, others: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the ranks of other samples by Euclidean distance, ``(pairs,)`` float64.

        Equal distances have the mean of their ranks.

        Parameters
        ----------
        others : Tensor (pairs,)
            The indices of the other samples; their ranks are from 1 to n - 1.
        rows : Tensor (pairs,), optional
            Among whose others each is ranked, in ascending order; by default, the i-th is
            ranked among the others of sample i.
        """
        rows = torch.arange(self.n, device=self.device) if rows is None else rows
        return search.ranks_of(self, others, rows)

    def cross(self, other: Representation, dtype: torch.dtype | None = None) -> Tensor:
        """Return inner products of the columns of two ``normalized``, ``(width, other width)``.

        They are computed by blocks of rows in ``dtype`` and summed in float64, so that the
        number of samples is not limited by memory.
        """
        dtype = dtype or self.dtype
        total = torch.zeros(self.width, other.width, dtype=torch.float64, device=self.device)
        parts = parallel_map(
            lambda rows: (
                self.normalized_block(rows, dtype).T @ other.normalized_block(rows, dtype)
            ).double(),
            self.slices(),
        )
        for part in parts:
            total += part
        return total

    def normalized_block(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Return some rows of ``normalized``, which is kept whole only where it is small."""
        if dtype == self.dtype and 16 * self.n * self.width * dtype.itemsize < VIEWS.limit:
            return self.normalized[rows]
        return self.exact_normalized(rows).to(dtype)

    def permuted(self, order: Tensor) -> Representation:
        """Return the rows in another order; kept views are reordered where possible, not remade.

        Parameters
        ----------
        order : Tensor (n,)
            Row ``i`` of the result is row ``order[i]``; sample ids are dropped.
        """
        order = order.to(self.device)
        other = Representation.__new__(Representation)
        other.name, other.dtype, other.device = self.name, self.dtype, self.device
        other.ids, other._source, other.origin = None, Reordered(self._source, order), self.origin
        other.precision = self.precision
        other.groups = None if self.groups is None else self.groups[order]
        other._start_views()
        for key, kept in VIEWS.of(self).items():
            if kept.permute is not None:
                reordered = _reordered(kept.value, kept.permute, order)
                VIEWS.put(other, key, reordered, kept.permute, kept.shared)
        return other

    def exact_unit(self, rows: Rows) -> Tensor:
        """Return what ``exact_normalized`` does; its former name."""
        values: Tensor = self._renamed("exact_unit", "exact_normalized")(rows)
        return values

    def unit_block(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Return what ``normalized_block`` does; its former name."""
        values: Tensor = self._renamed("unit_block", "normalized_block")(rows, dtype)
        return values

    def _renamed(self, old: str, new: str) -> Any:
        message = f"Representation.{old} is now .{new}; the old name will be removed in version 0.3"
        warnings.warn(message, AlignkitDeprecationWarning, stacklevel=3)
        return getattr(self, new)

    def _normalized(self) -> Tensor:
        mean, norm = self.mean, self.norm
        return self.filled(lambda rows: rows.sub_(mean).div_(norm))

    def _singular(self) -> tuple[Tensor, Tensor]:
        exact = self.exact_normalized(slice(None))
        vectors, values, _ = torch.linalg.svd(exact, full_matrices=False)
        rank = int((values > self.rank_tolerance * values[0]).sum())
        return vectors[:, :rank], values[:rank] * self.norm

    def _nearest(self, k: int, distance: str) -> tuple[Tensor, Tensor, Entries | None]:
        if not 1 <= k < self.n:
            raise UsageError(f"k={k} needs 1 <= k < n, and there are n={self.n} samples")
        if k > self.most_neighbours:
            raise UsageError(
                f"k={k} needs as many samples outside a sample's group, and of n={self.n} samples "
                f"{self.n - self.most_neighbours} are in one group"
            )
        if distance not in ("cosine", "euclidean"):
            raise UsageError(f"unknown distance '{distance}'; known: cosine, euclidean")
        return self.shared(
            ("nearest", k, distance), lambda: search.nearest(self, k, distance), _reordered_lists
        )


def _reordered_lists(
    view: tuple[Tensor, Tensor, Entries | None], order: Tensor
) -> tuple[Tensor, Tensor, Entries | None]:
    """Return lists of neighbours with the samples in another order; ties go by the new one."""
    indices, squared, tied = view
    moved = torch.argsort(order)
    indices, squared = moved[indices[order]], squared[order]
    if tied is not None:
        tied = tied._replace(rows=moved[tied.rows], columns=moved[tied.columns])
        rows, nearest, distances = lists_of(tied, indices.shape[1])
        indices[rows], squared[rows] = nearest, distances.to(squared.dtype)
    return indices, squared, tied


def _reordered(view: Any, permute: Permute, order: Tensor) -> Any:
    match permute:
        case "rows":
            return view[order]
        case "pairs":
            return view[order][:, order]
        case "same":
            return view
    assert callable(permute)
    return permute(view, order)
