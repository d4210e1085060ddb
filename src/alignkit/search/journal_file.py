"""Optuna's journal, made safe for what happens to processes and disks: its lock and its records.

A separate module, as it imports Optuna.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.storages.journal._file import get_lock_file

from alignkit.cleaning import print_message
from alignkit.runs.space import writing
from alignkit.search.stale_trials import is_known_dead, this_worker

PATIENCE = 2.0  # seconds to wait in silence
GRACE = 30.0  # seconds after which a lock of a process elsewhere counts as left behind


class JournalLock(JournalFileOpenLock):
    """The lock file of Optuna, which names its holder.

    The lock of a process of this machine that has died is taken over at once; one of another
    machine or program after it has not changed for half a minute, which is said.

    Parameters
    ----------
    journal : Path
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal))
        self._journal = journal

    def acquire(self) -> bool:
        """Wait for the lock, and take it."""
        seen, since, begun, said, pause = None, time.monotonic(), time.monotonic(), False, 0.001
        while not self._take():
            held = self._held()
            if held is None:
                continue  # it was released meanwhile
            if held != seen:
                seen, since = held, time.monotonic()
            left_behind = time.monotonic() - since > GRACE
            if (left_behind or _is_dead(held[0])) and self._remove(held):
                continue
            if not said and time.monotonic() - begun > PATIENCE:
                said = True
                holder = f"process {held[0]}" if held[0] else "another program"
                print_message(
                    f"waiting for the lock {self._lock_file} of {holder}; it is taken over if it "
                    f"does not change for {GRACE:.0f} s"
                )
            time.sleep(pause)
            pause = min(2 * pause, 0.5)
        return True

    def _take(self) -> bool:
        try:
            handle = os.open(self._lock_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        with contextlib.suppress(OSError):  # on a full disk, the lock holds without a name
            os.write(handle, this_worker().encode())
        os.close(handle)
        return True

    def _held(self) -> tuple[str, int] | None:
        """Return the holder, empty if it has no name, and when it took the lock."""
        lock = Path(self._lock_file)
        try:
            return lock.read_text(errors="replace"), lock.stat().st_mtime_ns
        except OSError:
            return None

    def _remove(self, held: tuple[str, int]) -> bool:
        """Remove a lock that was left behind, unless another process has done so and taken it."""
        try:
            with self._journal.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._held() == held:
                    Path(self._lock_file).unlink()
        except OSError:
            return False
        return True


class JournalFile(JournalFileBackend):
    """The file of a journal: a record that cannot be written whole leaves nothing behind.

    Parameters
    ----------
    journal : Path
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal), JournalLock(journal))
        self._journal = journal

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records; none of them where the disk ends."""
        with get_lock_file(self._lock), writing(self._journal):
            size = self._journal.stat().st_size
            records = [json.dumps(log, separators=(",", ":")) + "\n" for log in logs]
            try:
                with self._journal.open("ab") as file:
                    file.write("".join(records).encode())
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                os.truncate(self._journal, size)
                raise


def _is_dead(holder: str) -> bool:
    return holder.count("/") >= 2 and holder.rsplit("/", 2)[1].isdigit() and is_known_dead(holder)
