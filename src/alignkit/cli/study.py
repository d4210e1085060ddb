"""``alignkit study``: many runs, described by one file."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import EXECUTION, OUTPUT, Explain, Json

if TYPE_CHECKING:
    from alignkit.engines import Engine
    from alignkit.studies import Plan

Option = typer.Option
DASK = "Dask"
File = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file that describes the study.")]
Runs = Annotated[
    Path | None,
    Option(
        "--runs",
        metavar="FOLDER",
        help="Folder that holds the runs.",
        show_default="as in FILE",
        rich_help_panel=OUTPUT,
    ),
]
Tables = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Folder for tables and figures.",
        show_default="as in FILE",
        rich_help_panel=OUTPUT,
    ),
]
EngineName = Annotated[
    str | None,
    Option(
        "--engine",
        metavar="ENGINE",
        help="Where jobs run: local or dask.",
        show_default="as in FILE",
        rich_help_panel=EXECUTION,
    ),
]
Jobs = Annotated[
    int | None,
    Option(
        "--jobs",
        "-j",
        metavar="N",
        help="Number of jobs to run in parallel (local engine).",
        show_default="as in FILE",
        rich_help_panel=EXECUTION,
    ),
]
Gpus = Annotated[
    int | None,
    Option(
        metavar="N",
        help="Number of GPUs per training or extraction.",
        show_default="as in FILE",
        rich_help_panel=EXECUTION,
    ),
]
Workers = Annotated[
    int | None,
    Option(
        metavar="N",
        help="Number of Dask workers: processes of a local cluster, or jobs in a queue.",
        show_default="as in FILE",
        rich_help_panel=DASK,
    ),
]
Scheduler = Annotated[
    str | None,
    Option(
        metavar="ADDRESS",
        help="Address of a running Dask scheduler, tcp://... or tls://...",
        show_default="as in FILE",
        rich_help_panel=DASK,
    ),
]
TrustNetwork = Annotated[
    bool,
    Option(
        "--trust-network",
        help="Connect to a scheduler on another machine without TLS.",
        rich_help_panel=DASK,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    study = App(no_args_is_help=True, help="Run and analyse a study: many runs, one file.")
    for command in (run, plan, status, retry):
        study.command()(command)
    app.add_typer(study, name="study", rich_help_panel="Many runs")


def run(
    file: File,
    runs: Runs = None,
    output: Tables = None,
    engine: EngineName = None,
    jobs: Jobs = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    trust_network: TrustNetwork = False,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Train, evaluate, extract and measure what is missing, then run the analyses.

    Existing results are kept. A run that fails does not stop the others; it is recorded and
    skipped until you run alignkit study retry. Prints the files that the analyses wrote.

    Examples: alignkit study run examples/toy_study.toml --jobs 2

    alignkit study run study.toml --engine dask --workers 8
    """
    _run(
        file,
        runs,
        output,
        json,
        explain,
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
    output: Tables = None,
    engine: EngineName = None,
    jobs: Jobs = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    trust_network: TrustNetwork = False,
    json: Json = False,
) -> None:
    """Retry what failed, and continue with what is missing.

    Example: alignkit study retry study.toml
    """
    _run(
        file,
        runs,
        output,
        json,
        False,
        retry=True,
        name=engine,
        jobs=jobs,
        workers=workers,
        scheduler=scheduler,
        gpus=gpus,
        trust_network=trust_network or None,
    )


def plan(
    file: File,
    runs: Runs = None,
    jobs: Jobs = None,
    workers: Workers = None,
    gpus: Gpus = None,
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Show every run of a study, its progress, and an estimate of the remaining work.

    Before any run is done, time and disk space are estimated from the sizes of models and data.

    Example: alignkit study plan examples/study.toml
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.study import analysis_rows, explain_steps, run_row, show_plan
    from alignkit.progress import explain_units
    from alignkit.studies.analyses import check_analyses
    from alignkit.studies.estimate import estimate

    explain_units(explain)
    chosen = _plan(file, runs, jobs=jobs, workers=workers, gpus=gpus)
    check_analyses(chosen.study, [planned.config for planned in chosen.to_analyse])
    engine = chosen.study.engine
    explain_steps(chosen)
    left = estimate(chosen, engine.workers if engine.name == "dask" else engine.jobs)
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "runs": [run_row(planned) for planned in chosen.runs],
                "analyses": analysis_rows(chosen),
                "estimate": vars(left),
            }
        )
        return
    show_plan(chosen, left)


def status(file: File, runs: Runs = None, json: Json = False) -> None:
    """Show the progress of a study by step, and what failed and why.

    Example: alignkit study status study.toml
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.study import (
        analysis_rows,
        one_per_reason,
        step_counts,
        summary,
        totals,
    )
    from alignkit.studies.execute import failed

    chosen = _plan(file, runs)
    counts = step_counts(chosen)
    analyses = analysis_rows(chosen)
    failures = [{"run": run.name, "error": run.error} for run in failed(chosen.runs)]
    failures += [
        {"run": row["analysis"], "error": row["problem"]}
        for row in analyses
        if row["state"] == "failed"
    ]
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "active": chosen.records.is_held,
                "runs": totals(chosen),
                "steps": counts,
                "analyses": analyses,
                "failed": failures,
            }
        )
        return
    counts += [{"step": row["analysis"], row["state"]: 1} for row in analyses]
    console.print_table(counts, ["step", "done", "missing", "failed"])
    if failures:
        console.print_table(one_per_reason(failures, "error"), ["run", "error"])
    running = "; another process is working on it now" if chosen.records.is_held else ""
    console.print_text(summary(chosen) + running)


def _run(
    file: Path,
    runs: Path | None,
    output: Path | None,
    json: bool,
    explain: bool,
    retry: bool,
    **engine: Any,
) -> None:
    from alignkit.cli.printing import console
    from alignkit.cli.printing.study import (
        analysis_rows,
        explain_steps,
        note_few_samples,
        note_stale,
        run_row,
        summary,
    )
    from alignkit.progress import explain_units
    from alignkit.report.index import write_index
    from alignkit.studies.analyses import check_analyses
    from alignkit.studies.execute import analyse, execute

    chosen = _plan(file, runs, output, **engine)
    check_analyses(chosen.study, [planned.config for planned in chosen.to_analyse])
    note_few_samples(chosen)
    note_stale(chosen)
    explain_units(explain)
    explain_steps(chosen)
    explain_units(False)  # it is said of every step, also of those that no job works on
    console.note(f"{chosen.study.name}: {summary(chosen)}")
    with chosen.records.held(), _opened_when_needed(chosen) as opened:
        # Another process may have worked on the study in the meantime.
        chosen = _plan(file, runs, output, **engine)
        if any(chosen.units(retry)):
            execute(chosen, opened(), retry, console.TerminalReporter())
            chosen = _plan(file, runs, output, **engine)
        if chosen.analyses_to_do(retry):
            complete, asked = len(chosen.complete), len(chosen.to_analyse)
            if complete < asked:
                console.note(
                    f"note: only {complete} of {asked} runs are complete; the analyses use those"
                )
            analyse(chosen, opened(), retry, console.TerminalReporter())
    written = [file for analysis in chosen.analyses for file in analysis.shown]
    if written:
        page = write_index(chosen.study.output, f"Results of the study {chosen.study.name}")
        console.note(f"all results: {page}")
    if json:
        console.print_json(
            {
                "study": chosen.study.name,
                "runs": [run_row(planned) for planned in chosen.runs],
                "analyses": analysis_rows(chosen),
                "written": written,
            }
        )
    else:
        for path in written:
            console.print_line(path)
    _fail_if_any(chosen, file)


def _fail_if_any(chosen: "Plan", file: Path) -> None:
    """List what failed or made no progress, and raise an error if anything did."""
    from alignkit.cli.printing import console
    from alignkit.cli.printing.study import one_per_reason
    from alignkit.errors import AlignkitError
    from alignkit.studies.execute import failed, without_result

    runs = failed(chosen.runs)
    analyses = [analysis for analysis in chosen.analyses if analysis.state == "failed"]
    failures = [{"run": run.name, "error": run.error} for run in runs]
    failures += [{"run": analysis.name, "error": analysis.error} for analysis in analyses]
    for failure in one_per_reason(failures, "error"):
        console.note(f"  {failure['run']}: {failure['error']}")
    lost = [f"{len(runs)} of {len(chosen.runs)} runs"] if runs else []
    lost += [f"{len(analyses)} of {len(chosen.analyses)} analyses"] if analyses else []
    if lost:
        raise AlignkitError(
            f"{' and '.join(lost)} failed (listed above); once you have fixed the cause, run: "
            f"alignkit study retry {file}"
        )
    stuck = without_result(chosen)
    for name in stuck:
        console.note(f"  {name}: was carried out, but what it should have written is not there")
    if stuck:
        raise AlignkitError(
            f"the study is not complete: {len(stuck)} of its steps (listed above) have no result "
            f"after they were carried out; see whether something removes or replaces files below "
            f"{chosen.study.runs} and {chosen.study.output}, then run: alignkit study run {file}"
        )


@contextmanager
def _opened_when_needed(chosen: "Plan") -> "Iterator[Callable[[], Engine]]":
    """Provide a function that opens the engine on its first call, so that idle ones never start."""
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
        raise UsageError("--workers applies to --engine dask; use --jobs with the local engine")
    return make_plan(study, study.engine.gpus)


def _engine(chosen: "Plan") -> "Engine":
    from alignkit.cli.printing import console

    options = chosen.study.engine
    if options.name == "local":
        from alignkit.engines.local import local_engine

        return local_engine(options.jobs, options.gpus, console.TerminalReporter())
    from alignkit.engines.dask import DaskEngine

    return DaskEngine(
        options.workers,
        options.scheduler,
        options.queue or None,
        options.gpus,
        options.trust_network,
        chosen.records.folder / "keys",
        console.TerminalReporter(),
    )
