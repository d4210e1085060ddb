"""A representation, and the views of it that metrics share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import UndefinedError, UsageError

View = TypeVar("View")
Permute = str | Callable[[Any, Tensor], Any] | None

# Singular values below this share of the largest are noise of rounding.
RANK_TOLERANCE = 1e-10
# Nearness is compared in steps of about 1e-12 of its largest value.
_TIE_STEPS = 2.0**40


class Representation:
    """An ``(n, width)`` matrix of one stream at one site, with its sample ids.

    A metric reads the views; each is computed when it is first read, and kept. All are
    ``float64`` torch tensors unless ``dtype`` says otherwise.

    Parameters
    ----------
    values : array_like (n, width)
        One row per sample. Numpy arrays, memory maps and torch tensors will do.
    ids : sequence of str, optional
        Sample ids in the order of the rows.
    name : str
        A site, a file or a layer; for messages and tables.
    dtype : torch.dtype, optional
        In which views are computed.
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
        self.name = name
        self.dtype, self.device = dtype or torch.float64, device
        self._source = values.detach() if isinstance(values, Tensor) else np.asarray(values)
        self.ids = None if ids is None else [str(one) for one in ids]
        self._views: dict[Any, Any] = {}
        self._lock = threading.RLock()
        self._check()

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
        """The matrix as numpy, as it was given."""
        if isinstance(self._source, Tensor):
            few = self._source.is_floating_point() and self._source.itemsize < 4
            return (self._source.float() if few else self._source).cpu().numpy()  # no bfloat16
        return self._source

    @property
    def tensor(self) -> Tensor:
        """The matrix, ``(n, width)``."""
        return self.view("tensor", self._tensor, "rows")

    @property
    def centred(self) -> Tensor:
        """Columns have mean zero, ``(n, width)``.

        Raises
        ------
        UndefinedError
            When all samples are the same.
        """
        return self.view("centred", self._centred, "rows")

    @property
    def gram(self) -> Tensor:
        """Inner products of centred rows, ``(n, n)``."""
        return self.view("gram", lambda: self.centred @ self.centred.T, "pairs")

    @property
    def scatter(self) -> Tensor:
        """Inner products of centred columns, ``(width, width)``."""
        return self.view("scatter", lambda: self.centred.T @ self.centred, "same")

    @property
    def gram_norm(self) -> float:
        """Frobenius norm of the Gram matrix; that of the scatter matrix is the same."""
        smaller = self.gram if self.n <= self.width else self.scatter
        return self.view("gram_norm", lambda: float(torch.linalg.norm(smaller)), "same")

    @property
    def norm(self) -> float:
        """Frobenius norm of the centred matrix."""
        return self.view("norm", lambda: float(torch.linalg.norm(self.centred)), "same")

    @property
    def unit_rows(self) -> Tensor:
        """Rows of length one, not centred, ``(n, width)``.

        Raises
        ------
        UndefinedError
            When a row is zero and so has no direction.
        """
        return self.view("unit_rows", self._unit_rows, "rows")

    @property
    def singular(self) -> tuple[Tensor, Tensor]:
        """Left singular vectors ``(n, rank)`` and values ``(rank,)`` of the centred matrix."""
        return self.view("singular", self._singular, lambda view, order: (view[0][order], view[1]))

    def neighbours(self, k: int, distance: str = "cosine") -> Tensor:
        """The k nearest other samples of each, nearest first, ``(n, k)`` indices.

        A sample is left out of its own list by its index; ties go to the lowest index.

        Raises
        ------
        UsageError
            When k is not from 1 to n - 1, or the distance is unknown.
        UndefinedError
            When a row is zero and the distance is ``cosine``.
        """
        if not 1 <= k < self.n:
            raise UsageError(f"k={k} needs 1 <= k < n, and there are n={self.n} samples")
        if distance not in ("cosine", "euclidean"):
            raise UsageError(f"unknown distance '{distance}'; known: cosine, euclidean")
        return self.view(
            ("neighbours", k, distance),
            lambda: self._neighbours(k, distance),
            lambda view, order: torch.argsort(order)[view[order]],
        )

    def neighbour_ranks(self, k: int, distance: str = "cosine") -> Tensor:
        """Rank from 1 of sample j among the k nearest of sample i, 0 if it is none, ``(n, n)``."""

        def make() -> Tensor:
            kind = torch.int16 if k < 2**15 else torch.int32
            ranks = torch.zeros((self.n, self.n), dtype=kind, device=self.device)
            order = torch.arange(1, k + 1, dtype=kind, device=self.device).expand(self.n, k)
            return ranks.scatter_(1, self.neighbours(k, distance), order)

        return self.view(("neighbour_ranks", k, distance), make, "pairs")

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
        with self._lock:  # workers that need the same view wait for it, and do not make it twice
            if key not in self._views:
                self._views[key] = (make(), permute)
            return self._views[key][0]

    def permuted(self, order: Tensor) -> Representation:
        """The rows in another order; views that exist already are reordered, not remade."""
        other = Representation.__new__(Representation)
        other.name, other.dtype, other.device = self.name, self.dtype, self.device
        other.ids, other._source, other._views = None, self.tensor[order], {}
        other._lock = threading.RLock()
        for key, (view, permute) in self._views.items():
            if permute is not None:
                other._views[key] = (_reordered(view, permute, order), permute)
        return other

    def _check(self) -> None:
        shape = tuple(self._source.shape)
        label = self.name or "the array"
        if len(shape) != 2:
            raise UsageError(
                f"{label} has {len(shape)} dimension(s), shape {shape}; expected (samples, width)"
            )
        if 0 in shape:
            raise UsageError(f"{label} is empty, shape {shape}")
        if self.values.dtype.kind not in "fiub":
            raise UsageError(f"{label} holds {self.values.dtype}, not numbers")
        if self.ids is not None and len(self.ids) != shape[0]:
            raise UsageError(f"{label} has {shape[0]} rows but {len(self.ids)} sample ids")
        if self.ids is not None and len(set(self.ids)) < len(self.ids):
            twice = next(one for one in self.ids if self.ids.count(one) > 1)
            raise UsageError(f"{label}: sample id '{twice}' stands more than once")

    def _tensor(self) -> Tensor:
        source = self._source
        if not isinstance(source, Tensor):
            # A copy: torch does not take read-only memory maps.
            source = torch.from_numpy(np.array(source, dtype=np.float64, copy=True))
        tensor = source.to(device=self.device, dtype=self.dtype)
        bad = ~torch.isfinite(tensor).all(dim=1)
        if bool(bad.any()):
            first = int(bad.nonzero()[0])
            which = f"id '{self.ids[first]}'" if self.ids else f"row {first}"
            raise UsageError(
                f"{self.name or 'the array'}: {int(bad.sum()):,} of {self.n:,} rows are "
                f"non-finite (first: {which}); none is filled in"
            )
        return tensor

    def _centred(self) -> Tensor:
        tensor = self.tensor
        if self.n < 2:
            raise UndefinedError(f"{self.name or 'the representation'} has one sample only")
        centred = tensor - tensor.mean(dim=0)
        # What is left of a constant after rounding is not signal.
        noise = 8 * torch.finfo(self.dtype).eps * float(tensor.abs().max())
        if float(centred.abs().max()) <= noise:
            raise UndefinedError(f"{self.name or 'the representation'} is constant")
        return centred

    def _unit_rows(self) -> Tensor:
        # Scaled by the largest entry first, so that tiny and huge rows keep their digits.
        largest = self.tensor.abs().amax(dim=1, keepdim=True)
        if bool((largest == 0).any()):
            count = int((largest == 0).sum())
            raise UndefinedError(f"{self.name or 'the representation'} has {count} zero row(s)")
        scaled = self.tensor / largest
        return scaled / torch.linalg.norm(scaled, dim=1, keepdim=True)

    def _singular(self) -> tuple[Tensor, Tensor]:
        vectors, values, _ = torch.linalg.svd(self.centred / self.norm, full_matrices=False)
        rank = int((values > RANK_TOLERANCE * values[0]).sum())
        return vectors[:, :rank], values[:rank] * self.norm

    def _neighbours(self, k: int, distance: str) -> Tensor:
        if distance == "cosine":
            nearness = self.unit_rows @ self.unit_rows.T
        else:
            squares = (self.tensor - self.tensor.mean(dim=0)).square().sum(dim=1)
            centred = self.tensor - self.tensor.mean(dim=0)
            nearness = (2 * centred @ centred.T - squares[None, :]) / squares.max().clamp(
                min=1e-300
            )
        # Equal rows must tie although their products differ in the last bits.
        nearness = torch.round(nearness * _TIE_STEPS)
        nearness.fill_diagonal_(-torch.inf)
        return _largest(nearness, k)


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


def _largest(nearness: Tensor, k: int) -> Tensor:
    """Indices of the k largest per row in falling order; ties to the lowest index."""
    top = torch.topk(nearness, min(k + 1, nearness.shape[1]), dim=1)
    tied = (top.values[:, 1:] == top.values[:, :-1]).any(dim=1)
    chosen = top.indices[:, :k].contiguous()
    if bool(tied.any()):
        # topk breaks ties as it likes; only rows that have some pay for a stable sort.
        order = torch.sort(nearness[tied], dim=1, descending=True, stable=True).indices
        chosen[tied] = order[:, :k]
    return chosen
