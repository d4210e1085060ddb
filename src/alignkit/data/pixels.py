"""Pictures decoded and resized once, kept in one file that is mapped into memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs.files import read_json, whole_folder, write_json
from alignkit.tasks import Split

VARIABLE = "ALIGNKIT_CACHE"


def cache_folder() -> Path:
    """Where decoded pictures are kept: ``$ALIGNKIT_CACHE``, else the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "alignkit"


def store_pixels(
    task: str, split: Split, inputs: Any, name: str, fingerprint: str, reporter: Reporter = SILENT
) -> Path:
    """Decode and resize every picture of a split into a folder, unless it is there already.

    Parameters
    ----------
    task : str
        For the folder's name only; what it holds is told by the key in it.
    inputs
        What the architecture's ``inputs`` gave. Its ``recipe`` says how it makes pixels.
    name : str
        Of the split.
    fingerprint : str
        Of the data.

    Raises
    ------
    UsageError
        When the architecture does not say how it makes pixels, or they are no bytes.
    AlignkitError
        When the disk is too full.
    """
    recipe = getattr(inputs, "recipe", None)
    if recipe is None:
        raise UsageError("this architecture's inputs have no 'recipe', so its pixels are not kept")
    folder = cache_folder() / "pixels" / f"{task}-{name}-{_key(fingerprint, name, recipe)}"
    if find_pixels(split, inputs, name, lambda: fingerprint) is not None:
        reporter.note(f"{folder} is there already")
        return folder
    first = np.asarray(inputs.pixels(split.image(0)))
    if first.dtype != np.uint8:
        raise UsageError(f"this architecture's pixels are {first.dtype}; only uint8 is kept")
    _require_space(folder, first.nbytes * len(split))
    with whole_folder(folder) as temporary:
        pixels = np.lib.format.open_memmap(
            temporary / "pixels.npy", "w+", np.uint8, (len(split), *first.shape)
        )
        with reporter.progress(f"decode {name}", len(split)) as bar:
            for i in range(len(split)):
                pixels[i] = first if i == 0 else inputs.pixels(split.image(i))
                bar.advance()
        pixels.flush()
        del pixels
        manifest = {
            "task": task,
            "split": name,
            "fingerprint": fingerprint,
            "recipe": recipe,
            "n": len(split),
            "shape": list(first.shape),
            "ids": _hash(list(split.ids)),
        }
        write_json(temporary / "manifest.json", manifest)
    return folder


def find_pixels(
    split: Split, inputs: Any, name: str, fingerprint: Callable[[], str]
) -> np.ndarray | None:
    """Open the kept pixels of a split, if they were made of the same data in the same way.

    Returns
    -------
    ndarray (n, ...) of uint8, read-only and mapped into memory, or None
    """
    recipe = getattr(inputs, "recipe", None)
    kept = cache_folder() / "pixels"
    # Asking for the fingerprint may read all annotations: only where it can be of use.
    if recipe is None or not any(kept.glob(f"*-{name}-*/manifest.json")):
        return None
    for folder in kept.glob(f"*-{name}-{_key(fingerprint(), name, recipe)}"):
        manifest = read_json(folder / "manifest.json")
        if manifest["ids"] != _hash(list(split.ids)):
            continue
        return _opened(folder, (len(split), *manifest["shape"]))
    return None


def _opened(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        pixels = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        pixels = np.empty(0)
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise DataError(f"{folder} does not hold what its manifest says; delete it")
    return pixels


def _key(fingerprint: str, name: str, recipe: Any) -> str:
    return _hash([fingerprint, name, recipe])[:16]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _require_space(folder: Path, needed: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if needed > free:
        raise AlignkitError(
            f"the pixels need {needed / 1e9:.1f} GB, and {folder.parent} has {free / 1e9:.1f} GB "
            f"left; choose another place with {VARIABLE}"
        )
