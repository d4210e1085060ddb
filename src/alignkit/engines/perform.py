"""Doing one unit, wherever that is: in this process, in another, on another machine."""

from __future__ import annotations

import importlib
import os
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignkit.engines.job import Job, Outcome
from alignkit.errors import AlignkitError, DataError
from alignkit.plugins.load import PLUGINS_VARIABLE, extra_plugin_files, registry, use_plugin_files
from alignkit.progress import Reporter

# Random generators and numbers of threads belong to the process, so units take turns in one.
_turn = threading.Lock()


class Notes(Reporter):
    """Keeps what is said, to be told where someone listens."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def perform(job: Job, reporter: Reporter) -> Outcome:
    """Do a unit in this process; an error becomes part of the outcome."""
    started = time.perf_counter()
    try:
        with _turn, _threads(job.threads):
            value = _function(job.work)(**job.arguments, reporter=reporter)
        return Outcome(job, value=value, seconds=time.perf_counter() - started)
    except Exception as error:
        ours = isinstance(error, AlignkitError)
        return Outcome(
            job,
            "failed",
            kind=type(error).__name__,
            error=str(error) if ours else f"{type(error).__name__}: {error}".replace("\n", " "),
            traceback=traceback.format_exc(),
            seconds=time.perf_counter() - started,
        )


def perform_elsewhere(job: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Do a unit in a process that was started for it: plain values in, plain values out."""
    notes = Notes()
    taken = Job(**{**job, "after": tuple(job["after"])})
    try:
        _settle(place)
    except AlignkitError as error:
        outcome = Outcome(taken, "failed", error=str(error), kind=type(error).__name__)
    else:
        outcome = perform(taken, notes)
    return asdict(outcome) | {"notes": notes.said}


def outcome_from(job: Job, told: Mapping[str, Any]) -> Outcome:
    """Read back what ``perform_elsewhere`` gave."""
    return Outcome(**{**told, "job": job, "notes": tuple(told["notes"])})


def this_place() -> dict[str, Any]:
    """What another process must know to work as this one does: folder and plugins."""
    return {
        "folder": os.getcwd(),
        "plugins": os.environ.get(PLUGINS_VARIABLE),
        "plugin_files": [str(Path(file).resolve()) for file in extra_plugin_files()],
    }


def _settle(place: Mapping[str, Any]) -> None:
    if os.getcwd() != place["folder"]:
        try:
            os.chdir(place["folder"])
        except OSError as error:
            raise DataError(
                f"a worker cannot work in {place['folder']}: {error.strerror}; workers need the "
                "same file system as the command"
            ) from None
    files = [Path(file) for file in place["plugin_files"]]
    if files != extra_plugin_files():
        use_plugin_files(files)
    if os.environ.get(PLUGINS_VARIABLE) != place["plugins"]:
        os.environ.pop(PLUGINS_VARIABLE, None)
        if place["plugins"] is not None:
            os.environ[PLUGINS_VARIABLE] = place["plugins"]
        registry.cache_clear()


def _function(work: str) -> Any:
    module, _, name = work.partition(":")
    return getattr(importlib.import_module(module), name)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Fix the threads of every numerical library for a while."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    try:
        with threadpool_limits(number):
            torch.set_num_threads(number)
            yield
    finally:
        torch.set_num_threads(before)
