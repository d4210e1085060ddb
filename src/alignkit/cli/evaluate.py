"""``alignkit evaluate``: score trained runs."""

from pathlib import Path

import typer

from alignkit.cli.arguments import (
    Device,
    Force,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    Tasks,
)
from alignkit.cli.selection import check_split, chosen_runs


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(evaluate)


def evaluate(
    paths: RunPaths = None,
    split: SplitName = "test",
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score trained runs on a data split.

    The scores are also stored in each run's performance.json.

    Example: alignkit evaluate --task toy_redundant --split test
    """
    from alignkit.chain.evaluate import evaluate as evaluate_run
    from alignkit.cli.printing import console

    check_split(split)
    reporter = console.TerminalReporter()
    rows = []
    for run in chosen_runs(paths, runs, task, placement, scored=True, splits=[split]):
        scores = evaluate_run(run, split, force, reporter, device)
        rows.append(
            {
                "task": run.task,
                "placement": run.placement,
                "seed": run.seed,
                "split": split,
                **scores,
                "run": str(run.path),
            }
        )
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if json:
        console.print_json(rows)
    else:
        console.print_table(rows, [*(c for c in columns if c != "run"), "run"])
