"""A journal whose last record is incomplete: detect and repair it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.errors import DataError
from alignkit.runs.files import whole_file

if TYPE_CHECKING:
    from optuna.storages.journal import JournalFileOpenLock


_TAIL = 1 << 20  # bytes at the end of a journal; a record has some hundred


@dataclass(frozen=True)
class Repair:
    """Result of a repair: records kept and dropped, and the path of the backup."""

    kept: int
    dropped: int
    backup: Path | None


def lock_of(file: Path) -> JournalFileOpenLock:
    """Return the lock that Optuna's writers take: a file, which works on network disks too."""
    from alignkit.search.journal_file import JournalLock

    return JournalLock(file)


def check_tail(file: Path, lock: JournalFileOpenLock) -> None:
    """Refuse a journal whose last record is incomplete; the next one would be appended to it.

    Raises
    ------
    DataError
        With the command that repairs it.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    lock.acquire()  # a record that is being written now is not a truncated one
    try:
        truncated = _is_truncated(file)
    finally:
        lock.release()
    if truncated:
        raise DataError(
            f"{file} ends in an incomplete record (the disk was full, or a writer was killed); "
            f"remove it with: alignkit search repair --storage journal:///{file}"
        )


def _is_truncated(file: Path) -> bool:
    with file.open("rb") as opened:
        opened.seek(-1, 2)
        return opened.read(1) != b"\n"


def repair(file: Path, lock: JournalFileOpenLock) -> Repair:
    """Remove incomplete records; the old file is kept beside the new one as ``.bak``."""
    if not file.is_file():
        raise DataError(f"there is no journal {file}")
    lock.acquire()
    try:
        lines = file.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if is_record(line)]
        dropped = len(lines) - len(whole)
        if not dropped:
            return Repair(len(whole), 0, None)
        backup = file.with_name(file.name + ".bak")
        shutil.copy2(file, backup)
        with whole_file(file) as temporary:
            temporary.write_bytes(b"".join(whole))
        return Repair(len(whole), dropped, backup)
    finally:
        lock.release()


def outer_lines(file: Path) -> list[bytes]:
    """Return the first line of a journal, and the last one that is complete."""
    with file.open("rb") as opened:
        first = opened.readline()
        opened.seek(max(0, opened.seek(0, 2) - _TAIL))
        lines = opened.read().rpartition(b"\n")[0].rsplit(b"\n", 1)
    return [first, lines[1] + b"\n"] if len(lines) == 2 else [line for line in [first] if line]


def is_record(line: bytes) -> bool:
    """Whether a line of a journal is a complete record."""
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
