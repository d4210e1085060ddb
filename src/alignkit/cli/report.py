"""``alignkit report``: a page with figures and tables."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    OUTPUT,
    Metrics,
    Outcome,
    Permutations,
    Placements,
    Pool,
    RunPaths,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
)
from alignkit.cli.correlate import Layer
from alignkit.cli.selection import check_split, chosen_runs, metric_specs


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Pipeline")(report)


def report(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    layer: Layer = "last",
    outcome: Outcome = None,
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    permutations: Permutations = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder in which to write the report.",
            rich_help_panel=OUTPUT,
        ),
    ] = Path("report"),
) -> None:
    """Write a report with figures and tables.

    It shows heat maps, alignment by depth, and alignment against scores. Missing alignment
    values and scores are computed first. Prints the path of report.html; the same folder
    contains report.md and, in figures/, every figure with its data.

    Example: alignkit report --metric cka --metric mknn --output report
    """
    from alignkit.alignment.runs import measure_run
    from alignkit.analysis.correlate import correlate_runs
    from alignkit.analysis.runs_table import Join
    from alignkit.cli.printing import console
    from alignkit.report import write_report

    chosen = chosen_runs(paths, runs, task, placement, scored=True, splits=[check_split(split)])
    specs = metric_specs(metric)
    reporter = console.TerminalReporter()
    for run in chosen:
        measure_run(
            run, specs, split=split, pool=pool, samples=samples, seed=seed, reporter=reporter
        )
    join = Join(tuple(specs), layer, outcome, split, pool, samples, seed)
    found, joined = correlate_runs(
        chosen, join, permutations=permutations, seed=seed, reporter=reporter
    )
    page = write_report(
        chosen, output, correlations=found, table=joined, metrics=specs, split=split, pool=pool
    )
    print(page)
