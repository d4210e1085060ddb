"""A step for each of several runs: those for which it fails are named, and the others go on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from alignkit.errors import AlignkitError, in_one_line
from alignkit.signals import Terminated

if TYPE_CHECKING:
    from alignkit.runs import Run

Failure = tuple["Run", Exception]
Result = TypeVar("Result")


@dataclass
class Attempts(Generic[Result]):
    """What a step gave for each run, and why it failed for others.

    Attributes
    ----------
    runs : list of Run
        Those for which it succeeded.
    results : list
        One of each.
    failures : list of (Run, Exception)
    """

    runs: "list[Run]" = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def fail_if_any(self) -> None:
        """End the command with an error if the step failed for any run; they are named already.

        Raises
        ------
        AlignkitError
            With the number of runs.
        """
        if self.failures:
            total = len(self.runs) + len(self.failures)
            raise AlignkitError(f"{len(self.failures)} of {count_runs(total)} failed (named above)")


def attempted(
    runs: "Sequence[Run]", step: "Callable[[Run], Result]", complain: bool = True
) -> Attempts[Result]:
    """Do a step for each run; name those for which it fails, and go on with the others.

    Parameters
    ----------
    runs : sequence of Run
    step : callable
    complain : bool
        Say that runs failed, rather than that they are left out.

    Raises
    ------
    AlignkitError
        The first failure, when the step fails for every run.
    """
    from alignkit.cli.printing import console

    done: Attempts[Result] = Attempts()
    for run in runs:
        try:
            done.results.append(step(run))
        except (KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:  # a plugin may end as if it were a program
            if console.settings.debug:
                raise
            failure = error if isinstance(error, Exception) else AlignkitError(in_one_line(error))
            done.failures.append((run, failure))
        else:
            done.runs.append(run)
    if done.failures and not done.runs and len(_reasons(done.failures)) == 1:
        raise _of_alignkit(done.failures[0][1])
    note_failures(done.failures, len(runs), "failed" if complain else "left out")
    if done.failures and not done.runs:
        raise AlignkitError(f"all {len(runs)} runs failed (named above)")
    return done


def _of_alignkit(error: Exception) -> Exception:
    """Return an error as one line; errors of others name their kind."""
    if isinstance(error, (AlignkitError, OSError)):
        return error
    return AlignkitError(in_one_line(error))


def by_reason(failures: Iterable[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Group failures that have one reason.

    Parameters
    ----------
    failures : iterable of (str, str)
        The name of what failed, and the reason.

    Returns
    -------
    list of (str, str, int)
        The first name with the number of others (``a and 2 more``), the reason, and how many.
    """
    names: dict[str, list[str]] = {}
    for name, reason in failures:
        names.setdefault(reason, []).append(name)
    return [
        (first + (f" and {len(others)} more" if others else ""), reason, 1 + len(others))
        for reason, (first, *others) in names.items()
    ]


def _reasons(failures: Sequence[Failure]) -> list[tuple[str, str, int]]:
    return by_reason(
        (str(run.path), str(_of_alignkit(error)).removeprefix(f"{run.path}: "))
        for run, error in failures
    )


def note_failures(failures: Sequence[Failure], total: int, verb: str = "left out") -> None:
    """Name the runs of every reason in one line, and count them."""
    from alignkit.cli.printing import console

    for names, reason, count in _reasons(failures):
        console.complain(f"{names} {_is(count, verb)}: {reason}")
    if failures and verb == "left out":
        console.complain(f"{len(failures)} of {count_runs(total)} {_is(len(failures), verb)}")


def note_damaged(run: "Run", error: AlignkitError) -> None:
    """Say that a run is left out, as its files cannot be read."""
    from alignkit.cli.printing import console

    console.complain(f"{run.path} is left out: {error}")


def _is(count: int, verb: str) -> str:
    return verb if verb == "failed" else f"{'is' if count == 1 else 'are'} {verb}"


def count_runs(count: int) -> str:
    """Return a number of runs in words: ``1 run``, ``3 runs``."""
    return f"{count} run{'s' * (count != 1)}"
