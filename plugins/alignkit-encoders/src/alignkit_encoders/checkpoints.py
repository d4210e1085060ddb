"""Files of weights: safetensors and PyTorch state dicts, filled into a module."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import alignkit
from alignkit.bounds import check_holes
from alignkit.metrics.files.torch_files import load_torch, read_safetensors

# What wrappers and trainers put around a state dict, and before its names.
WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "ema", "state_dict_ema")
PREFIXES = ("module.", "model.", "_orig_mod.", "backbone.", "encoder.")


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and the hash of the file they are from."""

    file: Path
    tensors: Mapping[str, Tensor]
    sha256: str


def read_checkpoint(file: Path) -> Checkpoint:
    """Read tensors from ``.safetensors`` or a PyTorch file; nothing else is unpickled.

    Raises
    ------
    DataError
        When the file is missing, broken, or holds anything but tensors.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise alignkit.DataError(f"there is no file {file}; expected weights")
    try:
        check_holes(file)
    except ValueError as error:
        raise alignkit.DataError(f"{file} cannot be read: {error}") from None
    status = file.stat()
    return _read(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2)
def _read(file: Path, _size: int, _time: int) -> Checkpoint:
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    try:
        if file.suffix == ".safetensors":
            content: Any = read_safetensors(file)
        else:
            content = load_torch(file)
    except alignkit.DataError:
        raise
    except Exception as error:
        first = alignkit.first_line(error)
        raise alignkit.DataError(
            f"{file} cannot be read as plain tensors ({first}); save a state dict, as .safetensors "
            "or by torch.save(model.state_dict(), FILE)"
        ) from None
    tensors = _unwrapped(content)
    if not tensors:
        raise alignkit.DataError(f"{file} holds no state dict; expected tensors by name")
    return Checkpoint(file, tensors, sha256)


def fill(
    module: nn.Module, checkpoint: Checkpoint, allow_extra: Callable[[str], bool] | None = None
) -> list[str]:
    """Fill a module with the tensors of a checkpoint, all of them.

    Usual prefixes are taken off. Where names do not fit at all, tensors are taken in order if
    every shape agrees.

    Parameters
    ----------
    module : Module
    checkpoint : Checkpoint
    allow_extra : callable
        Whether a tensor that the module lacks may be left out; by default none may.

    Returns
    -------
    list of str
        What was left out or taken in order.

    Raises
    ------
    DataError
        When a tensor is missing, superfluous or of another shape.
    """
    wanted = dict(module.state_dict())
    given = _without_prefix(checkpoint.tensors, wanted)
    notes: list[str] = []
    if not set(given) & set(wanted):
        given = _in_order(wanted, given, checkpoint.file)
        notes.append(f"the {len(given)} tensors of {checkpoint.file.name} are taken in order")
    optional = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = sorted(set(wanted) - set(given) - optional)
    extra = sorted(
        name for name in set(given) - set(wanted) if not (allow_extra and allow_extra(name))
    )
    shapes = sorted(n for n in set(wanted) & set(given) if wanted[n].shape != given[n].shape)
    for what, names in (("lacks", missing), ("has no place for", extra)):
        if names:
            raise alignkit.DataError(f"{checkpoint.file} {what} {_few(names)}")
    if shapes:
        name = shapes[0]
        raise alignkit.DataError(
            f"{checkpoint.file}: {name} has shape {tuple(given[name].shape)}, and the model's has "
            f"{tuple(wanted[name].shape)}" + (f"; {len(shapes) - 1} more" if shapes[1:] else "")
        )
    left_out = sorted(set(given) - set(wanted))
    if left_out:
        notes.append(f"left out of {checkpoint.file.name}: {_few(left_out)}")
    module.load_state_dict({n: given[n] for n in wanted if n in given}, strict=False)
    return notes


def _unwrapped(content: Any) -> dict[str, Tensor]:
    while isinstance(content, Mapping):
        tensors = {k: v for k, v in content.items() if isinstance(v, Tensor)}
        inner = next((content[k] for k in WRAPPERS if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            return {str(name): tensor for name, tensor in tensors.items()}
        content = inner
    return {}


def _without_prefix(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Take prefixes off that all names have, as long as that fits the module better."""
    best = dict(tensors)
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            stripped = {
                name.removeprefix(prefix): tensor
                for name, tensor in best.items()
                if name.startswith(prefix)
            }
            if len(set(stripped) & set(wanted)) > len(set(best) & set(wanted)):
                best, changed = stripped, True
    return best


def _in_order(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], file: Path
) -> dict[str, Tensor]:
    names = list(wanted)
    tensors = list(given.values())
    # A classifier at the end has no place in a model without one.
    agree = len(tensors) >= len(names) and all(
        wanted[name].shape == tensor.shape for name, tensor in zip(names, tensors, strict=False)
    )
    if not agree:
        raise alignkit.DataError(
            f"{file} has no tensor with a name of this model, such as {names[0]}; its names begin "
            f"with {next(iter(given))}"
        )
    return dict(zip(names, tensors, strict=False))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown + (f" and {len(names) - 3} more" if names[3:] else "")
