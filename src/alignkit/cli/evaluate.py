"""``alignkit evaluate``: score trained runs."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    OUTPUT,
    Device,
    Explain,
    Force,
    Json,
    MovedData,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    TableFormat,
    Tasks,
    complete,
)
from alignkit.cli.attempts import attempted
from alignkit.cli.selection import check_split, chosen_runs


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(evaluate)


def evaluate(
    paths: RunPaths = None,
    split: SplitName = "test",
    score: Annotated[
        list[str] | None,
        typer.Option(
            "--score",
            metavar="SCORE",
            help="Also give this score, as NAME or NAME:KEY=VALUE; repeatable. All: alignkit list "
            "scores.",
            autocompletion=complete("scores"),
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    unit: Annotated[
        str,
        typer.Option(
            "--unit",
            metavar="UNIT",
            help="What a row is of: a run, or the mean and standard deviation over the runs of a "
            "placement, of a variant (a placement with certain options), or of an option such as "
            "learning_rate.",
            rich_help_panel=OUTPUT,
        ),
    ] = "run",
    data: MovedData = None,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    explain: Explain = False,
    device: Device = "auto",
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Score trained runs on a data split.

    The scores are also stored in each run's performance.json. A run that cannot be scored does
    not stop the others; it is named, and the exit code is 1. Where the data have moved, --data or
    --task NAME:FOLDER says where they are now, for this and all later commands.

    Examples: alignkit evaluate --task toy_redundant --split test

    alignkit evaluate --task hateful_memes:test=test_seen

    alignkit evaluate --unit placement --format latex

    alignkit evaluate --score worst_group_accuracy:group=category
    """
    import pandas as pd

    from alignkit.analysis.scores import scores_by_run, scores_by_unit
    from alignkit.chain.evaluate import evaluate as evaluate_run
    from alignkit.chain.extra_scores import choose_scores
    from alignkit.cli.printing import console
    from alignkit.cli.printing.results import print_result
    from alignkit.cli.printing.scores import show_means, show_runs
    from alignkit.progress import explain_units
    from alignkit.runs.config import fingerprint_once
    from alignkit.runs.units import unit_labels

    explain_units(explain)
    check_split(split)
    extra = list(choose_scores(score or []))
    reporter = console.TerminalReporter()
    chosen = chosen_runs(
        paths, runs, task, placement, scored=True, splits=[split], data=data, force=force
    )
    if unit != "run":
        unit_labels(chosen, unit)  # refuses to average variants before anything is scored
    with fingerprint_once():
        done = attempted(
            chosen, lambda run: evaluate_run(run, split, force, reporter, device, extra)
        )
    if unit == "run":
        rows = scores_by_run(done.runs, done.results, split)
        print_result(
            lambda: rows,
            lambda: show_runs(rows),
            lambda: pd.DataFrame(rows),
            json=json,
            tables_as=format,
        )
    else:
        means = scores_by_unit(done.runs, done.results, unit)
        print_result(
            lambda: console.records(means),
            lambda: show_means(means, unit, split),
            lambda: means,
            json=json,
            tables_as=format,
        )
    done.fail_if_any()
