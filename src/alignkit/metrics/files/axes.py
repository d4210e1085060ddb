"""Arrays of more than two dimensions: several layers in one array, or tokens to be pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from alignkit.errors import UsageError
from alignkit.metrics.views import forget_pages
from alignkit.models.pooling import max_over

AXES = {"layers": 0, "tokens": 1}
POOLS = ("mean", "cls", "last", "max")
# Of feature maps: the mean over height and width.
GAP = "gap"
# So many values are pooled at once.
BLOCK = 1 << 24
# Mapped files of more bytes than this do not stay in memory once a block of them was read.
MAPPED = 64 << 20


@dataclass(frozen=True)
class Axes:
    """What the axes of arrays with three or four dimensions hold.

    The width is last. Three dimensions are ``(layers, n, width)`` or ``(n, tokens, width)``, four
    ``(layers, n, tokens, width)``; other places of layers and tokens are named. Feature maps are
    ``(n, channels, height, width)``, as torch has them.

    Attributes
    ----------
    layers, tokens : int or None
        The axis of layers, and that of tokens once layers are apart; None where an array of three
        dimensions has no such axis.
    pool : str
        How tokens are pooled: ``mean``, ``cls``, ``last`` or ``max``; of feature maps ``gap``;
        empty where nothing is.
    used : set of str
        Which of ``axis`` and ``pool`` an array needed.
    """

    layers: int | None = None
    tokens: int | None = None
    pool: str = ""
    used: set[str] = field(default_factory=set, compare=False)

    def apart(self, name: str, array: Any, mask: Any = None) -> dict[str, Any]:
        """Return the layers of an array by name, each ``(n, width)``.

        Parameters
        ----------
        name : str
        array : ndarray or Tensor
            Of any number of dimensions; what has fewer than three is returned as it is.
        mask : array (n, tokens), optional
            1 for a token of the sample, 0 for padding; all tokens count without one.

        Raises
        ------
        UsageError
            When it is not said what the axes hold, or the mask does not fit.
        """
        if array.ndim < 3:
            return {name: array}
        if not self._fits(array.ndim):
            raise UsageError(_unsaid(name, tuple(array.shape)))
        layers = {name: array}
        if self.layers is not None:
            self.used.add("axis")
            axis = self.layers
            layers = {f"{name}/{i}": _taken(array, axis, i) for i in range(array.shape[axis])}
        if next(iter(layers.values()), array).ndim == 2:
            return layers
        self.used.update(("pool", "axis"))
        if self.pool == GAP:
            return {key: _averaged(key, layer) for key, layer in layers.items()}
        return {key: self._pooled(key, layer, mask) for key, layer in layers.items()}

    def _fits(self, dimensions: int) -> bool:
        """Return whether it is said what so many dimensions hold."""
        apart = dimensions - (self.layers is not None)
        pooled = 4 if self.pool == GAP else 3
        return apart == 2 or (bool(self.pool) and apart == pooled)

    def _pooled(self, name: str, array: Any, mask: Any) -> np.ndarray:
        """Pool the tokens of every sample block by block, in float32 or else float64."""
        axis = AXES["tokens"] if self.tokens is None else self.tokens
        n, tokens, width = array.shape[1 - axis], array.shape[axis], array.shape[2]
        if 0 in array.shape:
            raise UsageError(f"{name} is empty, shape {tuple(array.shape)}")
        marks = None if mask is None else _mask(name, mask, (n, tokens))
        places = self._places(n, tokens, marks)
        kind = _precision(array)
        pooled = np.empty((n, width), _name_of(kind))
        step = max(1, BLOCK // (tokens * width))
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            if places is not None:
                at, every = places[rows], np.arange(n)[rows]
                pooled[rows] = _tensor(array[every, at] if axis else array[at, every], kind)
                continue
            block = _tensor(array[rows] if axis else array[:, rows], kind)
            block = block if axis else block.transpose(0, 1)
            pooled[rows] = self._reduced(block, None if marks is None else marks[rows])
            if isinstance(array, np.ndarray) and array.nbytes > MAPPED:
                forget_pages(array)
        return pooled

    def _places(self, n: int, tokens: int, marks: torch.Tensor | None) -> np.ndarray | None:
        """Return which token of every sample is taken; None where all of them count."""
        if self.pool not in ("cls", "last"):
            return None
        if marks is None:
            return np.full(n, 0 if self.pool == "cls" else tokens - 1)
        # The first or last real one, whichever side is padded.
        ordered = marks.long() if self.pool == "cls" else marks.long().flip(1)
        at = ordered.argmax(1).numpy()
        return at if self.pool == "cls" else tokens - 1 - at

    def _reduced(self, block: torch.Tensor, marks: torch.Tensor | None) -> torch.Tensor:
        if self.pool == "max":
            return block.amax(1) if marks is None else max_over(block, marks)
        if marks is None:
            return block.mean(1)
        # What stands in padding may be anything, also no number.
        real = block.masked_fill(~marks.unsqueeze(-1), 0)
        return real.sum(1) / marks.sum(1, keepdim=True)


def axes_of(axis: str | None = None, pool: str | None = None) -> Axes:
    """Return the axes that ``axis`` and ``pool`` name.

    Parameters
    ----------
    axis : str, optional
        ``layers`` or ``tokens``; with another place than ``layers=0`` or ``tokens=1`` as in
        ``layers=1``, which is ``(n, layers, width)``.
    pool : str, optional
        How tokens are pooled, which are then an axis of the array.

    Raises
    ------
    UsageError
        For other names and places, or tokens without a pooling.
    """
    if pool and pool not in (*POOLS, GAP):
        raise UsageError(f"unknown pooling '{pool}' of arrays; known: {', '.join((*POOLS, GAP))}")
    if not axis:
        return Axes(pool=pool or "")
    name, _, place = axis.strip().partition("=")
    if name not in AXES:
        raise UsageError(f"`axis={axis}`: expected layers, tokens, or a place as in layers=1")
    if place not in ("", "0", "1"):
        raise UsageError(f"`axis={axis}`: expected {name}=0 or {name}=1; the width is last")
    position = int(place) if place else AXES[name]
    if name == "layers":
        return Axes(layers=position, pool=pool or "")
    if not pool or pool == GAP:
        raise UsageError(f"`axis=tokens` needs `pool`: {', '.join(POOLS)}")
    return Axes(tokens=position, pool=pool)


def check_used(axes: Mapping[str, Axes]) -> None:
    """Refuse axes and poolings that no array needed.

    Parameters
    ----------
    axes : mapping of str to Axes
        By the path that was read with them.

    Raises
    ------
    UsageError
        When one was given in vain.
    """
    used = set().union(*(given.used for given in axes.values()))
    paths = " and ".join(dict.fromkeys(axes))
    if any(given.pool for given in axes.values()) and "pool" not in used:
        raise UsageError(f"`pool` has nothing to pool in {paths}; leave it out")
    if any((given.layers, given.tokens) != (None, None) for given in axes.values()) and (
        "axis" not in used
    ):
        raise UsageError(
            f"`axis` does not apply to {paths}, whose arrays are (n, width); leave it out"
        )


def _unsaid(name: str, shape: tuple[int, ...]) -> str:
    said = f"{name} has {len(shape)} dimensions, shape {shape}; "
    if len(shape) == 3:
        return said + (
            "say what it holds: `axis=layers` for (layers, n, width), or `pool=mean` (or cls, "
            "last, max) for (n, tokens, width)"
        )
    if len(shape) == 4:
        return said + (
            "with `axis=layers` and `pool=mean` (or cls, last, max) it is (layers, n, tokens, "
            "width); with `pool=gap` alone it is (n, channels, height, width)"
        )
    return said + "expected (n, width), (layers, n, width) or (n, tokens, width)"


def _averaged(name: str, array: Any) -> np.ndarray:
    """Return the mean of feature maps over height and width, ``(n, channels)``."""
    n, channels, height, width = array.shape
    if 0 in array.shape:
        raise UsageError(f"{name} is empty, shape {tuple(array.shape)}")
    kind = _precision(array)
    pooled = np.empty((n, channels), _name_of(kind))
    step = max(1, BLOCK // (channels * height * width))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        pooled[rows] = _tensor(array[rows], kind).flatten(2).mean(2)
        if isinstance(array, np.ndarray) and array.nbytes > MAPPED:
            forget_pages(array)
    return pooled


def _precision(array: Any) -> torch.dtype:
    """Return the precision of pooled values: float32, but float64 for what holds more."""
    short = str(array.dtype).removeprefix("torch.") in ("float16", "bfloat16", "float32")
    return torch.float32 if short else torch.float64


def _name_of(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


def _taken(array: Any, axis: int, index: int) -> Any:
    return array[index] if axis == 0 else array[:, index]


def _mask(name: str, mask: Any, shape: tuple[int, int]) -> torch.Tensor:
    marks = _tensor(mask, torch.float64)
    if tuple(marks.shape) != shape:
        raise UsageError(
            f"the mask has shape {tuple(marks.shape)}; expected (n, tokens) = {shape} as in {name}"
        )
    if not bool(((marks == 0) | (marks == 1)).all()):
        raise UsageError("the mask holds other values than 0 (padding) and 1")
    empty = (marks == 0).all(1).nonzero()
    if len(empty):
        raise UsageError(f"the mask leaves no token of row {int(empty[0]) + 1} of {name}")
    return marks.bool()


def _tensor(block: Any, kind: torch.dtype) -> torch.Tensor:
    if isinstance(block, torch.Tensor):
        if block.is_complex():
            raise UsageError(f"it holds {block.dtype}, not numbers")
        return block.detach().to(kind)
    if block.dtype.kind not in "fiub":
        raise UsageError(f"it holds {block.dtype}, not numbers")
    # A copy: torch does not take read-only memory maps.
    return torch.from_numpy(np.array(block, dtype=_name_of(kind)))
