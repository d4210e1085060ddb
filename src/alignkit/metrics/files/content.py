"""What a file of arrays holds: layers, ids of samples, a mask of tokens, and the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignkit.cleaning import shortened, visible
from alignkit.errors import DataError, UsageError
from alignkit.tables import as_ids

# Names that members of archives have where they hold no layer.
IDS = ("ids", "sample_ids", "file_names", "filenames", "image_names")
MASKS = ("attention_mask", "mask")
INPUTS = ("input_ids", "token_type_ids", "position_ids", "padding_mask")
# So many names are listed in a message.
SHOWN = 6
# So many characters of a name are shown where it is refused.
MOST_OF_NAME = 60
# So many arrays a file may hold, of which each is a layer, a row or an id.
MOST_ARRAYS = 100_000


@dataclass(frozen=True)
class Content:
    """What was read from a file.

    Attributes
    ----------
    arrays : dict of str to array
        Layers by name, not yet pooled: numpy arrays, memory maps or tensors.
    ids : list of str or None
        The samples in the order of the rows.
    mask : array (n, tokens) or None
        1 for a token of the sample, 0 for padding.
    notes : tuple of str
        How the file was read, and what is not measured.
    by_name : bool
        Whether the ids are the names of vectors in the file.
    """

    arrays: dict[str, Any]
    ids: list[str] | None = None
    mask: Any = None
    notes: tuple[str, ...] = ()
    by_name: bool = False


def sort_out(path: Path, members: Mapping[str, Any]) -> Content:
    """Tell layers from ids, masks, and what is not measured.

    Where there are only vectors of one length, they are the rows, and their names the ids.

    Parameters
    ----------
    path : Path
    members : mapping of str to object
        Arrays, sequences and other values by name, as the file holds them.

    Raises
    ------
    DataError
        When no member is an array.
    UsageError
        When ids are no text, an array holds no numbers, or a name does not fit on a line.
    ValueError
        When texts hold what is no character.
    """
    rest = dict(members)
    _check_names(rest)
    _check_texts(rest)
    ids = _taken(rest, IDS, lambda _: True)
    mask = _taken(rest, MASKS, lambda value: is_array(value) and value.ndim == 2)
    if mask is not None and not rest:  # a file of its own beside others
        rest, mask = dict(members), None
    arrays = {name: value for name, value in rest.items() if is_array(value)}
    layers = {n: a for n, a in arrays.items() if a.ndim > 1 and n.lower() not in INPUTS}
    # Texts and objects are left out beside numbers; alone, they are refused where they are used.
    layers = {n: a for n, a in layers.items() if not _is_other(a)} or layers
    vectors = {n: a for n, a in arrays.items() if a.ndim == 1 and holds_numbers(a)}
    notes = []
    if mask is not None:
        notes.append(f"{path}: {mask[0]} says which tokens are padding, and is not measured")
    kept = layers or vectors  # a single vector is refused by its shape where it is used
    if not kept:
        raise DataError(f"{path} holds no array of numbers{_listed(rest, ': ')}")
    if len(kept) < len(rest):
        others = {name: value for name, value in rest.items() if name not in kept}
        notes.append(f"{path}: not measured: {_listed(others)}")
    sample_ids = None if ids is None else as_ids(_flat(ids[1]))
    if not layers and _are_rows(vectors):
        notes.append(f"{path}: its {len(vectors):,} vectors are rows, and their names the ids")
        rows = np.stack([_as_numpy(value) for value in vectors.values()])
        return Content({path.stem: rows}, as_ids(list(vectors)), None, tuple(notes), by_name=True)
    return Content(kept, sample_ids, None if mask is None else mask[1], tuple(notes))


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if visible(name) != name:
            shown = shortened(visible(name), MOST_OF_NAME)
            raise UsageError(
                f"it holds an array with the name {shown}; expected a name that can be printed "
                "on one line: rename the array before saving"
            )


def _check_texts(members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size:
            order = value.dtype.byteorder.replace("|", "=")
            points = np.ascontiguousarray(value).reshape(-1).view(f"{order}u4")
            if points.max() > sys.maxunicode:  # numpy makes impossible strings of these
                raise ValueError(f"{name} holds numbers that are no characters")


def check_number(arrays: int) -> None:
    """Refuse more arrays in a file than are of use.

    Raises
    ------
    ValueError
        When there are more than ``MOST_ARRAYS``.
    """
    if arrays > MOST_ARRAYS:
        raise ValueError(f"it holds more than {MOST_ARRAYS:,} arrays; stack them before saving")


def is_array(value: Any) -> bool:
    """Return whether a value is an array or a tensor."""
    return isinstance(value, (np.ndarray, torch.Tensor))


def holds_numbers(value: Any) -> bool:
    """Return whether an array holds real numbers."""
    kind = value.dtype
    if isinstance(kind, torch.dtype):
        return not kind.is_complex
    return bool(kind.kind in "fiub")


def _is_other(value: Any) -> bool:
    return isinstance(value.dtype, np.dtype) and value.dtype.kind not in "fiubc"


def check_rows(path: Path, arrays: Mapping[str, Any]) -> None:
    """Refuse layers of different samples in one file or folder.

    Raises
    ------
    UsageError
        When the numbers of rows differ.
    """
    rows: dict[int, str] = {}
    for name, array in arrays.items():
        rows.setdefault(int(array.shape[0]), name)
    if len(rows) > 1:
        those = ", ".join(f"{name} {n:,}" for n, name in rows.items())
        raise UsageError(
            f"{path} holds arrays with different numbers of rows ({those}); expected the same "
            "samples in every layer: join batches and leave other arrays out before saving"
        )


def _are_rows(vectors: Mapping[str, Any]) -> bool:
    return len(vectors) > 1 and len({len(value) for value in vectors.values()}) == 1


def _flat(value: Any) -> Sequence[Any]:
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return list(np.asarray(_as_numpy(value)).ravel().tolist())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _as_numpy(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach()
        return np.asarray((value.float() if value.dtype == torch.bfloat16 else value).numpy())
    return np.asarray(value)


def _taken(
    rest: dict[str, Any], names: Sequence[str], fits: Callable[[Any], bool]
) -> tuple[str, Any] | None:
    """Take the first member with one of some names out of the others."""
    known = {name.lower(): name for name in reversed(rest) if fits(rest[name])}
    name = next((known[name] for name in names if name in known), None)
    return None if name is None else (name, rest.pop(name))


def _listed(members: Mapping[str, Any], before: str = "") -> str:
    """List the names and kinds of members, the first of many."""
    items = [f"{name} ({_kind(value)})" for name, value in members.items()]
    more = f" and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return before * bool(items) + ", ".join(items[:SHOWN]) + more


def _kind(value: Any) -> str:
    if not is_array(value):
        return "nothing" if value is None else type(value).__name__
    kind = "objects" if str(value.dtype) == "object" else str(value.dtype).removeprefix("torch.")
    return f"{'x'.join(map(str, value.shape))} of {kind}" if value.ndim else "number"
