"""What representations keep: views made once, and given up, oldest first, beyond a bound."""

from __future__ import annotations

import ctypes
import math
import mmap
import threading
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alignkit.bounds import free_memory
from alignkit.errors import UsageError

# How a view follows when samples are reordered; None where it cannot.
Permute = str | Callable[[Any, Tensor], Any] | None


@dataclass
class Kept:
    """One view: its value, its size, and what is known about it."""

    value: Any
    size: int
    permute: Any
    shared: bool


class Views:
    """Views of all representations of a process, within a bound of memory.

    Parameters
    ----------
    limit : int, optional
        Bytes that kept views may take; half of the memory that is free at first use if None,
        that of a GPU included, if one is in use by then.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[int, Any], Kept] = OrderedDict()
        # Of each owner, as searching all views for an owner's would take longer with every owner.
        self._keys: defaultdict[int, list[Any]] = defaultdict(list)
        self._size = 0
        self._lock = threading.RLock()

    @property
    def limit(self) -> int:
        """Bytes that kept views may take together."""
        if self._limit is None:
            self._limit = int(min(free_memory(), free_gpu_memory())) // 2
        return self._limit

    @limit.setter
    def limit(self, value: int | None) -> None:
        with self._lock:
            self._limit = value
            self._shrink()

    @property
    def size(self) -> int:
        """Bytes that kept views take now."""
        return self._size

    def get(self, owner: object, key: Any) -> Kept | None:
        """Give a kept view, and remember that it was used."""
        with self._lock:
            kept = self._kept.get((id(owner), key))
            if kept is not None:
                self._kept.move_to_end((id(owner), key))
            return kept

    def put(self, owner: object, key: Any, value: Any, permute: Any, shared: bool) -> None:
        """Keep a view; those unused for longest make room for it."""
        kept = Kept(value, bytes_of(value), permute, shared)
        with self._lock:
            self._drop(id(owner), key)
            self._kept[(id(owner), key)] = kept
            self._keys[id(owner)].append(key)
            self._size += kept.size
            self._shrink()

    def of(self, owner: object) -> dict[Any, Kept]:
        """All kept views of one representation."""
        with self._lock:
            return {key: self._kept[id(owner), key] for key in self._keys.get(id(owner), ())}

    def release(self, owner: object, shared: bool = False) -> None:
        """Give up what one metric alone reads; with ``shared``, everything of the owner."""
        self._release(id(owner), shared)

    def watch(self, owner: object) -> None:
        """Give up everything of an owner once it is gone."""
        weakref.finalize(owner, self._release, id(owner), True)

    def _release(self, owner: int, shared: bool) -> None:
        with self._lock:
            for key in list(self._keys.get(owner, ())):
                if shared or not self._kept[owner, key].shared:
                    self._drop(owner, key)

    def _drop(self, owner: int, key: Any) -> None:
        kept = self._kept.pop((owner, key), None)
        if kept is None:
            return
        self._size -= kept.size
        self._keys[owner].remove(key)
        if not self._keys[owner]:
            del self._keys[owner]

    def _shrink(self) -> None:
        limit = self.limit
        while self._size > limit and len(self._kept) > 1:
            self._drop(*next(iter(self._kept)))


VIEWS = Views()


def set_memory(limit: int | None) -> None:
    """Bound the bytes of kept views and of blocks; None for half of what is free.

    Raises
    ------
    UsageError
        When the bound is too small to work in.
    """
    if limit is not None and limit < 1 << 20:
        raise UsageError(f"`memory` is {limit} bytes; it must be at least 1 MB")
    VIEWS.limit = limit


def trim_memory() -> None:
    """Hand memory that is free again to the system, where the allocator can be asked to."""
    try:
        _c_library().malloc_trim(0)
    except (AttributeError, OSError):
        return


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def forget_pages(array: Any) -> None:
    """Let the system take back what was read of a mapped file; it is read again when needed.

    Pages of a file count as memory of the process for as long as they are mapped.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        if isinstance(array, np.memmap) and array.mode == "c":  # changes would be lost
            return
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


def bytes_of(value: Any) -> int:
    """Size of tensors and arrays, also inside tuples and lists."""
    if isinstance(value, (tuple, list)):
        return sum(map(bytes_of, value))
    if hasattr(value, "element_size"):
        return int(value.element_size() * value.nelement())
    return int(getattr(value, "nbytes", 64))


def free_gpu_memory() -> float:
    """Bytes that the GPU in use could still take; infinite while none is in use."""
    return torch.cuda.mem_get_info()[0] if torch.cuda.is_initialized() else math.inf
