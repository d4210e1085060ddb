"""``alignkit plot``: figures for papers, one kind at a time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    MARGIN,
    OUTPUT,
    STATISTICS,
    Control,
    FamilyMetrics,
    Groups,
    Margin,
    Outcome,
    Permutations,
    Placements,
    Pool,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
    Unit,
    Where,
    Within,
)
from alignkit.cli.correlate import Layer
from alignkit.cli.pages import link_results
from alignkit.cli.selection import metric_specs, on_the_line, refuse, runs_and_options
from alignkit.errors import UsageError

if TYPE_CHECKING:
    from alignkit.analysis.comparison.compare import Compared

# What says which figures of a comparison are drawn, and how.
OF_COMPARISONS = ("what", "paths", "metric", "figure_format", "columns", "width", "style", "output")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(plot)


def _kinds(incomplete: str) -> list[tuple[str, str]]:
    from alignkit.report.plot_kinds import KINDS

    return [(name, kind.summary) for name, kind in KINDS.items() if name.startswith(incomplete)]


def _comparison(paths: list[Path] | None) -> "Compared | None":
    """Return the comparison that is named; None where runs are meant."""
    from alignkit.report.comparison.stored import is_comparison, read_comparison

    named = [path for path in paths or () if is_comparison(path)]
    if not named:
        return None
    if len(paths or ()) > 1:
        raise UsageError(f"{named[0]} is a comparison; name it alone")
    return read_comparison(named[0])


def _of_runs(given: dict[str, object]) -> dict[str, object]:
    """Return the options that say which runs are drawn and how they are measured."""
    return {name: value for name, value in given.items() if name not in OF_COMPARISONS}


def plot(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="layers (heat maps), depth, training, tracked, scatter, forest, leave-one-out, "
            "null, layer-pairs, hypotheses, agreement, stability, dimension, trajectory, probe, "
            "ablation, attention, grad-cam or tokens; of a comparison, layers, depth, models or "
            "best.",
            autocompletion=_kinds,
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Run directories, or folders of them; or the folder that `alignkit compare "
            "--output` has written. Without any, all runs under --runs.",
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: FamilyMetrics = None,
    layer: Layer = "last",
    streams: Annotated[
        str,
        typer.Option(
            "--streams",
            metavar="STREAMS",
            help="Pairs of layers to show, of kind layers: cross (text with vision), text or "
            "vision.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "cross",
    option: Annotated[
        str,
        typer.Option(
            "--option",
            metavar="OPTION",
            help="What the runs of kind ablation differ in, such as pretraining or head.",
            rich_help_panel=STATISTICS,
        ),
    ] = "",
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="VALUE",
            help="The value of --option with which the others are compared.",
            show_default="none or false where there is such a value, else the first",
            rich_help_panel=STATISTICS,
        ),
    ] = None,
    epoch: Annotated[
        list[str] | None,
        typer.Option(
            "--epoch",
            metavar="EPOCH",
            help="Show layers at this epoch of training, 0 for before it, or at all; of runs "
            "trained with --track-layers all; repeatable.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = None,
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
    figure_format: Annotated[
        list[str] | None,
        typer.Option(
            "--figure-format",
            metavar="FORMAT",
            help="pdf, svg or png; repeatable.",
            show_default="pdf",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns",
            metavar="1|2",
            help="Width of the figure: one column of a paper (3.35 inches), or both (6.75).",
            show_default="2",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--width",
            metavar="INCHES",
            help="Width of the figure, 3 to 30, instead of --columns. Type has 8 points at any.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    style: Annotated[
        str,
        typer.Option(
            "--style",
            metavar="STYLE",
            help="Style of matplotlib, by name or file (.mplstyle), over that of alignkit.",
            rich_help_panel=OUTPUT,
        ),
    ] = "",
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder in which to write the figures.",
            rich_help_panel=OUTPUT,
        ),
    ] = Path("figures"),
) -> None:
    """Draw figures for a paper.

    They have the width of one column or two, type of 8 points, and names as a paper writes them.
    Missing alignment values and scores are computed first. Prints the path of each figure; beside
    it lie its data (CSV) and its caption (a text file).

    With --unit run, layers, depth and tracked show every run by itself, on one scale.

    Examples: alignkit plot layers --metric cka --columns 1

    alignkit plot layers --streams text --unit run

    alignkit plot layers --epoch 0 --epoch 5

    alignkit plot scatter --figure-format svg --figure-format pdf

    alignkit plot ablation --option pretraining --reference none

    alignkit plot layers comparison --columns 1
    """
    from dataclasses import replace

    from alignkit.cli.printing import console
    from alignkit.report.plot_kinds import Asked
    from alignkit.report.plots import COLUMNS, Paper, check_plot, plot_comparison, plot_runs

    if columns is not None and (width is not None or columns not in COLUMNS):
        raise UsageError("give --columns 1 or --columns 2, or --width INCHES")
    paper = Paper(tuple(figure_format or ("pdf",)), width or COLUMNS[columns or 2], style)
    compared = _comparison(paths)
    if compared is not None:
        refuse(_of_runs(on_the_line(context)), "has no meaning for a comparison; leave it out")
        drawn = plot_comparison(
            what,
            compared,
            output,
            paper,
            metric_specs(metric) if metric else (),
            console.TerminalReporter(),
        )
        link_results(output)
        for path in drawn:
            console.print_line(path)
        return
    kind = check_plot(what, paper, on_the_line(context))
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
        needs_layers=kind.needs_layers and not epoch,
    )
    if (kind.only_named or epoch) and not metric:
        options = replace(options, metrics=())
    asked = Asked(
        chosen,
        options,
        unit,
        control or (),
        margin,
        permutations,
        streams,
        option,
        reference,
        epoch or (),
        measure=True,
        reporter=console.TerminalReporter(),
    )
    drawn = plot_runs(what, asked, output, paper)
    link_results(output)
    for path in drawn:
        console.print_line(path)
