"""A cache of decoded and resized images, in one file that is mapped into memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alignkit.errors import DataError, UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs.files import read_json, whole_folder, write_json
from alignkit.runs.listing import found
from alignkit.runs.space import ArrayFile, require_space
from alignkit.tasks import Split, Task
from alignkit.tasks.split import content_digest_of

VARIABLE = "ALIGNKIT_CACHE"


def cache_folder() -> Path:
    """Return the folder of the cache: ``$ALIGNKIT_CACHE``, else the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "alignkit"


def identity_of_pictures(task: Task, split: str) -> str:
    """Return what cached pixels of a split belong to: the data, and what the files hold now."""
    content = content_digest_of(task, split)
    return f"{task.fingerprint()} {content}" if content else task.fingerprint()


def store_pixels(
    task: str, split: Split, inputs: Any, name: str, identity: str, reporter: Reporter = SILENT
) -> Path:
    """Decode and resize every image of a split into a folder, unless that exists already.

    Parameters
    ----------
    task : str
        The name of the task, for the name of the folder; its content is identified by a key.
    split : Split
    inputs : Inputs
        Its ``recipe`` identifies how pixels are made.
    name : str
        The name of the split.
    identity : str
        Of the pictures, as by ``identity_of_pictures``.
    reporter : Reporter

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        If the inputs have no ``recipe``, or their pixels are not bytes.
    AlignkitError
        If there is too little space on the disk.
    """
    recipe = getattr(inputs, "recipe", None)
    if recipe is None:
        raise UsageError(
            "the inputs of this architecture have no 'recipe', so its pixels cannot be cached"
        )
    folder = cache_folder() / "pixels" / f"{task}-{name}-{_key(identity, name, recipe)}"
    if find_pixels(split, inputs, name, lambda: identity) is not None:
        reporter.note(f"{folder} exists already")
        return folder
    first = np.asarray(inputs.pixels(split.image(0)))
    if first.dtype != np.uint8:
        raise UsageError(
            f"the pixels of this architecture are {first.dtype}; only uint8 can be cached"
        )
    advice = f"choose another folder with {VARIABLE}"
    require_space(folder.parent, first.nbytes * len(split), "the pixels", advice)
    with whole_folder(folder) as temporary:
        pixels = ArrayFile(temporary / "pixels.npy", (len(split), *first.shape), np.uint8)
        with reporter.progress(f"decode {name}", len(split)) as bar:
            for i in range(len(split)):
                made = first if i == 0 else np.asarray(inputs.pixels(split.image(i)))
                pixels.put(i, made[None])
                bar.advance()
        manifest = {
            "task": task,
            "split": name,
            "fingerprint": identity,
            "recipe": recipe,
            "n": len(split),
            "shape": list(first.shape),
            "ids": _hash(list(split.ids)),
        }
        write_json(temporary / "manifest.json", manifest)
    return folder


def find_pixels(
    split: Split, inputs: Any, name: str, identity: Callable[[], str]
) -> np.ndarray | None:
    """Open the cached pixels of a split, if they were made from the same data in the same way.

    Parameters
    ----------
    split : Split
    inputs : Inputs
        Its ``recipe`` identifies how pixels are made.
    name : str
        The name of the split.
    identity : callable
        Returns the identity of the pictures.

    Returns
    -------
    ndarray (n, ...) of uint8, read-only and mapped into memory, or None

    Raises
    ------
    DataError
        If the cache is damaged.
    """
    recipe = getattr(inputs, "recipe", None)
    cache = cache_folder() / "pixels"
    # This may require reading all annotations and pictures: ask for it only if it can help.
    if recipe is None or not found(cache, f"*-{name}-*/manifest.json"):
        return None
    for folder in found(cache, f"*-{name}-{_key(identity(), name, recipe)}"):
        manifest = read_json(folder / "manifest.json", {"ids": str, "shape": [int], "*": object})
        if manifest["ids"] != _hash(list(split.ids)):
            continue
        return _open_pixels(folder, (len(split), *manifest["shape"]))
    return None


def _open_pixels(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        pixels: np.ndarray = np.load(folder / "pixels.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        pixels = np.empty(0)
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise DataError(f"the cached pixels in {folder} do not match their manifest; delete it")
    return pixels


def _key(identity: str, name: str, recipe: Any) -> str:
    return _hash([identity, name, recipe])[:16]


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
