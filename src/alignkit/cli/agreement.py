"""``alignkit agreement``: which metrics are one measurement?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Figures,
    Json,
    Metrics,
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

if TYPE_CHECKING:
    from alignkit.analysis.agreement import Agreeing


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(agreement)


def agreement(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    layers: Annotated[
        str, typer.Option(help="Pairs of sites to compare over, as for measure.")
    ] = "same",
    alike: Annotated[
        float, typer.Option(help="Mean Spearman correlation from which metrics are one group.")
    ] = 0.95,
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the pairs as CSV.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare metrics with each other over the layers of all runs.

    Prints Spearman's correlations of every registered metric, unless some are named, and
    which metrics are one measurement: average linkage of 1 - correlation. JSON and CSV have
    Pearson's and Spearman's over all values, and the mean of Spearman's within runs.
    Distances are turned round first.

    Example: alignkit agreement --metric cka --metric mknn --metric svcca
    """
    from alignkit.analysis.agreement import agree
    from alignkit.cli import console
    from alignkit.plugins import registry

    named = [one for one in metric or () if one != "all"]
    found = agree(
        chosen_runs(paths, runs, task, placement, splits=[check_split(split)]),
        named or registry().names("metrics"),
        layers=layers,
        split=split,
        pool=pool,
        samples=samples,
        seed=seed,
        alike=alike,
        lenient=not named,
        reporter=console.TerminalReporter(),
    )
    for note in found.notes:
        console.note(f"note: {note}")
    if output is not None:
        from alignkit.runs.files import write_csv

        write_csv(output, found.pairs)
    if figures is not None:
        from alignkit.report.questions import draw_agreement

        draw_agreement(found, figures)
    if json:
        console.print_json(
            {
                "pairs": console.records(found.pairs),
                "metrics": console.records(found.metrics),
                "settings": found.settings,
            }
        )
    else:
        _show(found)


def _show(found: "Agreeing") -> None:
    from alignkit.cli import console

    one, settings = found.found, found.settings
    numbers = {i: str(place + 1) for place, i in enumerate(one.order)}
    rows: list[dict[str, Any]] = [
        {"": numbers[i], "metric": one.metrics[i], "group": one.groups[i]}
        | {numbers[j]: f"{one.spearman[i, j]:.2f}" for j in one.order}
        for i in one.order
    ]
    console.print_table(
        rows,
        ["", "metric", "group", *(numbers[j] for j in one.order)],
        title=f"Spearman over {settings['values']} pairs of layers of {settings['runs']} run(s), "
        f"n={settings['samples']}",
    )
    print(found.sentence)
