"""A step for each of several runs: those for which it fails are named, and the others go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from alignkit.errors import AlignkitError, in_one_line

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
        except Exception as error:
            if console.settings.debug:
                raise
            done.failures.append((run, error))
        else:
            done.runs.append(run)
    if done.failures and not done.runs and len(_by_reason(done.failures)) == 1:
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


def _by_reason(failures: Sequence[Failure]) -> "dict[str, list[Run]]":
    reasons: dict[str, list[Run]] = {}
    for run, error in failures:
        reason = str(_of_alignkit(error)).removeprefix(f"{run.path}: ")
        reasons.setdefault(reason, []).append(run)
    return reasons


def note_failures(failures: Sequence[Failure], total: int, verb: str = "left out") -> None:
    """Name the runs of every reason in one line, and count them."""
    from alignkit.cli.printing import console

    for reason, runs in _by_reason(failures).items():
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        console.note(f"{runs[0].path}{more} {_is(len(runs), verb)}: {reason}")
    if failures and verb == "left out":
        console.note(f"{len(failures)} of {count_runs(total)} {_is(len(failures), verb)}")


def note_damaged(run: "Run", error: AlignkitError) -> None:
    """Say that a run is left out, as its files cannot be read."""
    from alignkit.cli.printing import console

    console.note(f"{run.path} is left out: {error}")


def _is(count: int, verb: str) -> str:
    return verb if verb == "failed" else f"{'is' if count == 1 else 'are'} {verb}"


def count_runs(count: int) -> str:
    """Return a number of runs in words: ``1 run``, ``3 runs``."""
    return f"{count} run{'s' * (count != 1)}"
