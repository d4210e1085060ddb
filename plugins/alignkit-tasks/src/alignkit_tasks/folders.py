"""Where a data set lies, which of its layouts it has, and what is said when it has none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

import alignkit

SHOWN = 6
Read = TypeVar("Read")


@dataclass(frozen=True)
class Layout(Generic[Read]):
    """One form in which a data set is passed on.

    Attributes
    ----------
    name : str
    tree : str
        What its folder holds, on one line, for messages.
    is_in : callable
        Whether a folder holds it.
    read : callable
        Gives what the annotations of a folder say.
    annotations : callable
        The files, and folders full of files, that ``read`` reads. As long as they stay as
        they are, it is called once in a process.
    """

    name: str
    tree: str
    is_in: Callable[[Path], bool]
    read: Callable[[Path], Read]
    annotations: Callable[[Path], Iterable[Path | None]]


def data_folder(task: str, root: Path | None, expected: str) -> Path:
    """Give the folder of a data set: the one named, else ``$ALIGNKIT_DATA/<task>``.

    Raises
    ------
    alignkit.DataError
        When there is no such folder; the message says what is expected in it.
    """
    found = root or alignkit.default_root(task)
    if found is None:
        raise alignkit.DataError(
            f"{task} needs its data: name the folder ({task}:FOLDER), or set ALIGNKIT_DATA to "
            f"the folder that holds {task}/; expected: {expected}"
        )
    folder = Path(found).expanduser()
    if not folder.exists():
        raise alignkit.DataError(f"{task}: there is no folder {folder}; expected: {expected}")
    return folder


def read_layout(task: str, root: Path | None, layouts: Sequence[Layout[Read]]) -> tuple[Path, Read]:
    """Find the layout of a data set by looking at its folder, and read it: the first that fits.

    Returns
    -------
    folder : Path
    read
        What the layout's ``read`` gives; not to be changed.

    Raises
    ------
    alignkit.DataError
        When none does; the one line says what was expected and what was found.
    """
    expected = trees(layouts)
    folder = data_folder(task, root, expected)
    for layout in layouts:
        if layout.is_in(folder):
            return folder, _read(layout.read, folder, _stamps(layout.annotations(folder)))
    raise alignkit.DataError(
        f"{task}: {folder} holds no layout that is known; expected: {expected}; "
        f"found: {contents(folder)}"
    )


@lru_cache(4)
def _read(read: Callable[[Path], Read], folder: Path, _stamps: object) -> Read:
    return read(folder)


def _stamps(paths: Iterable[Path | None]) -> tuple[object, ...]:
    """Sizes and times of files, and of all that lies in folders."""
    found: list[object] = []
    for path in paths:
        if path is not None and path.is_dir():
            with os.scandir(path) as entries:
                stats = ((entry.name, entry.stat()) for entry in entries)
                found.append(frozenset((name, s.st_size, s.st_mtime_ns) for name, s in stats))
        elif path is not None and path.is_file():
            found.append((path, *stamp(path)))
    return tuple(found)


def trees(layouts: Sequence[Layout[Read]]) -> str:
    """All layouts on one line."""
    return " | ".join(f"({layout.name}) {layout.tree}" for layout in layouts)


def contents(folder: Path) -> str:
    """Name the first few things in a folder."""
    if not folder.is_dir():
        return f"the file {folder.name}"
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in folder.iterdir())
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "nothing") + more


def first_that_exists(root: Path, places: Sequence[str], names: Sequence[str]) -> Path | None:
    """Find a file that mirrors of a data set keep in different places or call differently."""
    for name in names:
        for place in places:
            if (root / place / name).is_file():
                return root / place / name
    return None


def inside(name: str) -> str | None:
    """Normalise a relative path from an annotation; None when it leaves its folder.

    Only the text is looked at, so that a linked picture folder on another disk is fine.
    """
    path = os.path.normpath(name)
    leaves = os.path.isabs(path) or path == ".." or path.startswith(".." + os.sep)
    return None if leaves or path == "." or "\0" in name else path


def picture_path(root: Path, name: object, where: str) -> Path:
    """Give the path of a picture that an annotation names.

    Raises
    ------
    alignkit.DataError
        When it is no path, or leads out of the folder.
    """
    relative = inside(name) if isinstance(name, str) and name else None
    if relative is None:
        raise alignkit.DataError(
            f"{where}: the picture is {name!r}, expected a path inside the folder"
        )
    return root / relative


def stamp(*paths: Path) -> tuple[tuple[int, int], ...]:
    """Size and time of files: what is read once is read again when they change."""
    return tuple((s.st_size, s.st_mtime_ns) for s in (path.stat() for path in paths))


def moved_path(root: Path, name: object, where: str, marker: str = "images") -> Path:
    """Like ``picture_path``, for names that were relative to another folder when written.

    Where ``res/data/x/images/a.jpg`` is not there, ``images/a.jpg`` is looked for.
    """
    path = picture_path(root, name, where)
    parts = path.relative_to(root).parts
    if marker in parts[1:] and not path.is_file():
        return root.joinpath(*parts[parts.index(marker) :])
    return path
