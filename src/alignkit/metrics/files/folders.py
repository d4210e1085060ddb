"""Folders of arrays: one file per layer, or one folder per module as thingsvision writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from alignkit.documents import read_bytes, read_json
from alignkit.errors import DataError, UsageError
from alignkit.file_names import is_leftover
from alignkit.metrics.files.content import MASKS, Content
from alignkit.progress import Reporter
from alignkit.tables import as_ids

IDS = "ids.json"
NAMES = "file_names.txt"
_Part = tuple[int, int | None, str]  # its first row or number, where its rows end, its name
# Features that were written in parts: by rows as in features_0-100, or by number as in features_01.
_PART = re.compile(r"(features.*?)_(?:(\d+)-(\d+)|(\d{2,}))")


@dataclass(frozen=True)
class Layer:
    """An array of a file or folder, before it is pooled.

    Attributes
    ----------
    array : ndarray or Tensor
    file : Path
        Where it was read, for messages.
    ids : list of str or None
    mask : array (n, tokens) or None
    """

    array: Any
    file: Path
    ids: list[str] | None = None
    mask: Any = None


def files_in(folder: Path, suffixes: Sequence[str]) -> dict[Path, str]:
    """Return the files of arrays in a folder, with the module that each belongs to.

    A folder without files of its own is searched for folders of modules, which hold files named
    ``features``; their modules are the paths of these folders.

    Parameters
    ----------
    folder : Path
    suffixes : sequence of str
    """
    own = {file: "" for file in sorted(folder.iterdir()) if holds_arrays(file, suffixes)}
    return own or {
        file: file.parent.relative_to(folder).as_posix()
        for file in sorted(folder.rglob("features*"))
        if holds_arrays(file, suffixes) and not is_leftover(str(file.relative_to(folder)))
    }


def holds_arrays(file: Path, suffixes: Sequence[str]) -> bool:
    """Return whether a file in a folder is one of arrays, by its name.

    Text is one only where it is named as that of thingsvision.
    """
    kind = file.suffix.lower()
    if file.name.startswith(".") or not file.is_file():
        return False
    return kind in suffixes or (kind == ".txt" and is_features(file.stem))


def is_features(stem: str) -> bool:
    """Return whether thingsvision gives such a name to files of features."""
    return stem == "features" or _PART.fullmatch(stem) is not None


def beside(file: Path) -> list[str] | None:
    """Return the names of samples in ``file_names.txt`` beside a file; None without one."""
    place = file.parent / NAMES
    return _listed_names(place) if place.is_file() else None


def layers_of(
    folder: Path, contents: Mapping[Path, Content], modules: Mapping[Path, str], reporter: Reporter
) -> dict[str, Layer]:
    """Return the layers of a folder by name, with their ids; parts of one array are joined.

    Parameters
    ----------
    folder : Path
    contents : mapping of Path to Content
        What the files hold.
    modules : mapping of Path to str
        As from ``files_in``.
    reporter : Reporter
        Hears which parts were joined.

    Raises
    ------
    DataError
        When two files hold a layer of one name, parts are missing, or ids cannot be read.
    UsageError
        When names do not fit the rows.
    """
    masks = {f: c for f, c in contents.items() if not modules[f] and f.stem.lower() in MASKS}
    mask = next((array for c in masks.values() for array in c.arrays.values()), None)
    layers: dict[str, Layer] = {}
    for file, content in contents.items():
        if file in masks and len(contents) > len(masks):
            continue
        names = _names(folder, file)
        for inside, array in content.arrays.items():
            stem = file.stem if len(content.arrays) == 1 else f"{file.stem}/{inside}"
            layer = _name(modules[file], stem)
            if layer in layers:
                raise DataError(f"{folder} holds layer {layer} twice; leave one of its files out")
            known = mask if content.mask is None else content.mask
            layers[layer] = Layer(array, file, own_ids(file, content, names), known)
    return {
        name: layer if layer.ids is not None else replace(layer, ids=_names(folder, layer.file))
        for name, layer in joined(folder, layers, reporter).items()
    }


def joined(folder: Path, layers: dict[str, Layer], reporter: Reporter) -> dict[str, Layer]:
    """Join features that were written in parts, where their rows or the names of samples say so.

    Parameters
    ----------
    folder : Path
        Up to which names of samples are looked for.
    layers : dict of str to Layer
    reporter : Reporter

    Raises
    ------
    DataError
        When rows are missing between parts.
    """
    groups: dict[str, list[_Part]] = {}
    for name in layers:
        *above, last = name.split("/")
        part = _PART.fullmatch(last)
        if part is None:
            continue
        whole = "/".join([*above, part[1]])
        start, end = (part[2], part[3]) if part[2] is not None else (part[4], None)
        groups.setdefault(whole, []).append((int(start), None if end is None else int(end), name))
    for whole, parts in groups.items():
        parts.sort(key=lambda part: part[0])
        if not _are_parts(folder, parts, layers):
            continue
        members = [layers.pop(name) for _, _, name in parts]
        base, _, last = whole.rpartition("/")
        layers[base if last == "features" and base else whole] = replace(
            members[0], array=_concatenated([member.array for member in members])
        )
        if len(parts) > 1:
            reporter.note(
                f"note: {members[0].file.parent}: {len(parts)} parts of {whole} are read as one "
                "array, in the order of their numbers"
            )
    return layers


def own_ids(file: Path, content: Content, names: Sequence[str] | None) -> list[str] | None:
    """Return the ids that a file holds; of names without their extensions, the whole names."""
    if not content.by_name or names is None or content.ids is None:
        return content.ids
    whole = {str(PurePosixPath(name).with_suffix("")): name for name in names}
    if set(whole) != set(content.ids) or len(whole) < len(names):
        raise UsageError(f"{file} holds other names than {NAMES}; extract the features again")
    return [whole[name] for name in content.ids]


def _are_parts(folder: Path, parts: Sequence[_Part], layers: Mapping[str, Layer]) -> bool:
    file = layers[parts[0][2]].file
    if any(end is None for _, end, _ in parts):
        names = _names(folder, file)
        total = sum(int(layers[name].array.shape[0]) for _, _, name in parts)
        return names is not None and len(parts) > 1 and total == len(names)
    expected = 0
    for start, end, name in parts:
        rows = int(layers[name].array.shape[0])
        if start != expected or end != start + rows:
            raise DataError(
                f"{layers[name].file} holds {rows:,} rows, and by its name rows {start} to {end}, "
                f"where {expected:,} come before; extract the features again"
            )
        expected = int(end)
    return True


def _concatenated(arrays: Sequence[Any]) -> Any:
    if len(arrays) == 1:
        return arrays[0]
    if len({tuple(array.shape[1:]) for array in arrays}) > 1:
        shapes = ", ".join("x".join(map(str, array.shape)) for array in arrays)
        raise DataError(f"parts of features have different shapes ({shapes})")
    if all(isinstance(array, torch.Tensor) for array in arrays):
        return torch.cat(list(arrays))
    return np.concatenate([np.asarray(array) for array in arrays])


def _name(module: str, stem: str) -> str:
    """Return the name of a layer: that of its module where its file has none of its own."""
    if not module:
        return stem
    return module if stem == "features" else f"{module}/{stem}"


def _names(folder: Path, file: Path) -> list[str] | None:
    """Return the samples that the nearest list names, from the folder of a file upward."""
    for place in _upward(folder, file):
        if (place / IDS).is_file():
            return _listed_ids(place / IDS)
        if (place / NAMES).is_file():
            return _listed_names(place / NAMES)
    return None


def _upward(folder: Path, file: Path) -> Iterator[Path]:
    place = file.parent
    yield place
    while place != folder and folder in place.parents:
        place = place.parent
        yield place


def _listed_ids(path: Path) -> list[str]:
    return as_ids(read_json(path, list))


def _listed_names(path: Path) -> list[str]:
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except ValueError:
        raise DataError(
            f"{path} is no text in UTF-8; expected one name of a file per line"
        ) from None
    return as_ids([line for line in lines if line.strip()])
