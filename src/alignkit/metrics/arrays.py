"""Anyone's arrays: files and folders as representations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.errors import DataError
from alignkit.metrics.representation import Representation

SUFFIXES = (".npy", ".npz", ".safetensors", ".csv", ".parquet")


def read_arrays(path: str | Path) -> list[Representation]:
    """Read one array, an archive of arrays, or a folder with one file per layer.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz`` or ``.safetensors`` with one layer per name; ``.csv`` or
        ``.parquet`` with an optional column ``id``; or a folder of ``.npy``. A folder's
        ``ids.json`` gives the sample ids.

    Returns
    -------
    list of Representation
        In natural order of their names: ``layer2`` before ``layer10``.

    Raises
    ------
    DataError
        When the path is missing, or is not such a file. Pickled arrays are refused.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}; expected {', '.join(SUFFIXES)} or a folder of .npy")
    if path.is_dir():
        return _folder(path)
    readers = {
        ".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".csv": _table,
        ".parquet": _table,
    }  # fmt: skip
    if path.suffix not in readers:
        raise DataError(f"{path} is none of {', '.join(SUFFIXES)}")
    try:
        found = readers[path.suffix](path)
    except (OSError, ValueError, KeyError, ImportError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if not found:
        raise DataError(f"{path} holds no array")
    return found


def _folder(path: Path) -> list[Representation]:
    files = sorted(path.glob("*.npy"), key=lambda file: _natural(file.name))
    if not files:
        raise DataError(f"{path} holds no .npy file; expected one per layer")
    listed = path / "ids.json"
    ids = json.loads(listed.read_text(encoding="utf-8")) if listed.is_file() else None
    found = []
    for file in files:
        (one,) = read_arrays(file)
        found.append(Representation(one.values, ids, file.stem))
    return found


def _npy(path: Path) -> list[Representation]:
    # A memory map: a header that lies about its size fails at once, and nothing is pickled.
    return [Representation(np.load(path, mmap_mode="r", allow_pickle=False), name=path.stem)]


def _npz(path: Path) -> list[Representation]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return _named(arrays)


def _safetensors(path: Path) -> list[Representation]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return _named(load_file(path))
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _named(arrays: dict[str, Any]) -> list[Representation]:
    ids = arrays.pop("ids", None)
    names = None if ids is None else [str(one) for one in ids.tolist()]
    return [Representation(arrays[name], names, name) for name in sorted(arrays, key=_natural)]


def _table(path: Path) -> list[Representation]:
    import pandas as pd

    csv = path.suffix == ".csv"
    table = pd.read_csv(path, dtype={"id": str}) if csv else pd.read_parquet(path)
    ids = table.pop("id").astype(str).tolist() if "id" in table else None
    text = [str(name) for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    if text:
        raise ValueError(f"column '{text[0]}' is not numeric; the column of ids must be named 'id'")
    return [Representation(table.to_numpy(dtype=np.float64), ids, path.stem)]


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
