"""``.npy`` and ``.npz``, mapped from disk where possible, and text as numpy saves it."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.bounds import check_ratio
from alignkit.file_names import is_leftover
from alignkit.metrics.files.content import check_number


def read_npy(path: Path) -> dict[str, Any]:
    """Map an array, named after its file."""
    return {path.stem: mapped(path, 0, path.stat().st_size)}


def read_npz(path: Path) -> dict[str, Any]:
    """Read the arrays of an archive; what is not compressed is mapped.

    Raises
    ------
    ValueError
        When a member is no array, holds objects, or does not fit its header; when the members
        are far larger than the archive.
    """
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        check_number(len(members))
        check_ratio(sum(member.file_size for member in members), path.stat().st_size)
        for member in members:
            if is_leftover(member.filename):
                continue
            if not member.filename.endswith(".npy"):
                raise ValueError(f"its member {member.filename} is not an array")
            name = member.filename.removesuffix(".npy")
            if member.compress_type == zipfile.ZIP_STORED:
                arrays[name] = mapped(path, _start(path, member), member.file_size)
            else:
                with archive.open(member) as file:
                    _check_size(*_header(file), member.file_size)
                with archive.open(member) as file:
                    arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def read_txt(path: Path) -> dict[str, Any]:
    """Read numbers between blanks, one row per line, as ``numpy.savetxt`` writes them."""
    return {path.stem: np.loadtxt(path, ndmin=2)}


def mapped(path: Path, start: int, size: int) -> np.ndarray:
    """Map an array in .npy form that begins at ``start`` in a file, without reading it."""
    with path.open("rb") as file:
        file.seek(start)
        shape, fortran, dtype, begin = _header(file)
        _check_size(shape, fortran, dtype, begin - start, size)
    if 0 in shape:
        return np.empty(shape, dtype)
    order: Any = "F" if fortran else "C"
    return np.memmap(path, dtype, "r", begin, shape, order)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, order and dtype that a .npy header states, and where its data begin."""
    try:
        version = np.lib.format.read_magic(file)
        if version[0] > 1:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except Exception as error:  # numpy parses it as Python, with all of Python's errors
        raise ValueError(f"it has no .npy header ({type(error).__name__})") from None
    return shape, fortran, dtype, file.tell()


def _check_size(
    shape: tuple[int, ...], _fortran: bool, dtype: np.dtype, begin: int, size: int
) -> None:
    """Refuse what would have to be unpickled, and a header that does not fit its data."""
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which are never read; save plain numbers")
    stated = math.prod(shape) * dtype.itemsize
    if stated != size - begin:
        raise ValueError(
            f"its header states {stated:,} bytes ({'x'.join(map(str, shape))} of {dtype}), "
            f"and it holds {size - begin:,}"
        )


def _start(path: Path, member: zipfile.ZipInfo) -> int:
    """Where the data of an uncompressed member begin: after its name and extra field."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        local = file.read(30)
    if local[:4] != b"PK\x03\x04":
        raise ValueError(f"its member {member.filename} is not where the directory says")
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    return member.header_offset + 30 + lengths
