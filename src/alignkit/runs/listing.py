"""List folders in which other processes write and remove files meanwhile."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from alignkit.file_names import is_leftover


def found(folder: Path, *patterns: str) -> list[Path]:
    """Return what matches any of some patterns in a folder, by path.

    Unlike ``Path.glob`` in Python 3.11 it goes on where a folder is removed meanwhile. Hidden
    files are left out where no pattern begins with their dot, and so is what systems leave.

    Parameters
    ----------
    folder : Path
    patterns : str
        As of a shell, without ``**``.
    """
    names = {
        name
        for pattern in patterns
        for name in glob.iglob(pattern, root_dir=folder)  # noqa: PTH207
    }
    return sorted(folder / name for name in names if _is_hidden(name) or not is_leftover(name))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in those below it, links to folders not followed."""
    for place, _, names in os.walk(folder):
        yield from (path for path in (Path(place, name) for name in names) if path.is_file())


def size_of(path: Path) -> int:
    """Return the size in bytes of a file, or of all files in a folder; 0 of what is gone."""
    return sum(map(_size, [path] if path.is_file() else files_below(path)))


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0
