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

from alignkit.errors import DataError, UsageError, first_line
from alignkit.file_names import is_leftover
from alignkit.metrics import tables
from alignkit.metrics.representation import Representation
from alignkit.progress import SILENT, Reporter
from alignkit.tables import as_ids

SUFFIXES = (".npy", ".npz", ".safetensors", *tables.SUFFIXES)
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".joblib")

Arrays = dict[str, Any]


def read_arrays(
    path: str | Path,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    id: str | None = None,
    reporter: Reporter = SILENT,
) -> list[Representation]:
    """Read one array, an archive of arrays, or a folder with one file per layer.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz`` or ``.safetensors`` with one layer per name; ``.csv``, ``.tsv`` or
        ``.parquet`` with an optional column of ids; or a folder of such files. Sample ids are
        the array ``ids`` of an archive, or a folder's ``ids.json``.
    dtype, device
        As for ``Representation``.
    id : str, optional
        The column of ids of tables; by default it is found by its name.
    reporter : Reporter
        Hears how tables were read, where that is not as usual.

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
        For what no representation can be: other shapes, no numbers, ids that do not fit; and
        where there is no such column of ids, or several could be meant.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}; expected {', '.join(SUFFIXES)} or a folder of them")
    if id is not None and not _holds_table(path):
        raise UsageError(f"{path} holds no table, and `id` names a column of one")
    arrays = _folder(path, id, reporter) if path.is_dir() else _file(path, id, reporter)
    names = sorted(arrays, key=_natural)
    try:
        return [Representation(*arrays[name], name, dtype, device) for name in names]
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def read_sides(
    x: Path,
    y: Path,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    ids: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> tuple[list[Representation], list[Representation]]:
    """Read both sides of a comparison; a path given twice is read once.

    All are brought to one precision: ``dtype``, or their own, or float64 where they differ.

    Parameters
    ----------
    x, y : Path
    dtype, device
        As for ``Representation``.
    ids : sequence of str
        The column of ids of tables: none where it is found by its name, one for both sides, or
        one for each.
    reporter : Reporter
        Hears how tables were read, where that is not as usual, and if only one side has ids.

    Raises
    ------
    UsageError
        When there are more than two columns of ids, or no tables that they could be in.
    """
    if len(ids) > 2:
        raise UsageError(f"`id` is given {len(ids)} times; give it once, or once for each side")
    columns = dict(zip((x, y), (ids[0], ids[-1]) if ids else (None, None), strict=False))
    if len(ids) == 1 and (_holds_table(x) or _holds_table(y)):
        columns = {side: ids[0] if _holds_table(side) else None for side in (x, y)}
    xs = read_arrays(x, dtype, device, columns[x], reporter)
    same = x.resolve() == y.resolve()
    ys = xs if same else read_arrays(y, dtype, device, columns[y], reporter)
    if len({layer.dtype for layer in (*xs, *ys)}) > 1:
        return read_sides(x, y, torch.float64, device, ids)
    if (xs[0].ids is None) != (ys[0].ids is None):
        has, lacks = (y, x) if xs[0].ids is None else (x, y)
        reporter.note(
            f"note: {has} has ids and {lacks} has none: their rows are taken to be in one order"
        )
    return xs, ys


def _holds_table(path: Path) -> bool:
    files = path.iterdir() if path.is_dir() else [path]
    return any(_kind(file) in tables.SUFFIXES for file in files)


def _kind(path: Path) -> str:
    return path.suffix.lower()


def _folder(
    path: Path, id: str | None, reporter: Reporter
) -> dict[str, tuple[Any, list[str] | None]]:
    files = [
        file
        for file in sorted(path.iterdir())
        if _kind(file) in SUFFIXES and not file.name.startswith(".")
    ]
    if not files:
        raise DataError(f"{path} holds none of {', '.join(SUFFIXES)}; expected one file per layer")
    listed = path / "ids.json"
    ids = _listed_ids(listed) if listed.is_file() else None
    layers: dict[str, tuple[Any, list[str] | None]] = {}
    for file in files:
        inside = _file(file, id, reporter)
        for name, (values, own) in inside.items():
            layer = file.stem if len(inside) == 1 else f"{file.stem}/{name}"
            if layer in layers:
                raise DataError(f"{path} holds layer {layer} twice; leave one of its files out")
            layers[layer] = (values, own if own is not None else ids)
    return layers


def _file(
    path: Path, id: str | None, reporter: Reporter
) -> dict[str, tuple[Any, list[str] | None]]:
    """Arrays of one file with their sample ids, by name."""
    kind = _kind(path)
    if kind in PICKLES:
        raise DataError(
            f"{path} may hold a pickle, which is never read; save it as .safetensors or .npy"
        )
    if kind not in SUFFIXES:
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}")
    try:
        if kind in tables.SUFFIXES:
            samples = tables.read_samples(path, id)
            for note in samples.notes:
                reporter.note(f"note: {note}")
            return {path.stem: (samples.values, samples.ids)}
        arrays, ids = _READERS[kind](path)
    except UsageError as error:
        raise UsageError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
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
        raise DataError(f"{path} cannot be read: {first_line(error)}") from None
    if not arrays:
        raise DataError(f"{path} holds no array")
    return {name: (values, ids) for name, values in arrays.items()}


def _npy(path: Path) -> tuple[Arrays, None]:
    return {path.stem: _mapped(path, 0, path.stat().st_size)}, None


def _npz(path: Path) -> tuple[Arrays, list[str] | None]:
    arrays: Arrays = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if is_leftover(member.filename):
                continue
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
    return arrays, None if ids is None else as_ids(ids.tolist())


def _listed_ids(path: Path) -> list[str]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from None
    if not isinstance(listed, list):
        raise DataError(f"{path} is not a list of sample ids")
    return as_ids(listed)


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


_READERS: dict[str, Any] = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
