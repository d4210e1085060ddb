"""``alignkit power``: statistical power of a study, and how many placements it needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignkit.cli.arguments import Figures, Json, RunsFolder, Seed, TableFile
from alignkit.cli.attempts import note_damaged
from alignkit.cli.pages import link_results

if TYPE_CHECKING:
    from alignkit.cli.printing.power import Mark
    from alignkit.statistics.power import Plan

Option = typer.Option
DESIGN = "Study design"
TEST = "Test"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(power)


def power(
    r: Annotated[
        float,
        Option("--r", metavar="R", help="True correlation to be detected.", rich_help_panel=TEST),
    ] = 0.7,
    placements: Annotated[
        list[int] | None,
        Option(
            "--placements",
            metavar="N",
            help="Number of placements; repeatable.",
            show_default="that of the runs, and a range",
            rich_help_panel=DESIGN,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        Option(
            "--seeds",
            metavar="N",
            help="Number of seeds, that is runs, per placement.",
            show_default="that of the runs, or 3",
            rich_help_panel=DESIGN,
        ),
    ] = None,
    tests: Annotated[
        list[int] | None,
        Option(
            "--tests",
            metavar="N",
            help="Number of tests corrected together (metrics x tasks); repeatable.",
            show_default="1, 4, 12",
            rich_help_panel=TEST,
        ),
    ] = None,
    icc_metric: Annotated[
        float,
        Option(
            "--icc-metric",
            metavar="ICC",
            help="Intraclass correlation of alignment between seeds, up to 1.",
            rich_help_panel=DESIGN,
        ),
    ] = 1.0,
    icc_outcome: Annotated[
        float,
        Option(
            "--icc-outcome",
            metavar="ICC",
            help="Intraclass correlation of the outcome between seeds, up to 1.",
            rich_help_panel=DESIGN,
        ),
    ] = 1.0,
    target: Annotated[
        float, Option("--target", metavar="POWER", help="Desired power.", rich_help_panel=TEST)
    ] = 0.8,
    level: Annotated[
        float,
        Option(
            "--level", metavar="ALPHA", help="Significance level of the test.", rich_help_panel=TEST
        ),
    ] = 0.05,
    simulate: Annotated[
        int,
        Option(
            "--simulate",
            metavar="N",
            help="Number of simulated studies with which to check each power; 0 for none.",
            rich_help_panel=TEST,
        ),
    ] = 0,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: TableFile = None,
    figures: Figures = None,
    json: Json = False,
) -> None:
    """Plan a study: its power, and how many placements it needs.

    Power is exact for a two-sided test of r on normally distributed unit means. Several tests
    are corrected by Bonferroni's method, which is conservative compared with the max-T
    correction of alignkit correlate. Seeds average out noise within a placement, the less so the
    more alike they are (--icc-metric and --icc-outcome, which alignkit correlate prints), so
    additional placements usually help more than additional seeds.

    Examples: alignkit power --r 0.7 --placements 8 --tests 4

    alignkit power --icc-outcome 0.7 --icc-metric 0.9 --simulate 2000 --figures figures
    """
    from alignkit.bounds.counts import check_count, check_seed
    from alignkit.cli.printing import console
    from alignkit.cli.printing.power import show
    from alignkit.report.cautions import power_cautions
    from alignkit.statistics.power import plan
    from alignkit.statistics.requirements import MIN_UNITS

    check_count("simulate", simulate, 0)
    check_seed(seed)
    here = _asked(placements) or _placements_here(runs)
    if here is not None and here.placements < MIN_UNITS and here.runs:
        console.note(
            f"note: your runs have {here.placements} placement(s); a test needs {MIN_UNITS}"
        )
    asked = placements if placements and len(placements) > 1 else _range(here)
    if seeds is None:
        seeds = 3 if here is None or not here.runs else max(1, here.runs // here.placements)
    result = plan(
        r,
        asked,
        seeds,
        tests or [1, 4, 12],
        icc_metric=icc_metric,
        icc_outcome=icc_outcome,
        target=target,
        level=level,
        studies=simulate,
        seed=seed,
    )
    if output is not None:
        from alignkit.runs.files import write_json, write_results

        write_results(output, result.table)
        write_json(output.with_name(f"{output.stem}.settings.json"), result.settings)
    if figures is not None:
        _draw(result, here, figures)
    link_results(output, figures=figures)
    for line in power_cautions(result):
        console.note(f"note: {line}")
    if json:
        console.print_json(console.records(result.table))
    else:
        show(result, here)


def _asked(placements: Sequence[int] | None) -> "Mark | None":
    from alignkit.cli.printing.power import Mark

    return Mark(placements[0], "as given") if placements and len(placements) == 1 else None


def _placements_here(root: Path) -> "Mark | None":
    """Return the placements and runs of the task with the most placements, if there are runs."""
    from alignkit.cli.printing.power import Mark
    from alignkit.errors import UsageError
    from alignkit.runs import load_runs

    try:
        runs = load_runs(root, on_damaged=note_damaged)
    except UsageError:
        return None
    of_task: dict[str, list[str]] = {}
    for run in runs:
        of_task.setdefault(run.task, []).append(run.placement)
    most = max(of_task.values(), key=lambda placements: (len(set(placements)), len(placements)))
    return Mark(len(set(most)), "your placements", len(most))


def _range(here: "Mark | None") -> list[int]:
    from alignkit.statistics.requirements import MIN_UNITS

    usual = {6, 7, 8, 10, 12, 14, 16, 20, 24, 32}
    if here is None or (here.runs and here.placements < MIN_UNITS):
        return sorted(usual)
    return sorted({*usual, here.placements})


def _draw(result: "Plan", here: "Mark | None", folder: Path) -> None:
    from alignkit.cli.printing import console
    from alignkit.report.figures.folder import FigureFolder
    from alignkit.report.figures.power_curve import power_curve

    settings = result.settings
    marked = () if here is None else (here.placements, here.label)
    figure = power_curve(result.table, settings["r"], settings["target"], *marked)
    FigureFolder(folder).add(
        "power", figure, result.table, "power", "Power against the number of placements."
    )
    console.note(f"figures: power in {folder}")
