"""An index of tables of alignment values: what their CSVs hold, in a form that is read at once.

It is derived: a CSV is what counts. An entry belongs to the content of a file, by its SHA-256, and
is made again where it is missing, damaged or of other content. It may be removed at any time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from alignkit.alignment.columns import Columns

FOLDER, TABLES = ".index", "alignment"


def indexed(file: Path, digest: str, parse: Callable[[], Columns]) -> Columns:
    """Return the columns of a table from its entry; parse it where there is none, and add one.

    Parameters
    ----------
    file : Path
        Only tables in the folder ``alignment`` of a run have entries, in its folder ``.index``.
    digest : str
        The SHA-256 of its content.
    parse : callable
    """
    entry = _entry(file)
    if entry is None:
        return _parsed(parse, digest)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        known = Columns.from_bytes(entry.read_bytes(), digest)
        if known is not None:
            return known
    columns = _parsed(parse, digest)
    with contextlib.suppress(OSError):  # without room or the right to write, there is no entry
        _replace(entry, columns.to_bytes())
    return columns


def remembered(run: Path, name: str, key: str, compute: Callable[[], str]) -> str:
    """Return a text that follows from a key; compute it where that is not known for this key.

    Parameters
    ----------
    run : Path
        The folder of a run, which remembers the last text under a name.
    name : str
    key : str
    compute : callable
    """
    text = recalled(run, name, key)
    if text is None:
        text = compute()
        remember(run, name, key, text)
    return text


def recalled(run: Path, name: str, key: str) -> str | None:
    """Return the text that a run remembers under a name; None where it is that of another key."""
    with contextlib.suppress(OSError, ValueError):
        checksum, text = _text_file(run, name).read_text(encoding="utf-8").split("\n", 1)
        if checksum == _checksum(key, text):
            return text
    return None


def remember(run: Path, name: str, key: str, text: str) -> None:
    """Let a run remember a text that follows from a key, where it can be written to."""
    with contextlib.suppress(OSError):
        _replace(_text_file(run, name), f"{_checksum(key, text)}\n{text}".encode())


def _text_file(run: Path, name: str) -> Path:
    return run / FOLDER / f"{name}.text"


def _checksum(key: str, text: str) -> str:
    return sha256(f"{key}\n{text}".encode()).hexdigest()


def _parsed(parse: Callable[[], Columns], digest: str) -> Columns:
    columns = parse()
    columns.source = digest
    return columns


def _entry(file: Path) -> Path | None:
    for folder in file.parents[:3]:
        if folder.name == TABLES and (folder.parent / "config.json").is_file():
            return folder.parent / FOLDER / file.relative_to(folder).with_suffix(".columns")
    return None


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole; a machine that crashes may lose it, or leave it damaged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
