"""Runs that are small enough to be made in a second, and the command line as a user runs it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import forks

TINY_TASK = "toy_match:n_train=64,n_validation=32,n_test=48"
TINY_MODEL = "vilbert:depth=3,width=16,heads=2,feedforward=32,fusion_width=16"


def alignkit(*words: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess:
    """Run a command in this process (importing torch anew takes seconds); check its exit code."""
    from alignkit.cli.main import main
    from alignkit.plugins import use_plugin_files

    out, err = io.StringIO(), io.StringIO()
    argv = ["alignkit", *map(str, words)]
    with (
        contextlib.chdir(cwd),
        mock.patch.object(sys, "argv", argv),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            returned = stop.code or 0
        finally:
            use_plugin_files([])
    done = subprocess.CompletedProcess(argv, returned, out.getvalue(), err.getvalue())
    return _checked(done, code)


def alignkit_process(
    *words: object, cwd: Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess:
    """Run a command in a process of its own; check its exit code.

    Unless it needs an environment of its own, it is one of ``forks``.
    """
    if not environment:
        return _checked(forks.run(forks.COMMAND, *words, cwd=cwd), code)
    done = subprocess.run(
        [sys.executable, "-m", "alignkit", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        check=False,
    )
    return _checked(done, code)


def without_manifests(folder: Path) -> None:
    """Turn a run, or a folder of runs, into one that was stored before there were manifests."""
    for file in folder.rglob("*.json"):
        content = json.loads(file.read_text())
        if not isinstance(content, dict) or "checksum" not in content:
            continue
        if file.with_suffix(".csv").is_file():  # the manifest of a table
            file.unlink()
            continue
        added = {"checksum", "format", "files", "model", "inputs", "data"}
        if file.name == "train.json":
            added.add("performance")
        plain = {key: value for key, value in content.items() if key not in added}
        file.write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n")


def killed_while_encoding(
    words: list, shards: str, cwd: Path, code: str = forks.COMMAND, within: float = 120
) -> int | None:
    """Start a command and kill it once a folder matches ``shards``; return its exit status."""
    process = forks.start(code, *words, cwd=cwd)
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and process.is_alive():
        if list(cwd.glob(shards)):
            process.kill()
        time.sleep(0.005)
    process.join()
    return process.exitcode


def digest(folder: Path) -> dict[str, str]:
    """Return the checksum of every file below a folder but its locks, by name."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


def _checked(done: subprocess.CompletedProcess, code: int) -> subprocess.CompletedProcess:
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def train_tiny(root: Path, placement: str = "1,2", task: str = TINY_TASK, seed: int = 0):
    """Train a run of three layers for one epoch."""
    from alignkit.chain.train import train
    from alignkit.runs import Training, resolve_config

    return train(resolve_config(task, placement, TINY_MODEL, Training(epochs=1), seed), root)
