"""What a step reports while it works, on stderr: notes and progress bars."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol, TypeVar

from alignkit.errors import AlignkitError, DataError

Item = TypeVar("Item")
Found = TypeVar("Found")


class Progress(Protocol):
    """A progress bar, advanced by the code that does the work."""

    def advance(self, steps: float = 1) -> None:
        """Move the bar forward by this many of its steps."""

    def describe(self, text: str) -> None:
        """Replace the text beside the bar."""


class Reporter:
    """A reporter that tells nobody; the command line passes one that prints."""

    def note(self, text: str) -> None:
        """Report one line."""

    def complain(self, text: str) -> None:
        """Report in one line what failed, or is damaged; it is said with --quiet too."""
        self.note(text)

    def explain(self, unit: str, is_done: bool, why: str) -> None:
        """Report why a unit of work is done or not, where that was asked for.

        Parameters
        ----------
        unit : str
            Such as ``evaluate runs/toy_match/late/seed0 on test``.
        is_done : bool
        why : str
            A clause.
        """
        if is_explaining():
            self.note(f"{unit}: {'done' if is_done else 'not done again'}, as {why}")

    def left_out(self, name: str, error: Exception) -> None:
        """Report that a metric, run or model is left out, and why.

        Errors that begin with its name drop it; those of files are said with --quiet too.
        """
        say = self.complain if isinstance(error, DataError) else self.note
        say(left_out_line(name, error))

    def unmeasured(self, errors: Mapping[str, Exception], lenient: bool) -> None:
        """Report why metrics are not among the results: left out if lenient, else failed."""
        for spec, error in errors.items():
            if lenient:
                self.left_out(spec, error)
            else:
                self.failed(spec, error)

    def failed(self, spec: str, error: Exception) -> None:
        """Report that a metric failed, once all others are measured; unless shown, it is raised.

        Raises
        ------
        Exception
            The error.
        """
        del spec
        raise error

    def measured_again(self, spec: str, file: str, values: int, why: str, brief: str) -> None:
        """Report that stored values are measured again, since something else computed them.

        Parameters
        ----------
        spec : str
            The metric.
        file : str
            Where the values are stored.
        values : int
            How many.
        why, brief : str
            The reason, as a sentence of its own and beside the name of the metric.
        """
        del brief
        self.note(f"note: {values} stored value(s) of {spec} in {file} are measured again: {why}")

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Progress]:
        """Show a progress bar until the block ends.

        Parameters
        ----------
        text : str
            Shown beside the bar.
        total : int
            The number of steps at which the bar is full.
        """
        del text, total
        yield _NoProgress()


class _NoProgress:
    def advance(self, steps: float = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


def left_out_line(name: str, error: Exception) -> str:
    """Return that something is left out, and why; errors that begin with its name drop it."""
    reason = str(error).removeprefix(f"{name}: ")
    return f"note: {name} is left out: {reason}"


class _Silent(Reporter):
    def complain(self, text: str) -> None:
        warnings.warn(text.removeprefix("note: "), stacklevel=2)


SILENT = _Silent()  # says only what failed or is damaged, as a warning of Python


def of_each(
    items: Iterable[Item],
    of: Callable[[Item], Found],
    name: Callable[[Item], str],
    reporter: Reporter = SILENT,
    *,
    errors: type[AlignkitError] = AlignkitError,
    needed: bool = True,
) -> list[tuple[Item, Found]]:
    """Return what is found of each item; those of which nothing can be are left out, and named.

    Parameters
    ----------
    items : iterable
        Such as runs.
    of : callable
        May raise an error, which leaves out an item.
    name : callable
        Gives what an item is called where it is left out.
    reporter : Reporter
    errors : type
        The errors that leave out an item; others are raised at once.
    needed : bool
        Whether something must be found.

    Raises
    ------
    AlignkitError
        The first, when nothing is found although it is needed.
    """
    found: list[tuple[Item, Found]] = []
    failed: list[tuple[Item, AlignkitError]] = []
    for item in items:
        try:
            found.append((item, of(item)))
        except errors as error:
            failed.append((item, error))
    if needed and failed and not found:
        raise failed[0][1]
    for item, reason in failed:
        reporter.left_out(name(item), reason)
    return found


_reporter: list[Reporter] = [SILENT]
_explains = [False]


def explain_units(wanted: bool = True) -> None:
    """Set whether this process says of every unit of work why it is done or not."""
    _explains[0] = wanted


def is_explaining() -> bool:
    """Whether this process says of every unit of work why it is done or not."""
    return _explains[0]


def report_to(reporter: Reporter) -> None:
    """Set the reporter of code that is not given one, such as a task that reads its data."""
    _reporter[0] = reporter


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Do what ``report_to`` does while the block runs."""
    before = current_reporter()
    report_to(reporter)
    try:
        yield
    finally:
        report_to(before)


def current_reporter() -> Reporter:
    """Return the reporter of code that is not given one; silent unless ``report_to`` set it."""
    return _reporter[0]
