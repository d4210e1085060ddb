"""A job, its outcome, and the interface of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import alignkit.errors as errors


@dataclass(frozen=True)
class Job:
    """A unit of work: a function and plain arguments. Running it twice must do no harm.

    Attributes
    ----------
    name : str
        Unique among the jobs of one call, and meant for people: ``train toy/late/seed0``.
    work : str
        ``"module:function"``; it is also given ``reporter``.
    arguments : mapping
        Its keyword arguments: values that JSON can hold.
    after : tuple of str
        Names of the jobs that must have succeeded first.
    threads : int
        Threads of numerical libraries, on which the last digits of results depend.
    gpus : int
        GPUs that it needs to itself.
    """

    name: str
    work: str
    arguments: Mapping[str, Any]
    after: tuple[str, ...] = ()
    threads: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    state : {'done', 'failed', 'skipped'}
        Skipped: a job that it comes after did not succeed.
    value
        What the function returned: a value that JSON can hold.
    error : str
        The message, in one line.
    kind : str
        The name of the error's class.
    traceback : str
    seconds : float
    notes : tuple of str
        Notes of a job in another process, to be shown by this one.
    """

    job: Job
    state: Literal["done", "failed", "skipped"] = "done"
    value: Any = None
    error: str = ""
    kind: str = ""
    traceback: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def exception(self) -> errors.AlignkitError:
        """Return the error of a failed job, of its own class where alignkit defines that class."""
        own = getattr(errors, self.kind, errors.AlignkitError)
        error = own(self.error)
        if self.traceback:
            error.add_note(self.traceback)
        return error


class Engine(Protocol):
    """Where jobs run. Their order is decided by ``run_jobs``.

    Attributes
    ----------
    slots : int
        How many jobs it takes at a time.
    """

    slots: int

    def submit(self, job: Job) -> None:
        """Accept a job and return at once."""

    def wait(self) -> Outcome:
        """Return the outcome of the next job to end, in whatever order they end."""

    def close(self) -> None:
        """Release all resources and stop the jobs that are running."""
