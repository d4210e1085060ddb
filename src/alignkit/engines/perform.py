"""Run one job: in this process, in another one, or on another machine."""

from __future__ import annotations

import importlib
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alignkit.engines.job import Job, Outcome
from alignkit.errors import AlignkitError, DataError, in_one_line
from alignkit.plugins.load import PLUGINS_VARIABLE, extra_plugin_files, registry, use_plugin_files
from alignkit.progress import Reporter, explain_units, is_explaining, reporting_to
from alignkit.signals import Terminated

# Random generators and numbers of threads belong to the process, so its jobs take turns.
_turn = threading.Lock()


class Notes(Reporter):
    """Collects notes, so that another process can show them.

    Attributes
    ----------
    said : list of str
    """

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note."""
        self.said.append(text)


def perform(job: Job, reporter: Reporter) -> Outcome:
    """Run a job in this process; an error becomes part of the outcome."""
    started = time.perf_counter()
    try:
        with _turn, _threads(job.threads), reporting_to(reporter):
            value = _function(job.work)(**job.arguments, reporter=reporter)
        return Outcome(job, value=value, seconds=time.perf_counter() - started)
    except (KeyboardInterrupt, Terminated):  # this process was told to end: no fault of the job
        raise
    except BaseException as error:  # a plugin may end as if it were a program
        return Outcome(
            job,
            "failed",
            kind=type(error).__name__,
            error=in_one_line(error),
            traceback=traceback.format_exc(),
            seconds=time.perf_counter() - started,
        )


def perform_elsewhere(job: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Run a job in a process started for this: plain values in, plain values out.

    Parameters
    ----------
    job : mapping
        The fields of a ``Job``.
    place : mapping
        As from ``this_place`` in the process that submitted the job.

    Returns
    -------
    dict
        The fields of an ``Outcome``, to be read by ``outcome_from``.
    """
    notes = Notes()
    rebuilt = Job(**{**job, "after": tuple(job["after"])})
    try:
        _settle(place)
    except AlignkitError as error:
        outcome = Outcome(rebuilt, "failed", error=str(error), kind=type(error).__name__)
    else:
        outcome = perform(rebuilt, notes)
    return asdict(outcome) | {"notes": notes.said}


def outcome_from(job: Job, fields: Mapping[str, Any]) -> Outcome:
    """Return the outcome that ``perform_elsewhere`` described."""
    return Outcome(**{**fields, "job": job, "notes": tuple(fields["notes"])})


def this_place() -> dict[str, Any]:
    """Return what another process must know to work as this one does, such as the plugins."""
    return {
        "explains": is_explaining(),
        "folder": str(Path.cwd()),
        "plugins": os.environ.get(PLUGINS_VARIABLE),
        "plugin_files": [str(Path(file).resolve()) for file in extra_plugin_files()],
    }


def _settle(place: Mapping[str, Any]) -> None:
    explain_units(place["explains"])
    if str(Path.cwd()) != place["folder"]:
        try:
            os.chdir(place["folder"])
        except OSError as error:
            raise DataError(
                f"a worker cannot change to the folder {place['folder']}: {error.strerror}; "
                "workers must see the same file system as the command"
            ) from None
    files = [Path(file) for file in place["plugin_files"]]
    if files != extra_plugin_files():
        use_plugin_files(files)
    if os.environ.get(PLUGINS_VARIABLE) != place["plugins"]:
        os.environ.pop(PLUGINS_VARIABLE, None)
        if place["plugins"] is not None:
            os.environ[PLUGINS_VARIABLE] = place["plugins"]
        registry.cache_clear()


def _function(work: str) -> Callable[..., Any]:
    module, _, name = work.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Fix the number of threads of every numerical library within a block."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    try:
        with threadpool_limits(number):
            torch.set_num_threads(number)
            yield
    finally:
        torch.set_num_threads(before)
