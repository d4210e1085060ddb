"""Find what killed processes leave behind, and whether a running process may be using it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from alignkit.runs.files import held_by_another
from alignkit.runs.listing import found, size_of

JOINED = "joined.json"  # of shards: the manifest of the arrays that are joined
RECENT = 3600  # seconds in which somebody may still be writing a file that nobody locks
KINDS = {".tmp": "incompletely written", ".old": "replaced, but incompletely removed"}


@dataclass(frozen=True)
class Litter:
    """A file or folder that a killed process has left behind.

    Attributes
    ----------
    path : Path
    why : str
        What it is.
    bytes : int
    in_use : bool
        Whether a process holds a folder that contains it, and may be writing it.
    """

    path: Path
    why: str
    bytes: int
    in_use: bool


def find_litter(root: Path) -> Iterator[Litter]:
    """Yield the litter below a folder of runs."""
    for path, why in _below(root, _why):
        yield Litter(path, why, size_of(path), _in_use(path, root))


def find_litter_of_results(folder: Path) -> Iterator[Litter]:
    """Yield the litter in and beside results, which no process locks: the recent is in use.

    Parameters
    ----------
    folder : Path
        A folder of results, or a file of them.
    """
    # A whole file or folder is written under such a name before it is put in its place.
    beside = ((path, _kind(path)) for path in found(folder.parent, f".{escape(folder.name)}.*"))
    for path, why in itertools.chain(beside, _below(folder, _kind)):
        if why:
            yield Litter(path, why, size_of(path), _is_recent(path))


def is_spent(shards: Path) -> bool:
    """Whether the shards of an extraction were joined, and their arrays moved into place."""
    if not shards.is_dir() or (shards / "whole").exists():
        return False
    if (shards / JOINED).is_file() or not (shards / "plan.json").is_file():
        return True
    folders = [path for path in found(shards, "[0-9]*-*") if path.suffix != ".lock"]
    return any(path.is_dir() and not found(path, "*.npy") for path in folders)


def _below(root: Path, why: Callable[[Path], str]) -> Iterator[tuple[Path, str]]:
    """Yield what is litter below a folder, but not what is inside it."""
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            if reason := why(path):
                yield path, reason
                if name in folders:
                    folders.remove(name)


def _why(path: Path) -> str:
    if path.name == "checkpoint" and (path.parent / "train.json").is_file():
        return "checkpoint of a completed training"
    if path.suffix == ".shards" and path.name.startswith("."):  # otherwise it can be resumed
        return "shards of a completed extraction" if is_spent(path) else ""
    return _kind(path)


def _kind(path: Path) -> str:
    return KINDS.get(path.suffix, "") if path.name.startswith(".") else ""


def _is_recent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < RECENT
    except FileNotFoundError:  # somebody has removed it
        return True


def _in_use(path: Path, root: Path) -> bool:
    """Whether a process holds a folder between the litter and the folder of runs."""
    inner = path.relative_to(root).parts[:-1]
    folders = [root, *(root.joinpath(*inner[: i + 1]) for i in range(len(inner)))]
    return any(held_by_another(folder) for folder in folders)
