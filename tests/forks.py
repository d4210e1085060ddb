"""Processes of their own that begin with torch imported: importing it anew takes seconds each.

They are forked from a process that has imported what commands need and done nothing with it.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from unittest import mock

COMMAND = "from alignkit.cli.main import main\nmain()"
_CONTEXT = multiprocessing.get_context("forkserver")


def start(
    code: str, *words: object, cwd: Path, out: Path | str = os.devnull, **environment: str
) -> ForkServerProcess:
    """Start a process that runs Python code with ``sys.argv`` of these words.

    What it prints is written to ``out``, and what it says to ``out`` with ``.err`` appended.
    """
    _ensure_server()
    said = out if out == os.devnull else f"{out}.err"
    given = (code, list(map(str, words)), str(cwd), os.environ | environment, str(out), said)
    process = _CONTEXT.Process(target=_run, args=given)
    process.start()
    return process


def run(code: str, *words: object, cwd: Path) -> subprocess.CompletedProcess:
    """Run Python code with ``sys.argv`` of these words until it ends."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        process = start(code, *words, cwd=cwd, out=out)
        process.join()
        printed, said = out.read_text(), Path(f"{out}.err").read_text()
    return subprocess.CompletedProcess(list(words), process.exitcode, printed, said)


def _run(code: str, words: list[str], cwd: str, environment: dict, out: str, said: str) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, out), (2, said)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["alignkit", *words]
    multiprocessing.process._parent_process = None  # as of one that a user starts
    exec(code, {"__name__": "__main__"})


def _ensure_server() -> None:
    # The server finds modules on the path that it is given, which is not that of this process.
    with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        _CONTEXT.set_forkserver_preload(["forks_preloaded"])
        forkserver.ensure_running()
