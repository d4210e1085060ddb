"""``.h5`` and ``.hdf5``: every data set of numbers is a layer, by its path in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alignkit.bounds.trial import try_reading
from alignkit.errors import first_line
from alignkit.metrics.files.content import check_number

NEEDED = "reading HDF5 needs h5py: pip install 'alignkit[hdf5]'"


def read_hdf5(path: Path) -> dict[str, Any]:
    """Read the data sets of a file and its groups; what lies in one piece is mapped.

    Links to other files are not followed.

    Raises
    ------
    ImportError
        When h5py is not installed.
    ValueError
        When the file is damaged, or a data frame of pandas.
    """
    with opened(path) as file:
        return {name: _values(path, file, stored) for name, stored in _datasets(file).items()}


def opened(path: Path) -> Any:
    """Open a file with h5py, after another process has tried to read it.

    Raises
    ------
    ImportError
        When h5py is not installed.
    ValueError
        When it is no such file, or reading it would not end or fill the memory.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError(NEEDED) from None
    try_reading(path, "hdf5")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        inner = str(error).partition("(")[2].rstrip(")") or first_line(error)
        raise ValueError(f"it is no HDF5 file, or cut ({inner})") from None


def own(group: Any) -> dict[str, Any]:
    """Return what a group holds itself, by name: links to other places are not followed."""
    import h5py

    return {
        name: group[name]
        for name in group
        if isinstance(group.get(name, getlink=True), h5py.HardLink)
    }


def _datasets(file: Any) -> dict[str, Any]:
    """Return all data sets by their paths; links are not followed."""
    import h5py

    inside: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if "pandas_type" in item.attrs:
            raise ValueError("it is a data frame of pandas; save it as .parquet")
        if isinstance(item, h5py.Dataset):
            inside[name] = item
            check_number(len(inside))

    file.visititems(visit)
    return inside


def _values(path: Path, file: Any, stored: Any) -> Any:
    if stored.shape is None:
        return None
    kind = stored.dtype
    place = stored.id.get_offset() if kind.kind in "fiub" and stored.ndim > 1 else None
    if place is not None and not file.userblock_size and stored.size and not stored.external:
        return np.memmap(path, kind, "r", place, stored.shape)
    return stored[()]
