"""``alignkit study``: many runs, described by one file."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import Json

if TYPE_CHECKING:
    from alignkit.engines import Engine
    from alignkit.studies import Plan

Option = typer.Option
File = Annotated[Path, typer.Argument(metavar="FILE", help="The study, a TOML file.")]
Runs = Annotated[Path | None, Option("--runs", help="The folder of runs, instead of the file's.")]
EngineName = Annotated[str | None, Option("--engine", help="local or dask.")]
Jobs = Annotated[int | None, Option("--jobs", "-j", help="Local: units side by side.")]
Workers = Annotated[int | None, Option(help="Dask: processes of a local cluster, or jobs.")]
Scheduler = Annotated[
    str | None, Option(metavar="ADDRESS", help="Dask: a scheduler that runs, tcp:// or tls://.")
]
Gpus = Annotated[int | None, Option(help="GPUs that a training or extraction takes.")]
Trust = Annotated[
    bool, Option("--trust-network", help="Dask: a scheduler elsewhere may do without TLS.")
]
Outputs = Annotated[
    Path | None, Option("--output", "-o", help="The folder of tables, instead of the file's.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    study = typer.Typer(
        no_args_is_help=True, help="Run many trainings that one file describes, and analyse them."
    )
    for command in (run, plan, status, retry):
        study.command()(command)
    app.add_typer(study, name="study", rich_help_panel="Many runs")


def run(
    file: File,
    runs: Runs = None,
    output: Outputs = None,
    engine: EngineName = None,
    jobs: Jobs = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    trust_network: Trust = False,
    json: Json = False,
) -> None:
    """Train, score, extract and measure what is missing; then correlate and report.

    What is done is kept, whenever it was done. A run that fails stops no other: it is
    recorded, and left alone until `alignkit study retry`. Prints the files of the analysis.

    Examples: alignkit study run examples/toy_study.toml --jobs 2

    alignkit study run study.toml --engine dask --workers 8
    """
    _run(
        file,
        runs,
        output,
        json,
        retry=False,
        name=engine,
        jobs=jobs,
        workers=workers,
        scheduler=scheduler,
        gpus=gpus,
        trust_network=trust_network or None,
    )


def retry(
    file: File,
    runs: Runs = None,
    output: Outputs = None,
    engine: EngineName = None,
    jobs: Jobs = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    trust_network: Trust = False,
    json: Json = False,
) -> None:
    """Try anew what failed, and go on with what is missing.

    Example: alignkit study retry study.toml
    """
    _run(
        file,
        runs,
        output,
        json,
        retry=True,
        name=engine,
        jobs=jobs,
        workers=workers,
        scheduler=scheduler,
        gpus=gpus,
        trust_network=trust_network or None,
    )


def plan(
    file: File, runs: Runs = None, jobs: Jobs = None, workers: Workers = None, json: Json = False
) -> None:
    """Show every run of a study, what of it is done, and what the rest will take.

    Example: alignkit study plan examples/study.toml
    """
    from alignkit.cli import console
    from alignkit.studies.estimate import estimate

    chosen = _plan(file, runs, jobs=jobs, workers=workers)
    engine = chosen.study.engine
    left = estimate(chosen, engine.workers if engine.name == "dask" else engine.jobs)
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "runs": [_row(planned) for planned in chosen.runs],
                "analyses": _analysed(chosen),
                "estimate": vars(left),
            }
        )
        return
    rows = [_row(planned) for planned in chosen.runs]
    columns = ["run", "starts from", "train", "evaluate", "extract", "measure", "problem"]
    shown = [
        {"run": row["run"], "starts from": row["init"], "problem": row["problem"].split(";")[0]}
        | _states(row)
        for row in rows
    ]
    console.print_table(shown, [c for c in columns if any(row.get(c) for row in shown)])
    for problem in dict.fromkeys(row["problem"] for row in rows if row["problem"]):
        console.note(f"problem: {problem}")
    print(_summary(chosen))
    if chosen.analyses:
        print("analyses: " + ", ".join(f"{one.name} {one.state}" for one in chosen.analyses))
    if left.seconds:
        print(
            f"to do: about {_duration(left.wall_seconds)} (from {left.seconds_from}) and "
            f"{_size(left.bytes)} of disk (from {left.bytes_from}; {_size(left.free_bytes)} free)"
        )
    if left.bytes > left.free_bytes:
        console.note(f"note: the disk has {_size(left.free_bytes)} free, less than is needed")


def status(file: File, runs: Runs = None, json: Json = False) -> None:
    """Count what is done, step by step, and say what failed and why.

    Example: alignkit study status study.toml
    """
    from alignkit.cli import console
    from alignkit.studies.execute import failed

    chosen = _plan(file, runs)
    counts = _counts(chosen)
    failures = [{"run": p.name, "error": p.error} for p in failed(chosen.runs)]
    analyses = _analysed(chosen)
    failures += [
        {"run": one["analysis"], "error": one["problem"]}
        for one in analyses
        if one["state"] == "failed"
    ]
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "active": chosen.records.is_held,
                "runs": _totals(chosen),
                "steps": counts,
                "analyses": analyses,
                "failed": failures,
            }
        )
        return
    counts += [{"step": one["analysis"], one["state"]: 1} for one in analyses]
    console.print_table(counts, ["step", "done", "missing", "failed"])
    if failures:
        console.print_table(failures, ["run", "error"])
    running = "; a process is running it now" if chosen.records.is_held else ""
    print(_summary(chosen) + running)


def _run(
    file: Path, runs: Path | None, output: Path | None, json: bool, retry: bool, **engine: Any
) -> None:
    from alignkit.cli import console
    from alignkit.studies.analyses import check_analyses
    from alignkit.studies.execute import analyse, execute

    chosen = _plan(file, runs, output, **engine)
    check_analyses(chosen.study, next((p.config for p in chosen.runs if p.config), None))
    console.note(f"{chosen.study.name}: {_summary(chosen)}")
    with chosen.records.held(), _opened_when_needed(chosen) as opened:
        # Another process may have worked on it meanwhile.
        chosen = _plan(file, runs, output, **engine)
        if any(chosen.units(retry)):
            execute(chosen, opened(), retry, console.TerminalReporter())
            chosen = _plan(file, runs, output, **engine)
        if chosen.analyses_to_do(retry):
            complete, asked = len(chosen.complete), len(chosen.to_analyse)
            if complete < asked:
                console.note(f"note: analysed are the {complete} runs of {asked} that are done")
            analyse(chosen, opened(), retry, console.TerminalReporter())
    written = [file for analysis in chosen.analyses for file in analysis.shown]
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "runs": [_row(planned) for planned in chosen.runs],
                "analyses": _analysed(chosen),
                "written": written,
            }
        )
    else:
        for path in written:
            print(path)
    _fail_if_any(chosen, file)


def _fail_if_any(chosen: "Plan", file: Path) -> None:
    """List what failed; the command then ends with an error."""
    from alignkit.cli import console
    from alignkit.errors import AlignkitError
    from alignkit.studies.execute import failed

    runs = failed(chosen.runs)
    analyses = [analysis for analysis in chosen.analyses if analysis.state == "failed"]
    for name, error in [(one.name, one.error) for one in runs] + [
        (one.name, one.error) for one in analyses
    ]:
        console.note(f"  {name}: {error}")
    lost = [f"{len(runs)} of {len(chosen.runs)} runs"] if runs else []
    lost += [f"{len(analyses)} of {len(chosen.analyses)} analyses"] if analyses else []
    if lost:
        raise AlignkitError(
            f"{' and '.join(lost)} failed (listed above); when the cause is gone: "
            f"alignkit study retry {file}"
        )


@contextmanager
def _opened_when_needed(chosen: "Plan") -> "Iterator[Callable[[], Engine]]":
    """Give what opens the engine, once: jobs of a queue are not asked for where all is done."""
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(closing(_engine(chosen))))


def _plan(
    file: Path, runs: Path | None = None, output: Path | None = None, **engine: Any
) -> "Plan":
    from dataclasses import replace

    from alignkit.errors import UsageError
    from alignkit.studies import make_plan, read_study

    study = read_study(file)
    given = {key: value for key, value in engine.items() if value is not None}
    if "scheduler" in given or "workers" in given:
        given.setdefault("name", "dask")
    study = replace(
        study,
        runs=runs or study.runs,
        output=output or study.output,
        engine=replace(study.engine, **given),
    )
    if study.engine.name not in ("local", "dask"):
        raise UsageError(f"unknown engine '{study.engine.name}'; known: local, dask")
    if study.engine.name == "local" and "jobs" not in given and "workers" in given:
        raise UsageError("--workers belongs to --engine dask; local takes --jobs")
    return make_plan(study, study.engine.gpus)


def _engine(chosen: "Plan") -> "Engine":
    from alignkit.cli import console

    asked = chosen.study.engine
    if asked.name == "local":
        from alignkit.engines.local import local_engine

        return local_engine(asked.jobs, asked.gpus, console.TerminalReporter())
    from alignkit.engines.dask import DaskEngine

    return DaskEngine(
        asked.workers,
        asked.scheduler,
        asked.queue or None,
        asked.gpus,
        asked.trust_network,
        chosen.records.folder / "keys",
        console.TerminalReporter(),
    )


def _row(planned: Any) -> dict[str, Any]:
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
        "problem": planned.error,
    }


def _analysed(chosen: "Plan") -> list[dict[str, Any]]:
    return [
        {"analysis": one.name, "state": one.state, "problem": one.error} for one in chosen.analyses
    ]


def _states(row: dict[str, Any]) -> dict[str, str]:
    """Steps of one kind in one word: the worst of them."""
    found: dict[str, str] = {}
    for name, state in row["steps"].items():
        worst = ("failed", "missing", "done")
        kind = name.split()[0]
        found[kind] = min(state, found.get(kind, "done"), key=worst.index)
    return found


def _counts(chosen: "Plan") -> list[dict[str, Any]]:
    counts: dict[str, dict[str, Any]] = {}
    for planned in chosen.runs:
        for step in planned.steps:
            row = counts.setdefault(
                step.name, {"step": step.name, "done": 0, "missing": 0, "failed": 0}
            )
            row[step.state] += 1
    return list(counts.values())


def _totals(chosen: "Plan") -> dict[str, int]:
    states = [planned.state for planned in chosen.runs]
    return {state: states.count(state) for state in ("done", "missing", "failed", "unresolved")}


def _summary(chosen: "Plan") -> str:
    words = {"unresolved": "cannot be begun"}
    totals = _totals(chosen)
    parts = [f"{n} {words.get(state, state)}" for state, n in totals.items() if n]
    return f"{len(chosen.runs)} runs: {', '.join(parts)}"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _size(size: int) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
