"""What killed processes leave behind: found, and removed where nobody is at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignkit.runs.files import held_by_another

KINDS = {".tmp": "half-written", ".old": "replaced, and half-removed"}


@dataclass(frozen=True)
class Litter:
    """Something that nobody will use any more.

    Attributes
    ----------
    path : Path
    why : str
    bytes : int
    in_use : bool
        A process holds the folder that it lies in: it may be its work.
    """

    path: Path
    why: str
    bytes: int
    in_use: bool


def find_litter(root: Path) -> Iterator[Litter]:
    """Look for litter below a folder of runs."""
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = Path(folder) / name
            why = _why(path)
            if why:
                yield Litter(path, why, size_of(path), _in_use(path, root))
                if name in folders:
                    folders.remove(name)


def size_of(path: Path) -> int:
    """Bytes of a file, or of everything in a folder."""
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def _why(path: Path) -> str:
    if not path.name.startswith("."):
        return ""
    if path.suffix == ".shards":  # of an extraction: its progress, until it has ended
        split = path.name.removeprefix(".").removesuffix(".shards")
        ended = (path.parent / split / "index.json").is_file()
        return "shards of an extraction that has ended" if ended else ""
    return KINDS.get(path.suffix, "")


def _in_use(path: Path, root: Path) -> bool:
    """Whether a process holds any folder from the litter up to the folder of runs."""
    inner = path.relative_to(root).parts[:-1]
    folders = [root, *(root.joinpath(*inner[: i + 1]) for i in range(len(inner)))]
    return any(held_by_another(folder) for folder in folders)
