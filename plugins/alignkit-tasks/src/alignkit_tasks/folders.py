"""Data set folders: where they are, which layout they have, and messages if they have none."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

import alignkit
from alignkit.file_names import listed
from alignkit_tasks.sources import File

SHOWN = 6
_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
Read = TypeVar("Read")
Sample = TypeVar("Sample")


@dataclass(frozen=True)
class Layout(Generic[Read]):
    """One form in which a data set is distributed.

    Attributes
    ----------
    name : str
    tree : str
        The contents of the folder, on one line, for messages.
    is_in : callable
        ``is_in(folder) -> bool``: whether the folder has this layout.
    read : callable
        ``read(folder)`` reads the annotations.
    annotations : callable
        ``annotations(folder)`` lists the files and folders of files that ``read`` reads. While
        they stay unchanged, ``read`` is called once per process.
    """

    name: str
    tree: str
    is_in: Callable[[Path], bool]
    read: Callable[[Path], Read]
    annotations: Callable[[Path], Iterable[Path | None]]


def layout_of_parts(
    name: str,
    tree: str,
    parts: Sequence[str],
    find: Callable[[Path, str], Path | None],
    read_file: Callable[[Path, Path], Iterable[Sample]],
    required: bool = True,
) -> Layout[Mapping[str, Sequence[Sample]]]:
    """Describe a layout with one annotation file for each part of the data set.

    Parameters
    ----------
    name, tree : str
        As for ``Layout``.
    parts : sequence of str
        The first one tells whether a folder has this layout.
    find : callable
        ``find(folder, part)`` returns the file of a part, or None.
    read_file : callable
        ``read_file(path, folder)`` yields the samples of a file.
    required : bool
        Whether every part must be there; otherwise absent ones are left out.
    """

    def read(folder: Path) -> Mapping[str, Sequence[Sample]]:
        samples: dict[str, Sequence[Sample]] = {}
        for part in parts:
            path = find(folder, part)
            if path is not None:
                samples[part] = list(read_file(path, folder))
            elif required:
                raise alignkit.MissingError(
                    f"{folder} has no file for the {part} part; expected: {tree}"
                )
        return samples

    return Layout(
        name,
        tree,
        lambda folder: find(folder, parts[0]) is not None,
        read,
        lambda folder: [find(folder, part) for part in parts],
    )


def data_folder(task: str, root: Path | None, expected: str) -> Path:
    """Return the folder of a data set: ``root`` if given, otherwise ``$ALIGNKIT_DATA/<task>``.

    Raises
    ------
    alignkit.DataError
        If there is no such folder; the message says what it is expected to contain.
    """
    path = root or alignkit.default_root(task)
    if path is None:
        raise alignkit.DataError(
            f"{task} needs its data: name the folder ({task}:FOLDER), or set ALIGNKIT_DATA to "
            f"the folder that contains {task}/; expected: {expected}"
        )
    folder = Path(path).expanduser()
    if not folder.exists():
        raise alignkit.DataError(f"{task}: there is no folder {folder}; expected: {expected}")
    return folder


def read_layout(task: str, root: Path | None, layouts: Sequence[Layout[Read]]) -> tuple[Path, Read]:
    """Read a data set by the first layout that fits its folder.

    Returns
    -------
    folder : Path
    annotations
        The result of the layout's ``read``; it is shared and must not be modified.

    Raises
    ------
    alignkit.DataError
        If no layout fits; the message says what was expected and what was found.
    """
    expected = trees(layouts)
    folder = data_folder(task, root, expected)
    for layout in layouts:
        if layout.is_in(folder):
            return folder, _read(layout.read, folder, _stamps(layout.annotations(folder)))
    raise alignkit.DataError(
        f"{task}: {folder} has no known layout; expected: {expected}; found: {contents(folder)}"
    )


@lru_cache(4)
def _read(read: Callable[[Path], Read], folder: Path, _stamps: object) -> Read:
    return read(folder)


def _stamps(paths: Iterable[Path | None]) -> tuple[object, ...]:
    """Return the sizes and modification times of files, and of everything in folders."""
    stamps: list[object] = []
    for path in paths:
        if path is not None and path.is_dir():
            with os.scandir(path) as entries:
                # What a link leads to may be gone; the entry itself is there.
                stats = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
                stamps.append(frozenset((name, s.st_size, s.st_mtime_ns) for name, s in stats))
        elif path is not None and path.is_file():
            stamps.append((path, *stamp(path)))
    return tuple(stamps)


def trees(layouts: Sequence[Layout[Read]]) -> str:
    """Return a description of all layouts, on one line."""
    return " | ".join(f"({layout.name}) {layout.tree}" for layout in layouts)


def contents(folder: Path) -> str:
    """Return the names of the first few entries of a folder."""
    if not folder.is_dir():
        return f"the file {folder.name}"
    names = sorted(p.name + ("/" if p.is_dir() else "") for p in listed(folder, "*"))
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "nothing") + more


def first_that_exists(root: Path, places: Sequence[str], names: Sequence[str]) -> Path | None:
    """Find a file that copies of a data set keep in different places or under different names."""
    for name in names:
        for place in places:
            if (root / place / name).is_file():
                return root / place / name
    return None


def inside(name: str) -> str | None:
    """Normalise a relative path from an annotation; None if it leaves its folder.

    Backslashes separate folders, as on Windows. Only the text is checked, so that a symbolic
    link to a folder on another disk works.
    """
    path = os.path.normpath(name.replace("\\", "/"))
    leaves = Path(path).is_absolute() or path == ".." or path.startswith(".." + os.sep)
    return None if leaves or path == "." or "\0" in name else path


def inner_path(root: Path, name: object, where: str, what: str = "the picture") -> Path:
    """Return the path of a file, such as a picture, that an annotation names.

    Raises
    ------
    alignkit.DataError
        If it is not a path, or leads out of the folder.
    """
    if isinstance(name, str) and _OF_WINDOWS.match(name):
        raise alignkit.DataError(
            f"{where}: {what} is {name!r}, a path on another computer; write paths relative to "
            "the folder of the data"
        )
    relative = inside(name) if isinstance(name, str) and name.strip() else None
    if relative is None:
        raise alignkit.DataError(f"{where}: {what} is {name!r}; expected a path inside the folder")
    return root / relative


def picture_file(root: Path, name: object, where: str, marker: str = "") -> File:
    """Return the picture that an annotation names, however its name is spelled.

    Parameters
    ----------
    root : Path
    name : object
        As annotated: a path relative to ``root``.
    where : str
        Where it is annotated, for messages.
    marker : str
        If the name was written relative to another folder, so that ``res/data/x/images/a.jpg``
        does not exist, ``images/a.jpg`` is used, with the marker ``images``.

    Raises
    ------
    alignkit.DataError
        If it is not a path, or leads out of the folder.
    """
    path = inner_path(root, name, where)
    parts = path.relative_to(root).parts
    places = [path]
    if marker in parts[1:]:
        places.append(root.joinpath(*parts[parts.index(marker) :]))
    exact = next((place for place in places if place.is_file()), None)
    if exact:
        return File(exact, root)
    spelled = (place for place in places if File(place, root).respelled)
    return File(next(spelled, places[-1]), root)


def stamp(*paths: Path) -> tuple[tuple[int, int], ...]:
    """Return the sizes and modification times of files, by which changes are noticed."""
    return tuple((s.st_size, s.st_mtime_ns) for s in (path.stat() for path in paths))
