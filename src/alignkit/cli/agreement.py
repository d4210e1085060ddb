"""``alignkit agreement``: which metrics measure the same thing?"""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    AllMetrics,
    Figures,
    Json,
    Placements,
    Pool,
    RunPaths,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    TableFile,
    TableFormat,
    Tasks,
    Where,
)
from alignkit.cli.pages import link_results
from alignkit.cli.selection import check_split, chosen_runs, measurable, metrics_or_all


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(agreement)


def agreement(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: AllMetrics = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="LAYERS",
            help="Pairs of layers over which metrics are compared, as in alignkit measure.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "same",
    alike: Annotated[
        float,
        typer.Option(
            metavar="RHO",
            help="Mean Spearman correlation at or above which metrics are grouped together.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 0.95,
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TableFile = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Compare metrics with each other over the layers of all runs.

    Prints the Spearman correlations between metrics and groups those that agree, by average
    linkage of 1 - correlation. All registered metrics are compared unless you name some; the
    sign of distances is flipped first. JSON and CSV give Pearson and Spearman correlations over
    all values, and the mean of the Spearman correlations within runs.

    Example: alignkit agreement --metric unbiased_cka --metric mknn --metric svcca
    """
    from alignkit.analysis.agreement import agree
    from alignkit.analysis.options import TableOptions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.agreement import show
    from alignkit.cli.printing.results import plain_tables, print_result

    metrics, lenient = metrics_or_all(metric)
    options = TableOptions(
        tuple(metrics), split=split, pool=pool, samples=samples, seed=seed, lenient=lenient
    )
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
    chosen = measurable(chosen, split, pool)
    result = agree(chosen, options, layers, alike, console.TerminalReporter())
    if output is not None or figures is not None:
        from alignkit.report.results import write_agreement

        write_agreement(result, pairs=output, figures=figures)
        link_results(output, figures=figures)
    print_result(
        lambda: plain_tables(result.tables, result.settings),
        lambda: show(result),
        lambda: result.pairs,
        json=json,
        tables_as=format,
    )
