"""``alignkit report``."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    Drawn,
    Metrics,
    Outcome,
    Placements,
    Pool,
    RunPaths,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)
from alignkit.cli.correlate import Layer


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(report)


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
    permutations: Drawn = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder of the report.")
    ] = Path("report"),
) -> None:
    """Write a page with figures: heat maps, alignment by depth, alignment against scores.

    Measures and scores what is missing first. Prints the path of the page, report.html;
    report.md and figures/ with the data of every figure lie beside it.

    Example: alignkit report --metric cka --metric mknn --output report
    """
    from alignkit.alignment.runs import measure_run
    from alignkit.analysis.correlate import correlate_runs
    from alignkit.analysis.runs_table import Join
    from alignkit.cli import console
    from alignkit.cli.measure import specs_or_default
    from alignkit.report import write_report

    chosen = chosen_runs(paths, runs, task, placement, scored=True, splits=[check_split(split)])
    specs = specs_or_default(metric)
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
