"""Pictures in the rows of an HDF5 array, as pixels rather than encoded files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import alignkit
from alignkit.bounds import check_holes
from alignkit.bounds.trial import try_reading
from alignkit_tasks.extras import need
from alignkit_tasks.folders import stamp


def open_hdf5(path: Path) -> Any:
    """Open a file for reading; it stays open for the process.

    Raises
    ------
    alignkit.MissingError
        If there is no such file.
    alignkit.DataError
        If h5py is not installed, or the file is not HDF5.
    """
    if not path.is_file():
        raise alignkit.MissingError(f"there is no file {path}")
    return _opened(path, stamp(path), os.getpid())


@lru_cache(8)
def _opened(path: Path, _stamp: object, _process: int) -> Any:
    h5py = need("h5py", "hdf5", path)
    try:
        check_holes(path)
        try_reading(path, "pictures")
        return h5py.File(path, "r")
    except OSError as error:
        raise alignkit.DataError(f"{path} is not HDF5: {error!s:.80}") from None
    except ValueError as error:
        raise alignkit.DataError(f"{path} cannot be read: {error}") from None


@lru_cache(1 << 16)
def _try_chunk(path: Path, _stamp: object, dataset: str, row: int) -> None:
    """Read the chunks of a row apart first, once: what they unpack to is not known before."""
    try_reading(path, "pictures", [dataset], row)


@dataclass(frozen=True)
class ArrayPicture:
    """One row of an ``(n, 3, height, width)`` or ``(n, height, width, 3)`` array."""

    path: Path
    dataset: str
    row: int

    def __str__(self) -> str:
        return f"{self.path}, {self.dataset}[{self.row}]"

    def open(self) -> Image.Image:
        """Return the picture.

        Raises
        ------
        alignkit.DataError
            For values outside 0 to 255, or where the file is damaged.
        """
        if self.fault():
            raise alignkit.MissingError(f"there is no picture {self}")
        pixels = self._values()
        if pixels.shape[0] == 3:
            pixels = pixels.transpose(1, 2, 0)
        if not pixels.size:
            raise alignkit.DataError(f"{self} has no pixels: {pixels.shape}")
        if not (pixels.min() >= 0 and pixels.max() <= 255):
            raise alignkit.DataError(f"{self} is not a complete picture: values outside 0 to 255")
        return Image.fromarray(np.ascontiguousarray(pixels.astype(np.uint8)))

    def fault(self) -> str | None:
        """Return ``missing`` if the array has no such row, otherwise None."""
        return None if 0 <= self.row < self._array().shape[0] else "missing"

    def size(self) -> int:
        """Return the number of values of the row, 0 if it is missing."""
        array = self._array()
        return int(np.prod(array.shape[1:])) if 0 <= self.row < array.shape[0] else 0

    def stamp(self) -> object:
        """Return the size and the modification time of the file."""
        return stamp(self.path)

    def container(self) -> tuple[Path, str]:
        """Return the file, and the row in it."""
        return self.path, f"{self.dataset} {self.row}"

    def content(self) -> bytes | None:
        """Return the values of the row with their kind and shape, None if it is missing."""
        if self.fault():
            return None
        values = np.ascontiguousarray(self._values())
        return f"{values.dtype.str} {values.shape} ".encode() + values.tobytes()

    def _values(self) -> np.ndarray:
        array = self._array()
        try:
            if array.chunks is not None:
                chunk = self.row // array.chunks[0]
                _try_chunk(self.path, stamp(self.path), self.dataset, chunk * array.chunks[0])
            return np.asarray(array[self.row])
        except (OSError, RuntimeError, ValueError) as error:
            raise alignkit.DataError(f"{self} cannot be read: {error!s:.80}") from None

    def _array(self) -> Any:
        file = open_hdf5(self.path)
        if self.dataset not in file:
            raise alignkit.DataError(
                f"{self.path} has no '{self.dataset}'; it has: {', '.join(file)}"
            )
        array = file[self.dataset]
        if array.ndim != 4 or 3 not in (array.shape[1], array.shape[3]):
            raise alignkit.DataError(
                f"{self.path}: {self.dataset} has shape {array.shape}; expected (n, 3, h, w)"
            )
        return array
