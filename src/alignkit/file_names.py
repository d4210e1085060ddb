"""Names of files as other systems leave, spell and encode them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from alignkit.errors import DataError

# What file managers, archivers and editors leave beside one's files.
FOLDERS = frozenset(
    {
        "__MACOSX",
        ".AppleDouble",
        ".Spotlight-V100",
        ".TemporaryItems",
        ".Trashes",
        ".fseventsd",
        ".ipynb_checkpoints",
        "$RECYCLE.BIN",
        "System Volume Information",
        "@eaDir",
    }
)
FILES = frozenset({".ds_store", ".localized", "desktop.ini", "ehthumbs.db", "thumbs.db", "icon\r"})
PREFIXES = ("._", ".#", ".~", "~$")
# Encodings of names in archives that were written on Windows.
_WINDOWS = ("cp1252", "cp437")


def is_leftover(name: str) -> bool:
    """Return whether a relative path names something that a system left, not a file of one's own.

    >>> is_leftover("__MACOSX/img/1.jpg"), is_leftover("img/._1.jpg"), is_leftover("img/1.jpg")
    (True, True, False)
    """
    *folders, last = name.replace("\\", "/").rstrip("/").split("/")
    return (
        last.startswith(PREFIXES)
        or last.lower() in FILES
        or not FOLDERS.isdisjoint((*folders, last))
    )


def listed(folder: Path, *patterns: str) -> Iterator[Path]:
    """Yield what matches any of some patterns below a folder, without what a system left there."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            if not is_leftover(str(path.relative_to(folder))):
                yield path


def readable(name: str) -> str:
    r"""Return a name that every file can hold: bytes that are not UTF-8 as in ``caf\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def require_utf8(path: Path) -> None:
    """Refuse a place for weights whose name their format cannot hold, before hours of work.

    Raises
    ------
    DataError
        If the path is not UTF-8.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"weights cannot be stored in {path}, as its name is not UTF-8; rename the folder, or "
            "choose another"
        ) from None


def respelled(folder: Path, name: str) -> Path | None:
    """Find the file that a table means by a name that no file has exactly.

    Names are the same if they differ in how accents are composed (NFC, NFD), in blanks around
    them, in the case of the extension, in slashes and backslashes, or because an archive from
    Windows holds them in its own encoding.

    Parameters
    ----------
    folder : Path
    name : str
        A path inside the folder, with slashes.

    Returns
    -------
    Path or None
        None if there is no such file, or more than one.
    """
    literal = folder / name.replace("/", "\\")
    if "/" in name and literal.is_file():  # unpacked by a program that knows no backslashes
        return literal
    files = list(_spelled_like(folder, PurePosixPath(name).parts))
    return files[0] if len(files) == 1 else None


def _spelled_like(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    first, *rest = parts
    exact = folder / first
    if not rest and exact.is_file():
        yield exact
        return
    for name in _names(folder, last=not rest).get(_key(first, last=not rest), ()):
        place = folder / name
        if rest and place.is_dir():
            yield from _spelled_like(place, rest)
        elif not rest and place.is_file():
            yield place


def _key(name: str, last: bool = False) -> str:
    """Return what is the same for all spellings of a name."""
    key = unicodedata.normalize("NFC", name).strip()
    stem, dot, extension = key.rpartition(".") if last else (key, "", "")
    return f"{stem.rstrip()}{dot}{extension.lower()}"


def _names(folder: Path, last: bool) -> dict[str, tuple[str, ...]]:
    try:
        return _read_names(folder, folder.stat().st_mtime_ns, last)
    except OSError:
        return {}


@lru_cache(64)
def _read_names(folder: Path, _modified: int, last: bool) -> dict[str, tuple[str, ...]]:
    names: dict[str, set[str]] = {}
    for path in folder.iterdir():
        if not is_leftover(path.name):
            for spelled in _decoded(path.name):
                names.setdefault(_key(spelled, last), set()).add(path.name)
    return {key: tuple(sorted(same)) for key, same in names.items()}


def _decoded(name: str) -> set[str]:
    """Return the names that bytes may mean; one if they are UTF-8."""
    content = os.fsencode(name)
    try:
        return {content.decode()}
    except UnicodeDecodeError:
        return {content.decode(encoding, "replace") for encoding in _WINDOWS}
