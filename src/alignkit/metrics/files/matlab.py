"""``.mat`` files of MATLAB: version 4 to 7.2 by scipy, 7.3 by h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alignkit.bounds import check_ratio
from alignkit.errors import first_line
from alignkit.metrics.files.content import check_number
from alignkit.metrics.files.hdf5 import opened, own
from alignkit.metrics.files.mat_tags import check_tags

# Version 7.3 is HDF5 behind 512 bytes that say so.
_HDF5 = b"\x89HDF\r\n\x1a\n"
_REFERENCES = "#"
_MOST_AXES = 32


def read_mat(path: Path) -> dict[str, Any]:
    """Read the variables of a file by name; those in a structure with a slash.

    A variable with one row or one column is a vector where there are others.

    Raises
    ------
    ImportError
        When h5py is not installed and the file is of version 7.3.
    ValueError
        When the file is damaged, or holds a sparse matrix.
    """
    members = _version_7_3(path) if _is_hdf5(path) else _older(path)
    if len(members) == 1:
        return members
    return {name: _as_vector(value) for name, value in members.items()}


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(520)
    return start[512:] == _HDF5 or start.startswith(_HDF5)


def _older(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        check_tags(path)
        content = loadmat(path)
    except Exception as error:  # what is damaged raises all of Python's errors
        raise ValueError(f"it is not what MATLAB writes, or cut ({first_line(error)})") from None
    members: dict[str, Any] = {}
    for name, value in content.items():
        if not name.startswith("__"):
            members |= _opened_up(name, value)
    return members


def _opened_up(name: str, value: Any) -> dict[str, Any]:
    """Return the fields of a structure, the texts of a cell array, or the value itself."""
    from scipy.sparse import issparse

    if issparse(value):
        raise ValueError(f"{name} is sparse; save full({name})")
    if not isinstance(value, np.ndarray):
        return {name: value}
    if value.dtype.names and value.size == 1:
        inside: dict[str, Any] = {}
        for field in value.dtype.names:
            inside |= _opened_up(f"{name}/{field}", value.ravel()[0][field])
        return inside
    if value.dtype == object:
        texts = [np.asarray(cell).ravel() for cell in value.ravel()]
        if all(cell.dtype.kind == "U" and cell.size == 1 for cell in texts):
            return {name: [str(cell[0]) for cell in texts]}
    return {name: value}


def _version_7_3(path: Path) -> dict[str, Any]:
    """Read HDF5 as MATLAB writes it: axes in reverse, texts as numbers, cells as references."""
    members: dict[str, Any] = {}
    groups: set[int] = set()
    with opened(path) as file:
        for name, item in own(file).items():
            if not name.startswith(_REFERENCES):
                members |= _of_item(file, name, item, groups)
                check_number(len(members))
    return members


def _of_item(file: Any, name: str, item: Any, groups: set[int]) -> dict[str, Any]:
    if "MATLAB_sparse" in item.attrs:
        raise ValueError(f"{name} is sparse; save full({name})")
    if hasattr(item, "keys"):
        import h5py

        place = h5py.h5o.get_info(item.id).addr
        if place in groups:  # or a group in itself would have no end
            raise ValueError(f"the structure {name} stands in two places; save it once")
        groups.add(place)
        inside: dict[str, Any] = {}
        for field, value in own(item).items():
            inside |= _of_item(file, f"{name}/{field}", value, groups)
        return inside
    kind = item.attrs.get("MATLAB_class", b"")
    if "MATLAB_empty" in item.attrs:
        shape = tuple(int(size) for size in item[()].ravel()[:_MOST_AXES])
        if 0 not in shape:
            raise ValueError(f"{name} is marked as empty, and its shape is {shape}")
        return {name: np.empty(shape)}
    if kind == b"cell":
        cells = [file[reference] for reference in item[()].ravel()]
        check_ratio(4 * sum(int(cell.size) for cell in cells), Path(file.filename).stat().st_size)
        texts = [cell.attrs.get("MATLAB_class") == b"char" for cell in cells]
        return {name: [_text(cell) for cell in cells] if all(texts) else item[()].T}
    if kind == b"char":
        return {name: _texts(item)}
    return {name: item[()].T}


def _text(item: Any) -> str:
    return "" if "MATLAB_empty" in item.attrs else "".join(map(chr, item[()].ravel(order="C")))


def _texts(item: Any) -> list[str]:
    """Return the rows of a matrix of characters."""
    return ["".join(map(chr, row)).rstrip() for row in np.atleast_2d(item[()].T)]


def _as_vector(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 2 and 1 in value.shape:
        return value.ravel()
    return value
