"""Tensors in ``.safetensors``, and in ``.pt`` files, of which no code is ever run."""

from __future__ import annotations

import pickle  # nosec B403  # only the name of its error
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from alignkit.errors import DataError, first_line

_NEEDS = re.compile(r"GLOBAL ([\w.]+)")
_SAVE = "save tensors, or a tuple or dict of them, with torch.save"


def read_safetensors(path: Path) -> dict[str, Any]:
    """Read tensors by name; they are mapped from the file.

    Raises
    ------
    ValueError
        When the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        # Torch's tensors are mapped from the file, and there are bfloat16 ones.
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def read_torch(path: Path) -> dict[str, Any]:
    """Read what ``torch.save`` wrote: a tensor, or tuples, lists and dicts of tensors.

    Members of a tuple are named by their place from 0, those of nested ones with a slash.

    Raises
    ------
    DataError
        When it holds objects that only code could restore.
    ValueError
        When the file is damaged, or its tensors are not plain.
    """
    content = _loaded(path)
    if isinstance(content, torch.Tensor):
        return {path.stem: _plain(content)}
    if not isinstance(content, (dict, list, tuple)):
        raise DataError(f"{path} holds {type(content).__name__}; {_SAVE}")
    members = _members(content, "")
    if len(members) == 1 and "" in members:
        return {path.stem: members[""]}
    return members


def _loaded(path: Path) -> Any:
    in_zip = zipfile.is_zipfile(path)
    if in_zip and _is_script(path):
        raise DataError(f"{path} holds a TorchScript model, whose code is never run; {_SAVE}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A file is mapped in the present format, and read in that of before 2020.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=in_zip)
    except pickle.UnpicklingError as error:
        needs = _NEEDS.search(str(error))
        if needs:
            what = "arrays of numpy" if needs[1].startswith("numpy") else needs[1]
            raise DataError(
                f"{path} holds {what}, which only code could restore, and code in files is never "
                f"run; {_SAVE}" + (", or arrays with numpy.savez" if what != needs[1] else "")
            ) from None
        raise ValueError("it is not what torch.save writes") from None
    except (MemoryError, OSError, RuntimeError) as error:
        raise ValueError(first_line(error).partition(". ")[0]) from None
    except Exception as error:  # a damaged pickle has all of Python's errors
        raise ValueError(f"it is not what torch.save writes ({type(error).__name__})") from None


def _is_script(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def _members(content: Any, name: str) -> dict[str, Any]:
    """Return the leaves of dicts, tuples and lists by name."""
    if isinstance(content, torch.Tensor):
        return {name: _plain(content)}
    if isinstance(content, dict):
        pairs = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, (list, tuple)):
        if not any(isinstance(value, (torch.Tensor, dict, list, tuple)) for value in content):
            return {name: list(content)}
        if any(isinstance(value, (list, tuple)) for value in content):
            raise ValueError(
                "it holds a list of lists of tensors; join batches, and save one tensor per layer"
            )
        rows = [value for value in content if isinstance(value, torch.Tensor) and value.ndim == 1]
        if len(rows) == len(content) > 1 and len({len(row) for row in rows}) == 1:
            return {name: torch.stack([_plain(row) for row in rows])}
        pairs = [(str(place), value) for place, value in enumerate(content)]
    else:
        return {name: content}
    inside: dict[str, Any] = {}
    for key, value in pairs:
        inside |= _members(value, f"{name}/{key}" if name else key)
    return inside


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise ValueError("a tensor is sparse, nested or quantized; save it as a plain one")
    if tensor.is_meta:
        raise ValueError("a tensor has no values (it is on the device meta)")
    tensor = tensor.detach()
    return tensor.resolve_neg() if not tensor.is_complex() else tensor
