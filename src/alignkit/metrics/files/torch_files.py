"""Tensors in ``.safetensors``, and in ``.pt`` files, of which no code is ever run."""

from __future__ import annotations

import pickle  # nosec B403  # only the name of its error
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from alignkit.bounds import check_ratio
from alignkit.documents import DEEPEST, parse_json
from alignkit.errors import DataError, first_line
from alignkit.metrics.files.content import check_number

_NEEDS = re.compile(r"GLOBAL ([\w.]+)")
LONGEST_HEADER = 32 << 20  # bytes
_SAVE = "save tensors, or a tuple or dict of them, with torch.save"


def read_safetensors(path: Path) -> dict[str, Any]:
    """Read tensors by name; they are mapped from the file.

    Raises
    ------
    ValueError
        When the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    _check_header(path)
    try:
        # Torch's tensors are mapped from the file, and there are bfloat16 ones.
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _check_header(path: Path) -> None:
    """Refuse what safetensors takes: names that occur twice, and any number of them."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > LONGEST_HEADER:
            raise ValueError(f"its header has more than {LONGEST_HEADER:,} bytes")
        names = parse_json(file.read(size), f"{path}: its header", {})
    check_number(len(names))


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
    content = load_torch(path)
    if isinstance(content, torch.Tensor):
        whole = _plain(content)
        check_ratio(whole.nbytes, path.stat().st_size)
        return {path.stem: whole}
    if not isinstance(content, (dict, list, tuple)):
        raise DataError(f"{path} holds {type(content).__name__}; {_SAVE}")
    members = _members(content, path)
    if len(members) == 1 and "" in members:
        return {path.stem: members[""]}
    return members


def load_torch(path: Path) -> Any:
    """Return what ``torch.save`` wrote, without running code.

    Raises
    ------
    DataError
        When it holds objects that only code could restore.
    ValueError
        When the file is damaged, or its members are far larger than it.
    """
    in_zip = _is_zip(path)
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


def _is_zip(path: Path) -> bool:
    """Return whether a file has the present format of torch, and check its members."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.filename.endswith("constants.pkl") for member in members):
        raise DataError(f"{path} holds a TorchScript model, whose code is never run; {_SAVE}")
    check_ratio(sum(member.file_size for member in members), path.stat().st_size)
    return True


def _members(content: Any, path: Path) -> dict[str, Any]:
    """Return the leaves of dicts, tuples and lists by name.

    They are counted, as a small file may hold one list in many places of many others.
    """
    leaves: dict[str, Any] = {}
    whole, size = 0, path.stat().st_size
    for count, (name, value) in enumerate(_leaves(content, "", size), 1):
        check_number(count)
        # A tensor may show one stored number in any number of places.
        whole += value.nbytes if isinstance(value, torch.Tensor) else 0
        check_ratio(whole, size)
        leaves[name] = value
    return leaves


def _leaves(content: Any, name: str, size: int, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > DEEPEST:
        raise ValueError(f"its tensors are nested more than {DEEPEST} deep")
    if isinstance(content, torch.Tensor):
        yield name, _plain(content)
        return
    if isinstance(content, dict):
        pairs = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, (list, tuple)):
        if not any(isinstance(value, (torch.Tensor, dict, list, tuple)) for value in content):
            yield name, list(content)
            return
        if any(isinstance(value, (list, tuple)) for value in content):
            raise ValueError(
                "it holds a list of lists of tensors; join batches, and save one tensor per layer"
            )
        rows = [value for value in content if isinstance(value, torch.Tensor) and value.ndim == 1]
        if len(rows) == len(content) > 1 and len({len(row) for row in rows}) == 1:
            plain = [_plain(row) for row in rows]
            check_ratio(sum(row.nbytes for row in plain), size)
            yield name, torch.stack(plain)
            return
        pairs = [(str(place), value) for place, value in enumerate(content)]
    else:
        yield name, content
        return
    if not pairs and depth:  # an empty one is a leaf too, or many of them would not be counted
        yield name, None
    for key, value in pairs:
        yield from _leaves(value, f"{name}/{key}" if name else key, size, depth + 1)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise ValueError("a tensor is sparse, nested or quantized; save it as a plain one")
    if tensor.is_meta:
        raise ValueError("a tensor has no values (it is on the device meta)")
    tensor = tensor.detach()
    return tensor.resolve_neg() if not tensor.is_complex() else tensor
