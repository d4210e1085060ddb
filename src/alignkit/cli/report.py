"""``alignkit report``: a page with figures and tables."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    MARGIN,
    OUTPUT,
    Control,
    FamilyMetrics,
    Groups,
    Margin,
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
    Unit,
    Where,
    Within,
    complete,
)
from alignkit.cli.correlate import Layer
from alignkit.cli.pages import link_results
from alignkit.cli.selection import runs_and_options


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(report)


def report(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: FamilyMetrics = None,
    layer: Layer = "last",
    unit: Unit = "placement",
    control: Control = None,
    margin: Margin = MARGIN,
    outcome: Outcome = None,
    split: SplitName = "test",
    pool: Pool = "cls",
    within: Within = None,
    groups: Groups = None,
    samples: Samples = None,
    permutations: Permutations = 9999,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    results: Annotated[
        list[Path] | None,
        typer.Option(
            "--results",
            metavar="FOLDER",
            help="Also show what stability, probe, dimension and trajectory wrote with --output, "
            "and search analyse with --figures, in this folder or below it; repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    section: Annotated[
        list[str] | None,
        typer.Option(
            "--section",
            metavar="SECTION",
            help="Add this section of a plugin, as NAME or NAME:KEY=VALUE; repeatable; 'all' for "
            "every one: alignkit list sections.",
            autocompletion=complete("sections"),
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    figure_format: Annotated[
        list[str] | None,
        typer.Option(
            "--figure-format",
            metavar="FORMAT",
            help="Write every figure as png or pdf too, beside SVG; repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Also write scores and correlations to tables/ as latex (with booktabs), markdown "
            "or csv, which has every column and digit; repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
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

    It begins with what the runs show: which placement scored best, whether alignment is associated
    with performance, and whether it rises across fusions (under the first metric). Alignment
    against scores, the hypotheses, the agreement of metrics, alignment by depth and heat maps
    follow, with selectors; and, with --results, what other commands wrote about these runs.
    Missing alignment values and scores are computed first. Prints the path
    of report.html; the same folder contains report.md and, in figures/, every figure as SVG with
    its data as CSV.

    Examples: alignkit report --metric unbiased_cka --metric mknn --output report

    alignkit dimension --output results/dimension && alignkit report --results results
    """
    from alignkit.cli.printing import console
    from alignkit.report.figures.folder import check_formats
    from alignkit.report.paper_tables import check_table_format
    from alignkit.report.results import report_runs
    from alignkit.report.sections import choose_sections
    from alignkit.report.stored_tables import find_tables

    find_tables(results or ())
    choose_sections(section or ())
    check_formats(figure_format or ())
    for name in format or ():
        check_table_format(name)
    chosen, options = runs_and_options(
        paths,
        runs,
        {"task": task, "placement": placement, "where": where},
        metric=metric,
        layer=layer,
        outcome=outcome,
        split=split,
        pool=pool,
        samples=samples,
        seed=seed,
        within=within,
        groups=groups,
    )
    page = report_runs(
        chosen,
        output,
        options,
        unit=unit,
        control=control or (),
        margin=margin,
        permutations=permutations,
        measure=True,
        results=results or (),
        sections=section or (),
        figure_formats=figure_format or (),
        table_formats=format or (),
        reporter=console.TerminalReporter(),
    )
    link_results(output)
    console.print_line(page)
