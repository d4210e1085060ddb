"""A journal's torn end: a write that was cut short, found and taken off."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignkit.errors import DataError
from alignkit.runs.files import whole_file


@dataclass(frozen=True)
class Repair:
    """What a repair has done: records kept and dropped, and where the old file lies."""

    kept: int
    dropped: int
    backup: Path | None


def lock_of(file: Path) -> Any:
    """The lock that Optuna's writers take: a file, which network disks know too."""
    from optuna.storages.journal import JournalFileOpenLock

    return JournalFileOpenLock(str(file))


def check_tail(file: Path, lock: Any) -> None:
    """Refuse a journal whose last record was cut short; the next one would be glued to it.

    Raises
    ------
    DataError
        With the command that repairs it.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    lock.acquire()  # a record that is being written is not a torn one
    try:
        torn = _is_torn(file)
    finally:
        lock.release()
    if torn:
        raise DataError(
            f"{file} ends in a torn record (the disk was full, or a writer was killed); "
            f"take it off with: alignkit search repair --storage journal:///{file}"
        )


def _is_torn(file: Path) -> bool:
    with file.open("rb") as opened:
        opened.seek(-1, 2)
        return opened.read(1) != b"\n"


def repair(file: Path, lock: Any) -> Repair:
    """Drop records that are not whole; the old file is kept beside it as ``.bak``."""
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


def is_record(line: bytes) -> bool:
    """Whether a line of a journal is whole."""
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
