"""Anyone's arrays: files and folders as representations, mapped from disk where possible."""

from __future__ import annotations

import json
import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.errors import DataError, UsageError
from alignkit.metrics.representation import Representation
from alignkit.metrics.tables import read_table

SUFFIXES = (".npy", ".npz", ".safetensors", ".csv", ".parquet")
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib")

Arrays = dict[str, Any]


def read_arrays(
    path: str | Path, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> list[Representation]:
    """Read one array, an archive of arrays, or a folder with one file per layer.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz`` or ``.safetensors`` with one layer per name; ``.csv`` or
        ``.parquet`` with an optional column ``id``; or a folder of such files. Sample ids are
        the array ``ids`` of an archive, or a folder's ``ids.json``.
    dtype, device
        As for ``Representation``.

    Returns
    -------
    list of Representation
        In natural order of their names: ``layer2`` before ``layer10``.

    Raises
    ------
    DataError
        When the path is missing, or is not such a file. Pickled arrays are refused, and so are
        headers that do not fit their data.
    UsageError
        For what no representation can be: other shapes, no numbers, ids that do not fit.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}; expected {', '.join(SUFFIXES)} or a folder of them")
    arrays = _folder(path) if path.is_dir() else _file(path)
    names = sorted(arrays, key=_natural)
    try:
        return [Representation(*arrays[name], name, dtype, device) for name in names]
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_sides(
    x: Path, y: Path, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> tuple[list[Representation], list[Representation]]:
    """Read both sides of a comparison; a path given twice is read once.

    All are brought to one precision: ``dtype``, or their own, or float64 where they differ.
    """
    xs = read_arrays(x, dtype, device)
    ys = xs if x.resolve() == y.resolve() else read_arrays(y, dtype, device)
    if len({layer.dtype for layer in (*xs, *ys)}) > 1:
        return read_sides(x, y, torch.float64, device)
    return xs, ys


def _folder(path: Path) -> dict[str, tuple[Any, list[str] | None]]:
    files = [
        file
        for file in sorted(path.iterdir())
        if file.suffix in SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise DataError(f"{path} holds none of {', '.join(SUFFIXES)}; expected one file per layer")
    listed = path / "ids.json"
    ids = _listed_ids(listed) if listed.is_file() else None
    layers: dict[str, tuple[Any, list[str] | None]] = {}
    for file in files:
        inside = _file(file)
        for name, (values, own) in inside.items():
            layer = file.stem if len(inside) == 1 else f"{file.stem}/{name}"
            if layer in layers:
                raise DataError(f"{path} holds layer {layer} twice; leave one of its files out")
            layers[layer] = (values, own if own is not None else ids)
    return layers


def _file(path: Path) -> dict[str, tuple[Any, list[str] | None]]:
    """Arrays of one file with their sample ids, by name."""
    if path.suffix in PICKLES:
        raise DataError(
            f"{path} may hold a pickle, which is never read; save it as .safetensors or .npy"
        )
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}")
    try:
        arrays, ids = _READERS[path.suffix](path)
    except (
        OSError,
        ValueError,
        LookupError,
        ImportError,
        MemoryError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} cannot be read: {reason}") from None
    if not arrays:
        raise DataError(f"{path} holds no array")
    return {name: (values, ids) for name, values in arrays.items()}


def _npy(path: Path) -> tuple[Arrays, None]:
    return {path.stem: _mapped(path, 0, path.stat().st_size)}, None


def _npz(path: Path) -> tuple[Arrays, list[str] | None]:
    arrays: Arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise ValueError(f"its member {member.filename} is not an array")
            name = member.filename.removesuffix(".npy")
            if member.compress_type == zipfile.ZIP_STORED:
                arrays[name] = _mapped(path, _start(path, member), member.file_size)
            else:
                with archive.open(member) as file:
                    _check_size(*_header(file), member.file_size)
                with archive.open(member) as file:
                    arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return _without_ids(arrays)


def _safetensors(path: Path) -> tuple[Arrays, list[str] | None]:
    from safetensors import SafetensorError, safe_open

    try:
        # Torch's tensors are mapped from the file, and there are bfloat16 ones.
        with safe_open(path, framework="pt") as file:
            return _without_ids({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _mapped(path: Path, start: int, size: int) -> np.ndarray:
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


def _without_ids(arrays: Arrays) -> tuple[Arrays, list[str] | None]:
    ids = arrays.pop("ids", None)
    return arrays, None if ids is None else [str(sample) for sample in ids.tolist()]


def _table(path: Path) -> tuple[Arrays, Sequence[str] | None]:
    values, ids = read_table(path)
    return {path.stem: values}, ids


def _listed_ids(path: Path) -> list[str]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    if not isinstance(listed, list):
        raise DataError(f"{path} is not a list of sample ids")
    return [str(sample) for sample in listed]


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


_READERS: dict[str, Any] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".csv": _table,
    ".parquet": _table,
}
