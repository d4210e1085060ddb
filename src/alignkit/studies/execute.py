"""Execute a plan: hand its jobs to an engine, record their outcomes, and report them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from alignkit.engines import Engine, Job, Outcome, run_jobs
from alignkit.progress import SILENT, Reporter
from alignkit.studies.analyses import REPORT
from alignkit.studies.plan import Plan, Planned, Step


def execute(plan: Plan, engine: Engine, retry: bool = False, reporter: Reporter = SILENT) -> int:
    """Run every step of a plan that is missing; a run that fails does not stop the others.

    Parameters
    ----------
    plan : Plan
    engine : Engine
    retry : bool
        Also retry steps that have failed before.

    Returns
    -------
    int
        Number of jobs that succeeded.
    """
    pending = {job.name: (planned, step) for planned, step, job in plan.units(retry)}
    jobs = [job for _, _, job in plan.units(retry)]
    for planned, step in pending.values():
        if step.state == "failed" and planned.config is not None:
            plan.records.forget(planned.config, step.name)
    done = 0
    for outcome in _outcomes(jobs, [], engine, reporter):
        planned, step = pending[outcome.job.name]
        _record(plan, planned, step, outcome)
        done += outcome.state == "done"
    return done


def analyse(plan: Plan, engine: Engine, retry: bool = False, reporter: Reporter = SILENT) -> None:
    """Run every analysis that lacks its result; one that fails does not stop the others.

    The report is made when all others have ended, as it shows what they wrote.
    """
    pending = {analysis.name: analysis for analysis in plan.analyses_to_do(retry)}
    jobs = [analysis.unit for analysis in pending.values()]
    last = [job for job in jobs if job.name == REPORT]
    for outcome in _outcomes([job for job in jobs if job not in last], last, engine, reporter):
        pending[outcome.job.name].add(outcome)


def _outcomes(
    jobs: Sequence[Job], last: Sequence[Job], engine: Engine, reporter: Reporter
) -> Iterator[Outcome]:
    """Run jobs, the last ones when all others have ended, and yield their outcomes.

    Each is reported after the caller has recorded it.
    """
    several = engine.slots > 1  # with one slot, jobs show progress bars of their own
    total = len(jobs) + len(last)
    with (reporter if several else SILENT).progress("study", total) as bar:
        ended = chain.from_iterable(run_jobs(wave, engine) for wave in (jobs, last))
        for number, outcome in enumerate(ended, 1):
            yield outcome
            _report(outcome, f"{number}/{total}", reporter)
            bar.advance()


def failed(runs: Sequence[Planned]) -> list[Planned]:
    """Return the runs that failed or cannot start."""
    return [planned for planned in runs if planned.state in ("failed", "unresolved")]


def without_result(plan: Plan) -> list[str]:
    """Return the steps and analyses that a study which has ended should have completed.

    Those of runs that failed, or that start from one, are left out.
    """
    steps = [f"{planned.name}, {step.name}" for planned, step, _ in plan.units()]
    # Analyses wait for steps, so theirs would only repeat it.
    return list(dict.fromkeys(steps)) or [each.name for each in plan.analyses_to_do()]


def _record(plan: Plan, planned: Planned, step: Step, outcome: Outcome) -> None:
    if planned.config is not None and outcome.state != "skipped":
        plan.records.add(planned.config, step.name, outcome)


def _report(outcome: Outcome, position: str, reporter: Reporter) -> None:
    for note in outcome.notes:
        reporter.note(note)
    ending = f"{outcome.seconds:.1f} s" if outcome.state == "done" else outcome.error
    if outcome.state == "failed":
        reporter.complain(f"[{position}] {outcome.job.name}: failed: {ending}")
    else:
        reporter.note(f"[{position}] {outcome.job.name}: {ending}")
