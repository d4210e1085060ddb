"""``alignkit power``: what a study of so many placements can find, and how many it needs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from alignkit.cli.arguments import Json, RunsFolder, Seed, TableFile


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(power)


def power(
    r: Annotated[float, typer.Option("--r", help="The association to be found.")] = 0.7,
    placements: Annotated[
        list[int] | None,
        typer.Option(
            "--placements",
            help="How many there are or may be; may repeat. Those of the "
            "runs, and a range, if not given.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs per placement.")] = 3,
    tests: Annotated[
        list[int] | None,
        typer.Option("--tests", help="Metrics x tasks corrected together; may repeat."),
    ] = None,
    icc_metric: Annotated[
        float, typer.Option("--icc-metric", help="How alike seeds are in alignment, to 1.")
    ] = 1.0,
    icc_outcome: Annotated[
        float, typer.Option("--icc-outcome", help="How alike seeds are in the outcome, to 1.")
    ] = 1.0,
    target: Annotated[float, typer.Option("--target", help="The power that is wanted.")] = 0.8,
    level: Annotated[float, typer.Option("--level", help="Of the test.")] = 0.05,
    simulate: Annotated[
        int, typer.Option("--simulate", help="Check by so many simulated studies each.")
    ] = 0,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    output: TableFile = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Also draw the power curve.")
    ] = None,
    json: Json = False,
) -> None:
    """Plan a study: the power of so many placements, and how many are needed.

    Power is exact for normal unit means and a two-sided test of r; the correction for several
    tests is Bonferroni's, which max-T betters. Seeds blur a unit less the more alike they are
    (--icc-metric, --icc-outcome; correlate prints them), so more placements help more than
    more seeds.

    Examples: alignkit power --r 0.7 --placements 8 --tests 4

    alignkit power --icc-outcome 0.7 --icc-metric 0.9 --simulate 2000 --figures figures
    """
    from alignkit.cli import console
    from alignkit.report.cautions import power_cautions
    from alignkit.statistics.power import plan

    here = max(placements) if placements and len(placements) == 1 else _placements_of(runs)
    asked = placements if placements and len(placements) > 1 else _range(here)
    found = plan(
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
        from alignkit.cli.correlate import write_table

        write_table(output, found)
    if figures is not None:
        _draw(found, here, figures)
    for line in power_cautions(found):
        console.note(f"note: {line}")
    if json:
        console.print_json(console.records(found.table))
    else:
        _show(found, here)


def _placements_of(root: Path) -> int | None:
    """The most placements of one task among the runs; None without runs."""
    from alignkit.errors import UsageError
    from alignkit.runs import load_runs

    try:
        runs = load_runs(root)
    except UsageError:
        return None
    units: dict[str, set[str]] = {}
    for run in runs:
        units.setdefault(run.task, set()).add(run.unit)
    most = max(map(len, units.values()))
    return most if most >= 4 else None


def _range(here: int | None) -> list[int]:
    usual = [5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 32]
    return sorted({*usual, here}) if here is not None else usual  # type: ignore[type-var]


def _show(found: Any, here: int | None) -> None:
    from alignkit.cli import console

    settings = found.settings
    title = f"power to find r = {settings['r']:g} at {settings['level']:g}"
    rows: dict[int, dict[str, Any]] = {}
    for row in console.records(found.table):
        line = rows.setdefault(row["placements"], {"placements": row["placements"]})
        line["seeds"] = row["seeds"]
        line[_name(row["tests"])] = f"{row['power']:.2f}"
        if row.get("simulated") is not None:
            line[f"{_name(row['tests'])}, simulated"] = f"{row['simulated']:.2f}"
        line["runs"] = row["placements"] * row["seeds"]
        line[""] = "you are here" if row["placements"] == here else ""
    first = next(iter(rows.values()))
    columns = [
        "placements",
        "seeds",
        "runs",
        *(c for c in first if c not in ("placements", "seeds", "runs", "")),
        "",
    ]
    console.print_table(rows.values(), columns, title=title)
    for line in settings["needed"]:
        how_many = "more than 2,000" if line["placements"] is None else line["placements"]
        print(f"for power {settings['target']:g}, {_name(line['tests'])}: {how_many} placements")


def _name(tests: int) -> str:
    return "one test" if tests == 1 else f"{tests} tests"


def _draw(found: Any, here: int | None, folder: Path) -> None:
    from alignkit.cli import console
    from alignkit.report.figures import FigureFolder
    from alignkit.report.powercurve import power_curve

    settings = found.settings
    figure = power_curve(found.table, settings["r"], settings["target"], here)
    FigureFolder(folder).add("power", figure, found.table, "power", "Power by placements.")
    console.note(f"figures: power in {folder}")
