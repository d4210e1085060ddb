"""Carrying out a plan: units to an engine, outcomes to the records, words to the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignkit.engines import Engine, Job, Outcome, run_jobs
from alignkit.progress import SILENT, Reporter
from alignkit.studies.plan import Plan, Planned, Step


def execute(plan: Plan, engine: Engine, retry: bool = False, reporter: Reporter = SILENT) -> int:
    """Do everything of a plan that is missing; a run that fails stops no other.

    Parameters
    ----------
    plan : Plan
    engine : Engine
    retry : bool
        Also try anew what failed before.

    Returns
    -------
    int
        How many units were done.
    """
    todo = {unit.name: (planned, step) for planned, step, unit in plan.units(retry)}
    units = [unit for _, _, unit in plan.units(retry)]
    for planned, step in todo.values():
        if step.state == "failed" and planned.config is not None:
            plan.records.forget(planned.config, step.name)
    done = 0
    for outcome in _ends(units, engine, reporter):
        planned, step = todo[outcome.job.name]
        _record(plan, planned, step, outcome)
        done += outcome.state == "done"
    return done


def analyse(plan: Plan, engine: Engine, retry: bool = False, reporter: Reporter = SILENT) -> None:
    """Do every analysis that lacks its result; one that fails stops no other."""
    todo = {analysis.name: analysis for analysis in plan.analyses_to_do(retry)}
    for outcome in _ends([analysis.unit for analysis in todo.values()], engine, reporter):
        todo[outcome.job.name].add(outcome)


def _ends(units: Sequence[Job], engine: Engine, reporter: Reporter) -> Iterator[Outcome]:
    """Run units, and say how each ended once that is taken down."""
    several = engine.slots > 1  # with one slot, units show bars of their own
    with (reporter if several else SILENT).progress("study", len(units)) as bar:
        for number, outcome in enumerate(run_jobs(units, engine), 1):
            yield outcome
            _say(outcome, f"{number}/{len(units)}", reporter)
            bar.advance()


def failed(runs: Sequence[Planned]) -> list[Planned]:
    """Runs that failed or cannot be begun."""
    return [planned for planned in runs if planned.state in ("failed", "unresolved")]


def _record(plan: Plan, planned: Planned, step: Step, outcome: Outcome) -> None:
    if planned.config is not None and outcome.state != "skipped":
        plan.records.add(planned.config, step.name, outcome)


def _say(outcome: Outcome, position: str, reporter: Reporter) -> None:
    for note in outcome.notes:
        reporter.note(note)
    ending = f"{outcome.seconds:.1f} s" if outcome.state == "done" else outcome.error
    if outcome.state == "failed":
        ending = f"failed: {ending}"
    reporter.note(f"[{position}] {outcome.job.name}: {ending}")
