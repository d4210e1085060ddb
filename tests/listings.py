"""Let something happen just after a folder was listed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self


def listing(target: Path, then: Callable[[], None]) -> dict[str, Callable]:
    """Return ``os.listdir`` and ``os.scandir`` that call something once they have named a file."""
    real_list, real_scan = os.listdir, os.scandir

    def is_parent(path: object) -> bool:
        return isinstance(path, str | os.PathLike) and Path(path).absolute() == target.parent

    def listdir(path: object = ".") -> list[str]:
        names = real_list(path)
        if is_parent(path) and target.name in names:
            then()
        return names

    def scandir(path: object = ".") -> _Entries:
        with real_scan(path) as entries:
            there = list(entries)
        if is_parent(path) and any(entry.name == target.name for entry in there):
            then()
        return _Entries(there)

    return {"listdir": listdir, "scandir": scandir}


class _Entries:
    """What ``os.scandir`` returns: an iterator, and a context manager."""

    def __init__(self, entries: list[os.DirEntry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[os.DirEntry]:
        return self._entries

    def __next__(self) -> os.DirEntry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
