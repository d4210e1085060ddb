"""How studies are printed: their runs, steps and analyses, and what remains to be done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.cli.attempts import by_reason
from alignkit.cli.printing import console

if TYPE_CHECKING:
    from alignkit.studies import Plan
    from alignkit.studies.estimate import Estimate
    from alignkit.studies.plan import Planned

COLUMNS = ("run", "starts from", "train", "evaluate", "extract", "measure")


def show_plan(chosen: "Plan", left: "Estimate") -> None:
    """Print the runs of a study, their states, and an estimate of the remaining work."""
    rows = [run_row(planned) for planned in chosen.runs]
    shown = [
        {"run": row["run"], "starts from": row["init"]} | _states(row)
        for row in rows
        if not row["problem"]
    ]
    if shown:
        columns = [name for name in COLUMNS if any(row.get(name) for row in shown)]
        console.print_table(shown, columns)
    for row in one_per_reason([row for row in rows if row["problem"]], "problem"):
        console.note(f"problem of {row['run']}: {row['problem']}")
    note_few_samples(chosen)
    note_stale(chosen)
    console.print_text(summary(chosen))
    if chosen.analyses:
        states = (f"{analysis.name} {analysis.state}" for analysis in chosen.analyses)
        console.print_text(f"analyses: {', '.join(states)}")
    if left.seconds:
        console.print_text(
            f"remaining: about {_duration(left.wall_seconds)} (estimated from {left.seconds_from}) "
            f"and {_size(left.bytes)} of disk space (estimated from {left.bytes_from}; "
            f"{_size(left.free_bytes)} free)"
        )
    if left.bytes > left.free_bytes:
        console.note(f"note: only {_size(left.free_bytes)} of disk space are free")


def one_per_reason(rows: Sequence[dict[str, Any]], reason: str) -> list[dict[str, Any]]:
    """Return one row per reason, named after the first of the runs that share it."""
    grouped = by_reason((row["run"], row[reason]) for row in rows)
    return [{"run": names, reason: text} for names, text, _ in grouped]


def note_few_samples(chosen: "Plan") -> None:
    """Say of which splits all samples are measured, as there are fewer than asked for."""
    for few in chosen.few_samples:
        console.note(
            f"note: {few.task} has {few.n} {few.split} samples, fewer than samples = {few.samples} "
            "in [measure]; all are used"
        )


def note_stale(chosen: "Plan") -> None:
    """Say of which trained runs the pictures, plugins or initial weights have changed since."""
    rows = [{"run": run.name, "stale": run.stale} for run in chosen.runs if run.stale]
    for row in one_per_reason(rows, "stale"):
        console.note(
            f"note: {row['run']}: trained already, but {row['stale']}; to train again: alignkit "
            "runs verify --repair --retrain, then run the study"
        )


def explain_steps(chosen: "Plan") -> None:
    """Say why each step and each analysis is to be done or not, where that was asked for."""
    reporter = console.TerminalReporter()
    for planned in chosen.runs:
        for step in planned.steps:
            why = step.why or "it is done"
            if step.name == "train" and not step.why:
                why += f", although {planned.stale}" if planned.stale else ""
            reporter.explain(f"{step.name} of {planned.name}", bool(step.why), why)
    for analysis in chosen.analyses:
        reporter.explain(analysis.name, bool(analysis.why), analysis.why or "it is done")


def run_row(planned: "Planned") -> dict[str, Any]:
    """Return a run of the plan as plain values."""
    config = planned.config
    return {
        "run": planned.name,
        "identity": config.identity if config else None,
        "task": config.task.name if config else planned.entry.task,
        "placement": config.placement.name if config else planned.entry.placement,
        "seed": planned.entry.seed,
        "pretrains": planned.pretrains,
        "init": planned.first.name if planned.first else None,
        "state": planned.state,
        "steps": {step.name: step.state for step in planned.steps},
        "stale": planned.stale,
        "problem": planned.error,
    }


def analysis_rows(chosen: "Plan") -> list[dict[str, Any]]:
    """Return the analyses of the plan as plain values."""
    return [
        {"analysis": analysis.name, "state": analysis.state, "problem": analysis.error}
        for analysis in chosen.analyses
    ]


def _states(row: dict[str, Any]) -> dict[str, str]:
    """Return the state of each kind of step: the worst of all its steps."""
    states: dict[str, str] = {}
    for name, state in row["steps"].items():
        worst = ("failed", "missing", "done")
        kind = name.split()[0]
        states[kind] = min(state, states.get(kind, "done"), key=worst.index)
    return states


def step_counts(chosen: "Plan") -> list[dict[str, Any]]:
    """Return how many runs have done, lack or failed each step."""
    counts: dict[str, dict[str, Any]] = {}
    for planned in chosen.runs:
        for step in planned.steps:
            row = counts.setdefault(
                step.name, {"step": step.name, "done": 0, "missing": 0, "failed": 0}
            )
            row[step.state] += 1
    return list(counts.values())


def totals(chosen: "Plan") -> dict[str, int]:
    """Return the number of runs in each state."""
    states = [planned.state for planned in chosen.runs]
    return {state: states.count(state) for state in ("done", "missing", "failed", "unresolved")}


def summary(chosen: "Plan") -> str:
    """Return one line on how many runs are in which state."""
    words = {"unresolved": "cannot start"}
    parts = [f"{n} {words.get(state, state)}" for state, n in totals(chosen).items() if n]
    return f"{len(chosen.runs)} run{'s' * (len(chosen.runs) != 1)}: {', '.join(parts)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 72 else f"{hours / 24:,.0f} days"


def _size(size: int) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
