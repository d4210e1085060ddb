"""Read a file of HDF5 or Arrow apart first, in a process that may hang, fill up or crash.

The libraries that read these files follow what the files state. A small file can state
lists that end nowhere, or so much that the machine has no memory left. So another process reads it
first, with a limit to its memory and to the processor time between any two steps.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess  # nosec B404  # runs Python on a file of its own
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from alignkit.bounds.files import check_ratio, free_memory, most_of
from alignkit.errors import first_line

SECONDS = 10  # of processor time for one step, such as reading a chunk
LEAST = 256 << 20  # bytes that it may take in any case
_READER = Path(__file__).with_name("reader.py")
_ENVIRONMENT = {  # libraries that reserve memory for threads would need it all
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def try_reading(
    path: Path, kind: str, columns: Sequence[str] | None = None, part: int | None = None
) -> None:
    """Read a file in another process, and refuse it where this does not end well.

    What is damaged in other ways may not be told: whoever reads the file in earnest says so.

    Parameters
    ----------
    path : Path
    kind : str
        ``hdf5``, of which all is read; ``pictures`` for HDF5 of which numbers are not, unless
        a part is named; ``parquet`` or ``arrow``.
    columns : sequence of str, optional
        Of a table those that are read; of ``pictures`` the array of which a part is read.
    part : int, optional
        Of Parquet the row group, and of ``pictures`` the row, that is read; all by default.

    Raises
    ------
    ValueError
        When reading it does not end, crashes, takes too much memory, or gives far more than the
        size of the file.
    """
    size = path.stat().st_size
    most = most_of(size)
    memory = LEAST + min(most, free_memory())
    asked = {
        "path": str(path.absolute()),
        "kind": kind,
        "columns": columns if columns is None else list(columns),
        "part": part,
        "most": most,
        "memory": memory,
        "seconds": SECONDS,
    }
    answer = _helper.ask(asked)
    if "failed" in answer:
        limit = f"takes more than {memory >> 20:,} MB of memory to read"
        said = f" ({first_line(answer['failed'])})" if answer["failed"] else ""
        raise ValueError(f"it is damaged, or {limit}{said}" if said else f"it {limit}")
    check_ratio(int(answer.get("whole", 0)), size)


class _Helper:
    """The process that reads files, started when it is first needed, and again when it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._alone = threading.Lock()

    def ask(self, asked: Mapping[str, object]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises
        ------
        ValueError
            When the process dies of it.
        """
        if self._owner != os.getpid():  # what a parent has started talks to the parent
            self._process, self._owner, self._alone = None, os.getpid(), threading.Lock()
        with self._alone:
            process = self._process = self._process or _started()
            try:
                answer = _answer(process, asked)
            except BaseException:  # as by Ctrl-C: the answer would be taken for that to the next
                process.kill()
                self.stop()
                raise
            if not answer:
                self.stop()
                raise ValueError(_cause(process.wait()))
        said: dict[str, Any] = json.loads(answer)
        return said

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(BrokenPipeError):
                        pipe.close()
            process.wait()


def _started() -> subprocess.Popen[str]:
    # A session of its own: Ctrl-C is for the command, which then closes the pipe.
    return subprocess.Popen(  # nosec B603
        [sys.executable, "-P", str(_READER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | _ENVIRONMENT,
        start_new_session=True,
    )


def _answer(process: subprocess.Popen[str], asked: Mapping[str, object]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
    return process.stdout.readline()


def _cause(status: int) -> str:
    if status == -signal.SIGVTALRM:
        return f"it is damaged: reading it does not end (a step took more than {SECONDS} s)"
    if status < 0:
        return f"it is damaged: the library that reads it crashes ({signal.Signals(-status).name})"
    return f"it is damaged: a process that reads it ends with code {status}"


_helper = _Helper()
atexit.register(_helper.stop)
