"""Find what killed processes leave behind, and whether a running process may be using it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from alignkit.runs.files import held_by_another

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
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = Path(folder) / name
            why = _why(path)
            if why:
                yield Litter(path, why, size_of(path), _in_use(path, root))
                if name in folders:
                    folders.remove(name)


def find_litter_of_results(folder: Path) -> Iterator[Litter]:
    """Yield the litter in and beside results, which no process locks: the recent is in use.

    Parameters
    ----------
    folder : Path
        A folder of results, or a file of them.
    """
    # A whole file or folder is written under such a name before it is put in its place.
    beside = folder.parent.glob(f".{escape(folder.name)}.*")
    for path in [*sorted(beside), *sorted(folder.rglob(".*"))]:
        why = KINDS.get(path.suffix)
        inner = path.relative_to(folder if folder in path.parents else folder.parent)
        if why and not any(parent.suffix in KINDS for parent in inner.parents):
            age = time.time() - path.stat().st_mtime
            yield Litter(path, why, size_of(path), age < RECENT)


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def is_spent(shards: Path) -> bool:
    """Whether the shards of an extraction were joined, and their arrays moved into place."""
    if not shards.is_dir() or (shards / "whole").exists():
        return False
    if (shards / JOINED).is_file() or not (shards / "plan.json").is_file():
        return True
    folders = [path for path in shards.glob("[0-9]*-*") if path.is_dir() and path.suffix != ".lock"]
    return any(not any(folder.glob("*.npy")) for folder in folders)


def _why(path: Path) -> str:
    if path.name == "checkpoint" and (path.parent / "train.json").is_file():
        return "checkpoint of a completed training"
    if not path.name.startswith("."):
        return ""
    if path.suffix == ".shards":  # otherwise the progress of an extraction that is not complete
        return "shards of a completed extraction" if is_spent(path) else ""
    return KINDS.get(path.suffix, "")


def _in_use(path: Path, root: Path) -> bool:
    """Whether a process holds a folder between the litter and the folder of runs."""
    inner = path.relative_to(root).parts[:-1]
    folders = [root, *(root.joinpath(*inner[: i + 1]) for i in range(len(inner)))]
    return any(held_by_another(folder) for folder in folders)
