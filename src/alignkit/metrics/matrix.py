"""A matrix of samples, read block by block, and the views of it that are computed once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics.rounding import Columns, Precision
from alignkit.metrics.views import VIEWS, Permute, forget_pages
from alignkit.tables import as_ids

View = TypeVar("View")
# A choice of samples: a slice, or their indices.
Rows = slice | Tensor | np.ndarray

# Rows that are multiplied at once, and rows that are converted at once: few, to stay in cache.
# Fixed, since sums must not depend on the memory of a machine.
BLOCK = 2048
CONVERTED = 512
# A GPU has no such cache, but for every block it has a cost of starting.
ON_GPU = 8192
# Mapped files of more bytes than this do not stay in memory once a block of them was read.
MAPPED = 64 << 20
# Numbers that numpy has, too.
IN_NUMPY = (torch.float64, torch.float32, torch.float16)


class Matrix:
    """An ``(n, width)`` matrix of samples with their ids, and its kept views.

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

    Attributes
    ----------
    groups : Tensor (n,) or None
        The group of every sample, as an integer: samples of one group are never neighbours.
    origin : str
        Where the values were read, for messages; empty where they were not.
    precision : Precision
        Of the numbers in which the values are stored; of what was computed from another matrix,
        that of the other.

    Raises
    ------
    UsageError
        When the matrix is not two-dimensional, is empty, does not hold numbers, or the ids do
        not fit.
    """

    def __init__(
        self,
        values: Any,
        ids: Sequence[str] | None = None,
        name: str = "",
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.name, self.device, self.origin = name, torch.device(device), ""
        self._source: Tensor | np.ndarray | Reordered = (
            values.detach() if isinstance(values, Tensor) else np.asarray(values)
        )
        self.ids = None if ids is None else as_ids(ids)
        self.groups: Tensor | None = None
        self._check()
        self.precision = Precision.of(self._source.dtype)
        if self.device.type != "cpu":
            torch.empty(0, device=self.device)  # how much it can hold is known from now on
        self.dtype = dtype or (torch.float32 if self.eps > 1e-12 else torch.float64)
        self._start_views()

    @property
    def n(self) -> int:
        """Number of samples."""
        return int(self._source.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self._source.shape[1])

    @property
    def label(self) -> str:
        """The name for messages: where the values were read, or their name; also without one."""
        return self.origin or self.name or "the representation"

    @property
    def eps(self) -> float:
        """Spacing around 1 of the numbers in which the values are stored."""
        return self.precision.eps

    @property
    def group_sizes(self) -> Tensor:
        """Number of samples in the group of each, itself included, ``(n,)``; 1 without groups."""
        if self.groups is None:
            return torch.ones(self.n, dtype=torch.int64, device=self.device)
        return torch.bincount(self.groups)[self.groups]

    @property
    def most_neighbours(self) -> int:
        """The largest number of neighbours that every sample has: n less the largest group."""
        return self.n - int(self.group_sizes.max())

    @property
    def mean(self) -> Tensor:
        """Mean of every column, ``(width,)`` in float64.

        Raises
        ------
        UsageError
            When a value is not finite.
        """
        return self.columns.mean

    @property
    def columns(self) -> Columns:
        """Mean and range of every column, and whether it is constant but for rounding.

        Each is judged by its own values: one that is huge makes no other look constant.

        Raises
        ------
        UsageError
            When a value is not finite.
        """
        return self.shared("columns", self._make_columns, "same")

    @property
    def norm(self) -> float:
        """Frobenius norm of the centred matrix.

        Raises
        ------
        UndefinedError
            When all columns are constant, but for rounding.
        """
        return self._lengths[1]

    @property
    def squares(self) -> Tensor:
        """Squared lengths of the centred rows over ``norm**2``, ``(n,)`` in float64; sum 1."""
        return self._lengths[0]

    def rows(self, rows: Rows) -> Tensor:
        """Return some rows as a copy in float64.

        They are those of the source, but columns that are constant but for rounding have their
        mean everywhere, so that they are zero once they are centred.
        """
        block, columns = self._read(rows), self.columns
        if len(columns.noisy):
            block[:, columns.noisy] = columns.mean[columns.noisy]
        return block

    def _read(self, rows: Rows) -> Tensor:
        """Return some rows of the source as a copy in float64."""
        source = self._source if self.device.type == "cpu" else self._on_device()
        if isinstance(source, Tensor):
            if isinstance(rows, Tensor):
                rows = rows.to(source.device)
            return source[rows].to(device=self.device, dtype=torch.float64, copy=True)
        if isinstance(rows, Tensor):
            rows = rows.cpu().numpy()
        # A copy: torch does not take read-only memory maps.
        block = torch.from_numpy(np.array(source[rows], dtype=np.float64)).to(self.device)
        if isinstance(source, np.ndarray) and source.nbytes > MAPPED:
            forget_pages(source)
        return block

    def slices(self) -> list[slice]:
        """Return the blocks of rows that are worked on at once."""
        step = BLOCK if self.device.type == "cpu" else ON_GPU
        return [slice(at, min(at + step, self.n)) for at in range(0, self.n, step)]

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield every row in float64, block by block, as ``rows`` does."""
        for rows in self._converted():
            yield rows, self.rows(rows)

    def filled(self, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Change every row in float64 and return them in ``dtype``, ``(n, width)``."""
        _ = self.mean  # raises where a value is not finite
        filled = torch.empty(self.n, self.width, dtype=self.dtype, device=self.device)
        for rows, block in self.blocks():
            filled[rows] = change(block).to(self.dtype)
        return filled

    def exact_normalized(self, rows: Rows) -> Tensor:
        """Return some rows of ``normalized`` in float64, computed from the source."""
        return self.rows(rows).sub_(self.mean).div_(self.norm)

    def exact_unit_rows(self, rows: Rows) -> Tensor:
        """Return some rows of ``unit_rows`` in float64, computed from the source."""
        return self.to_unit_rows(self.rows(rows))

    def to_unit_rows(self, rows: Tensor) -> Tensor:
        """Scale rows to length one, in two steps so that tiny and huge ones keep their digits.

        Raises
        ------
        UndefinedError
            When a row is zero and so has no direction.
        """
        largest = rows.abs().amax(dim=1, keepdim=True)
        if bool((largest == 0).any()):
            count = sum(int((block == 0).all(dim=1).sum()) for _, block in self.blocks())
            raise UndefinedError(f"{self.label} has {count} zero row(s)")
        scaled = rows / largest
        lengths: Tensor = torch.linalg.norm(scaled, dim=1, keepdim=True)
        return scaled / lengths

    def view(self, key: Hashable, make: Callable[[], View], permute: Permute = None) -> View:
        """Return a kept view, or make and keep it. Metrics may keep views of their own.

        Parameters
        ----------
        key
            Anything hashable, unique to what is made.
        make : callable
        permute : str or callable, optional
            How the view follows when samples are reordered: ``rows`` (first axis), ``pairs``
            (first two axes), ``same`` (not at all), or ``permute(view, order)``. Other views
            are computed again.
        """
        return self._kept(key, make, permute, shared=False)

    def shared(self, key: Hashable, make: Callable[[], View], permute: Permute = None) -> View:
        """Return a view as ``view`` does, but keep it for other metrics after this one."""
        return self._kept(key, make, permute, shared=True)

    def release(self) -> None:
        """Drop the views that only one metric reads."""
        VIEWS.release(self)

    def _on_device(self) -> Tensor | np.ndarray | Reordered:
        """Return the source, moved to the device at once where it is small enough to be kept."""
        source = self._source
        if isinstance(source, Reordered):
            kept = VIEWS.get(self, "source")
            return source if kept is None else kept.value
        if 4 * source.nbytes > VIEWS.limit:
            return source
        if isinstance(source, Tensor):
            return self.shared("source", lambda: source.to(self.device), "rows")
        kind = source.dtype
        if kind.kind not in "fib" or kind.itemsize > 8 or not kind.isnative:
            return source  # torch has no such numbers
        return self.shared(
            "source", lambda: torch.from_numpy(np.array(source)).to(self.device), "rows"
        )

    def _converted(self) -> list[slice]:
        """Return the blocks of rows that are converted at once."""
        step = CONVERTED if self.device.type == "cpu" else ON_GPU
        return [slice(at, min(at + step, self.n)) for at in range(0, self.n, step)]

    def _start_views(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.RLock] = {}
        VIEWS.watch(self)

    def _kept(
        self, key: Hashable, make: Callable[[], View], permute: Permute, shared: bool
    ) -> View:
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:  # workers that need the same view wait for it, and do not make it twice
            kept = VIEWS.get(self, key)
            if kept is not None:
                value: View = kept.value
                return value
            value = make()
            VIEWS.put(self, key, value, permute, shared)
            return value

    def _check(self) -> None:
        shape = tuple(self._source.shape)
        if len(shape) != 2:
            raise UsageError(
                f"{self.label} has {len(shape)} dimension(s), shape {shape}; "
                "expected (samples, width)"
            )
        if 0 in shape:
            raise UsageError(f"{self.label} is empty, shape {shape}")
        kind = self._source.dtype
        if kind.is_complex if isinstance(kind, torch.dtype) else kind.kind not in "fiub":
            raise UsageError(f"{self.label} holds {kind}, not numbers; expected real numbers")
        if self.ids is not None and len(self.ids) != shape[0]:
            raise UsageError(f"{self.label} has {shape[0]} rows but {len(self.ids)} sample ids")
        if self.ids is not None and len(set(self.ids)) < len(self.ids):
            twice = next(sample for sample in self.ids if self.ids.count(sample) > 1)
            raise UsageError(f"{self.label}: sample id '{twice}' occurs more than once")

    def _make_columns(self) -> Columns:
        total = torch.zeros(self.width, dtype=torch.float64, device=self.device)
        lowest, highest = torch.full_like(total, torch.inf), torch.full_like(total, -torch.inf)
        for rows in self._converted():
            block = self._read(rows)
            total += block.sum(dim=0)
            lowest = torch.minimum(lowest, block.amin(dim=0))
            highest = torch.maximum(highest, block.amax(dim=0))
        if not bool(torch.isfinite(total).all()):
            self._raise_non_finite()
        mean = total / self.n
        # A second pass: the sum of large values loses digits that their mean has.
        rest = torch.zeros_like(total)
        for rows in self._converted():
            rest += (self._read(rows) - mean).sum(dim=0)
        return Columns.of(mean + rest / self.n, lowest, highest, self.precision)

    def _raise_non_finite(self) -> None:
        blocks = map(self._read, self._converted())
        bad = torch.cat([~torch.isfinite(block).all(dim=1) for block in blocks])
        if not bool(bad.any()):
            raise UsageError(f"{self.label}: the values are too large to be summed")
        first = int(bad.nonzero()[0])
        which = f"id '{self.ids[first]}'" if self.ids else f"row {first}"
        raise UsageError(
            f"{self.label}: {int(bad.sum()):,} of {self.n:,} rows are non-finite "
            f"(first: {which}); remove or impute them first"
        )

    @property
    def _lengths(self) -> tuple[Tensor, float]:
        return self.shared(
            "lengths", self._make_lengths, lambda view, order: (view[0][order], view[1])
        )

    def _make_lengths(self) -> tuple[Tensor, float]:
        if self.n < 2:
            raise UndefinedError(f"{self.label} has only one sample")
        deviation = self.columns.deviation
        if not deviation:
            raise UndefinedError(f"{self.label} is constant")
        # Scaled by the largest entry, so that tiny and huge values keep their digits.
        squares = torch.cat(
            [((block - self.mean) / deviation).square().sum(dim=1) for _, block in self.blocks()]
        )
        total = float(squares.sum())
        return squares / total, deviation * total**0.5


class Reordered:
    """A source whose rows are put in another order only when they are read.

    Parameters
    ----------
    source : Tensor, ndarray or Reordered
    order : Tensor (n,)
        Row ``i`` of the result is row ``order[i]`` of the source.
    """

    def __init__(self, source: Tensor | np.ndarray | Reordered, order: Tensor) -> None:
        self.source, self.order = source, order.cpu()
        self.shape: tuple[int, ...] = tuple(source.shape)
        self.dtype: torch.dtype | np.dtype = source.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        order = self.order[rows]
        picked = self.source[order if isinstance(self.source, Tensor) else order.numpy()]
        return to_numpy(picked) if isinstance(picked, Tensor) else np.asarray(picked)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a tensor as numpy; in float32 what numpy has no type for."""
    tensor = tensor.cpu()
    known = not tensor.is_floating_point() or tensor.dtype in IN_NUMPY
    return np.asarray((tensor if known else tensor.float()).numpy())
