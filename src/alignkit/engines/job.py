"""A unit of work, what became of it, and what an engine must be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import alignkit.errors as errors


@dataclass(frozen=True)
class Job:
    """A function and plain arguments. Doing it twice must do no harm: engines may have to.

    Attributes
    ----------
    name : str
        Unique among the units of one call, and meant for people: ``train toy/late/seed0``.
    work : str
        ``"module:function"``; it is also given ``reporter``.
    arguments : mapping
        Its keyword arguments: values that JSON can hold.
    after : tuple of str
        Names of the units that must have succeeded first.
    threads : int
        Threads of its sums, on which their last digits depend.
    gpus : int
        GPUs that it needs for itself.
    """

    name: str
    work: str
    arguments: Mapping[str, Any]
    after: tuple[str, ...] = ()
    threads: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a unit.

    Attributes
    ----------
    state : {'done', 'failed', 'skipped'}
        Skipped: something that it comes after did not succeed.
    value
        What the function returned: a value that JSON can hold.
    error : str
        One line.
    kind : str
        The class of the error.
    traceback : str
    seconds : float
    notes : tuple of str
        What was said meanwhile, where nobody could hear it.
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
        """The error of a failed unit, to be raised: of its own class where it is one of ours."""
        own = getattr(errors, self.kind, errors.AlignkitError)
        error = own(self.error)
        if self.traceback:
            error.add_note(self.traceback)
        return error


class Engine(Protocol):
    """Where units run. Their order is the business of ``run_jobs``.

    Attributes
    ----------
    slots : int
        How many units it wants to hold at a time.
    """

    slots: int

    def submit(self, job: Job) -> None:
        """Take a unit; return at once."""

    def wait(self) -> Outcome:
        """Give the next unit that has ended, in whatever order."""

    def close(self) -> None:
        """Let go of everything; units under way are stopped."""
