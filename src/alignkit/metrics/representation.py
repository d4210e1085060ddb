"""A representation, and the views of it that metrics share."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics import neighbours as search
from alignkit.metrics.products import gram, inner
from alignkit.metrics.views import VIEWS, forget_pages
from alignkit.metrics.workers import parallel_map

View = TypeVar("View")
Permute = str | Callable[[Any, Tensor], Any] | None

# Rows that are multiplied at once, and that are converted at once: few, to stay in cache.
# Fixed, as sums must not depend on memory.
BLOCK = 2048
CONVERTED = 512
# Mapped files of more bytes than this do not stay in memory once a block of them was read.
MAPPED = 64 << 20


class Representation:
    """An ``(n, width)`` matrix of one stream at one site, with its sample ids.

    A metric reads the views. Each is computed when it is first read, and kept within a bound
    that all representations share. Means, lengths and everything that is decomposed are
    computed in ``float64``; large products in ``dtype``.

    Parameters
    ----------
    values : array_like (n, width)
        One row per sample. Numpy arrays, memory maps and torch tensors will do.
    ids : sequence of str, optional
        Sample ids in the order of the rows.
    name : str
        A site, a file or a layer; for messages and tables.
    dtype : torch.dtype, optional
        Of large products, ``float32`` or ``float64``; by default that of the values.
    device : str or torch.device

    Raises
    ------
    UsageError
        When the matrix is not two-dimensional, is empty, holds a value that is not finite,
        or the ids do not fit.
    """

    def __init__(
        self,
        values: Any,
        ids: Sequence[str] | None = None,
        name: str = "",
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.name, self.device = name, torch.device(device)
        self._source: Any = values.detach() if isinstance(values, Tensor) else np.asarray(values)
        self.ids = None if ids is None else [str(one) for one in ids]
        self._check()
        self.dtype = dtype or _own_precision(self._source)
        self._begin()

    def __repr__(self) -> str:
        return f"Representation({self.name or 'unnamed'}, n={self.n}, width={self.width})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.values, dtype=dtype)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, rows: Any) -> Representation:
        """The representation of some samples: an index array or a slice of rows."""
        ids = None if self.ids is None else list(np.asarray(self.ids, dtype=object)[rows])
        return Representation(self._source[rows], ids, self.name, self.dtype, self.device)

    @property
    def n(self) -> int:
        """Number of samples."""
        return self._source.shape[0]

    @property
    def width(self) -> int:
        return self._source.shape[1]

    @property
    def values(self) -> np.ndarray:
        """The matrix as numpy, as it was given; what numpy has no type for, in float32."""
        if not isinstance(self._source, Tensor):
            return self._source
        source = self._source.cpu()
        return (source.float() if source.dtype == torch.bfloat16 else source).numpy()

    @property
    def tensor(self) -> Tensor:
        """The matrix, ``(n, width)``."""
        return self.shared("tensor", lambda: self.filled(lambda rows: rows), "rows")

    @property
    def mean(self) -> Tensor:
        """Mean of every column, ``(width,)`` in float64."""
        return self.shared("mean", self._mean, "same")

    @property
    def norm(self) -> float:
        """Frobenius norm of the centred matrix.

        Raises
        ------
        UndefinedError
            When all samples are the same.
        """
        return self._lengths[1]

    @property
    def squares(self) -> Tensor:
        """Squared lengths of the rows of ``normalized``, ``(n,)`` in float64; they sum to 1."""
        return self._lengths[0]

    @property
    def centred(self) -> Tensor:
        """Columns have mean zero, ``(n, width)``."""
        return self.shared("centred", lambda: self.normalized * self.norm, "rows")

    @property
    def normalized(self) -> Tensor:
        """Columns have mean zero and the whole has Frobenius norm one, ``(n, width)``."""
        return self.shared("normalized", self._normalized, "rows")

    @property
    def gram(self) -> Tensor:
        """Inner products of the rows of ``centred``, ``(n, n)``."""
        return self.shared("gram", lambda: self.normalized_gram * self.norm**2, "pairs")

    @property
    def gram_norm(self) -> float:
        """Frobenius norm of ``gram``."""
        return inner(self.normalized_gram, self.normalized_gram) ** 0.5 * self.norm**2

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
        return self._renamed("unit", "normalized")

    @property
    def unit_gram(self) -> Tensor:
        """The former name of ``normalized_gram``."""
        return self._renamed("unit_gram", "normalized_gram")

    @property
    def unit_rows(self) -> Tensor:
        """Rows of length one, not centred, ``(n, width)``.

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
    def eps(self) -> float:
        """Spacing around 1 of the numbers in which the values are stored."""
        return _eps(self._source)

    @property
    def rank_tolerance(self) -> float:
        """Singular values below this share of the largest are noise of how values are stored."""
        return 1e-6 if self.eps > 1e-12 else 1e-10

    def neighbours(self, k: int, distance: str = "cosine") -> Tensor:
        """The k nearest other samples of each, nearest first, ``(n, k)`` indices.

        The same in every precision: what rounding could decide is decided in float64. A sample
        is left out of its own list by its index; ties go to the lowest index.

        Raises
        ------
        UsageError
            When k is not from 1 to n - 1, or the distance is unknown.
        UndefinedError
            When a row is zero and the distance is ``cosine``.
        """
        return self._nearest(k, distance)[0]

    def neighbour_distances(self, k: int, distance: str = "cosine") -> Tensor:
        """Squared distances of the k nearest, ``(n, k)``: of unit or normalized rows."""
        return self._nearest(k, distance)[1]

    def neighbour_sets(self, k: int, distance: str = "cosine") -> tuple[Tensor, Tensor]:
        """Neighbours by index and the rank, from 1, of each, both ``(n, k)``."""

        def make() -> tuple[Tensor, Tensor]:
            found = self.neighbours(k, distance).int().sort(dim=1)
            return found.values, found.indices.int() + 1

        return self.shared(("neighbour_sets", k, distance), make)

    def ranks_of(self, others: Tensor) -> Tensor:
        """Rank, from 1, by Euclidean distance, of one other sample ``(n,)`` for each sample."""
        return search.ranks_of(self, others)

    def cross(self, other: Representation, dtype: torch.dtype | None = None) -> Tensor:
        """Inner products of the columns of two ``normalized``, ``(width, other width)`` in float64.

        Taken in blocks of rows and added up in float64, so that any number of samples will do.
        """
        dtype = dtype or self.dtype
        total = torch.zeros(self.width, other.width, dtype=torch.float64, device=self.device)
        parts = parallel_map(
            lambda rows: (self.unit_block(rows, dtype).T @ other.unit_block(rows, dtype)).double(),
            self.slices(),
        )
        for part in parts:
            total += part
        return total

    def unit_block(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """Some rows of ``normalized``; it is kept whole only where that takes little."""
        if dtype == self.dtype and 16 * self.n * self.width * dtype.itemsize < VIEWS.limit:
            return self.normalized[rows]
        return self.exact_unit(rows).to(dtype)

    def exact_unit(self, rows: Any) -> Tensor:
        """Some rows of ``normalized`` in float64, from the source."""
        return self.rows(rows).sub_(self.mean).div_(self.norm)

    def exact_unit_rows(self, rows: Any) -> Tensor:
        """Some rows of ``unit_rows`` in float64, from the source."""
        return self.to_unit_rows(self.rows(rows))

    def view(self, key: Any, make: Callable[[], View], permute: Permute = None) -> View:
        """Give a kept view, or make and keep it. Metrics may keep views of their own.

        Parameters
        ----------
        key
            Anything hashable, unique to what is made.
        make : callable
        permute : str or callable, optional
            How the view follows when samples are reordered: ``rows`` (first axis), ``pairs``
            (first two axes), ``same`` (not at all), or ``permute(view, order)``. Others are
            made anew.
        """
        return self._kept(key, make, permute, shared=False)

    def shared(self, key: Any, make: Callable[[], View], permute: Permute = None) -> View:
        """As ``view``, for what several metrics read: kept after a metric is through."""
        return self._kept(key, make, permute, shared=True)

    def release(self) -> None:
        """Give up the views that one metric alone reads."""
        VIEWS.release(self)

    def permuted(self, order: Tensor) -> Representation:
        """The rows in another order; views that exist already are reordered, not remade."""
        other = Representation.__new__(Representation)
        other.name, other.dtype, other.device = self.name, self.dtype, self.device
        other.ids, other._source = None, _Reordered(self._source, order)
        other._begin()
        for key, kept in VIEWS.of(self).items():
            if kept.permute is not None:
                reordered = _reordered(kept.value, kept.permute, order)
                VIEWS.put(other, key, reordered, kept.permute, kept.shared)
        return other

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Any, threading.RLock] = {}
        VIEWS.watch(self)

    def _kept(self, key: Any, make: Callable[[], View], permute: Permute, shared: bool) -> View:
        with self._lock:
            lock = self._locks.setdefault(key, threading.RLock())
        with lock:  # workers that need the same view wait for it, and do not make it twice
            kept = VIEWS.get(self, key)
            if kept is None:
                value = make()
                VIEWS.put(self, key, value, permute, shared)
                return value
            return kept.value

    def _check(self) -> None:
        shape = tuple(self._source.shape)
        label = self.name or "the array"
        if len(shape) != 2:
            raise UsageError(
                f"{label} has {len(shape)} dimension(s), shape {shape}; expected (samples, width)"
            )
        if 0 in shape:
            raise UsageError(f"{label} is empty, shape {shape}")
        kind = self._source.dtype
        if kind.is_complex if isinstance(kind, torch.dtype) else kind.kind not in "fiub":
            raise UsageError(f"{label} holds {kind}, not numbers")
        if self.ids is not None and len(self.ids) != shape[0]:
            raise UsageError(f"{label} has {shape[0]} rows but {len(self.ids)} sample ids")
        if self.ids is not None and len(set(self.ids)) < len(self.ids):
            twice = next(one for one in self.ids if self.ids.count(one) > 1)
            raise UsageError(f"{label}: sample id '{twice}' stands more than once")

    def rows(self, rows: Any) -> Tensor:
        """Some rows of the source, a slice or indices, as a copy in float64."""
        source = self._source
        if isinstance(source, Tensor):
            return source[rows].to(device=self.device, dtype=torch.float64, copy=True)
        if isinstance(rows, Tensor):
            rows = rows.cpu().numpy()
        # A copy: torch does not take read-only memory maps.
        block = torch.from_numpy(np.array(source[rows], dtype=np.float64)).to(self.device)
        if isinstance(source, np.ndarray) and source.nbytes > MAPPED:
            forget_pages(source)
        return block

    def slices(self) -> list[slice]:
        """The blocks of rows that are worked on at once."""
        return [slice(at, min(at + BLOCK, self.n)) for at in range(0, self.n, BLOCK)]

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """Every row of the source in float64, block by block."""
        for at in range(0, self.n, CONVERTED):
            rows = slice(at, min(at + CONVERTED, self.n))
            yield rows, self.rows(rows)

    def filled(self, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Every row changed in float64, then brought to ``dtype``."""
        _ = self.mean  # which refuses what is not finite
        filled = torch.empty(self.n, self.width, dtype=self.dtype, device=self.device)
        for rows, block in self.blocks():
            filled[rows] = change(block).to(self.dtype)
        return filled

    def _mean(self) -> Tensor:
        total = torch.zeros(self.width, dtype=torch.float64, device=self.device)
        for _, block in self.blocks():
            total += block.sum(dim=0)
        if not bool(torch.isfinite(total).all()):
            self._refuse_what_is_not_finite()
        mean = total / self.n
        # A second pass: the sum of large values loses digits that their mean has.
        rest = torch.zeros_like(total)
        for _, block in self.blocks():
            rest += (block - mean).sum(dim=0)
        return mean + rest / self.n

    def _refuse_what_is_not_finite(self) -> None:
        bad = torch.cat([~torch.isfinite(block).all(dim=1) for _, block in self.blocks()])
        if not bool(bad.any()):
            raise UsageError(f"{self.name or 'the array'}: the values are too large to be added up")
        first = int(bad.nonzero()[0])
        which = f"id '{self.ids[first]}'" if self.ids else f"row {first}"
        raise UsageError(
            f"{self.name or 'the array'}: {int(bad.sum()):,} of {self.n:,} rows are "
            f"non-finite (first: {which}); none is filled in"
        )

    @property
    def _lengths(self) -> tuple[Tensor, float]:
        return self.shared(
            "lengths", self._make_lengths, lambda view, order: (view[0][order], view[1])
        )

    def _make_lengths(self) -> tuple[Tensor, float]:
        if self.n < 2:
            raise UndefinedError(f"{self.name or 'the representation'} has one sample only")
        largest = spread = 0.0
        for _, block in self.blocks():
            largest = max(largest, float(block.abs().max()))
            spread = max(spread, float((block - self.mean).abs().max()))
        # What is left of a constant after rounding is not signal.
        if spread <= 8 * _eps(self._source) * largest:
            raise UndefinedError(f"{self.name or 'the representation'} is constant")
        # Scaled by the largest entry, so that tiny and huge values keep their digits.
        squares = torch.cat(
            [((block - self.mean) / spread).square().sum(dim=1) for _, block in self.blocks()]
        )
        total = float(squares.sum())
        return squares / total, spread * total**0.5

    def _renamed(self, old: str, new: str) -> Tensor:
        message = f"Representation.{old} is now Representation.{new}; {old} goes in version 0.3"
        warnings.warn(message, DeprecationWarning, stacklevel=3)
        view: Tensor = getattr(self, new)
        return view

    def _normalized(self) -> Tensor:
        mean, norm = self.mean, self.norm
        return self.filled(lambda rows: rows.sub_(mean).div_(norm))

    def to_unit_rows(self, rows: Tensor) -> Tensor:
        """Rows brought to length one, scaled first: tiny and huge ones keep their digits."""
        largest = rows.abs().amax(dim=1, keepdim=True)
        if bool((largest == 0).any()):
            count = sum(int((block == 0).all(dim=1).sum()) for _, block in self.blocks())
            raise UndefinedError(f"{self.name or 'the representation'} has {count} zero row(s)")
        scaled = rows / largest
        return scaled / torch.linalg.norm(scaled, dim=1, keepdim=True)

    def _singular(self) -> tuple[Tensor, Tensor]:
        exact = self.exact_unit(slice(None))
        vectors, values, _ = torch.linalg.svd(exact, full_matrices=False)
        rank = int((values > self.rank_tolerance * values[0]).sum())
        return vectors[:, :rank], values[:rank] * self.norm

    def _nearest(self, k: int, distance: str) -> tuple[Tensor, Tensor]:
        if not 1 <= k < self.n:
            raise UsageError(f"k={k} needs 1 <= k < n, and there are n={self.n} samples")
        if distance not in ("cosine", "euclidean"):
            raise UsageError(f"unknown distance '{distance}'; known: cosine, euclidean")

        def follow(view: tuple[Tensor, Tensor], order: Tensor) -> tuple[Tensor, Tensor]:
            return torch.argsort(order)[view[0][order]], view[1][order]

        return self.shared(
            ("nearest", k, distance), lambda: search.nearest(self, k, distance), follow
        )


class _Reordered:
    """A source whose rows are read in another order, only when they are read."""

    def __init__(self, source: Any, order: Tensor) -> None:
        self.source, self.order = source, order
        self.shape, self.dtype = source.shape, source.dtype

    def __getitem__(self, rows: Any) -> Any:
        order = self.order[rows]
        picked = self.source[order if isinstance(self.source, Tensor) else order.numpy()]
        return picked.cpu().numpy() if isinstance(picked, Tensor) else picked


def _own_precision(source: Any) -> torch.dtype:
    """``float32`` where the values have no more digits than that, else ``float64``."""
    return torch.float32 if _eps(source) > 1e-12 else torch.float64


def _eps(source: Any) -> float:
    """Spacing of the source's numbers around 1; that of float64 for integers."""
    kind = source.dtype
    if isinstance(kind, torch.dtype):
        return torch.finfo(kind).eps if kind.is_floating_point else 2.2e-16
    return float(np.finfo(kind).eps) if kind.kind == "f" else 2.2e-16


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
