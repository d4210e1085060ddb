"""``alignkit evaluate``: score trained runs."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    Device,
    Explain,
    Force,
    Json,
    MovedData,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
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
    data: MovedData = None,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    explain: Explain = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Score trained runs on a data split.

    The scores are also stored in each run's performance.json. A run that cannot be scored does
    not stop the others; it is named, and the exit code is 1. Where the data have moved, --data or
    --task NAME:FOLDER says where they are now, for this and all later commands.

    Examples: alignkit evaluate --task toy_redundant --split test

    alignkit evaluate --task hateful_memes:test=test_seen

    alignkit evaluate --score worst_group_accuracy:group=category
    """
    from alignkit.chain.evaluate import evaluate as evaluate_run
    from alignkit.chain.extra_scores import choose_scores
    from alignkit.cli.printing import console
    from alignkit.progress import explain_units
    from alignkit.runs.config import fingerprint_once

    explain_units(explain)
    check_split(split)
    extra = list(choose_scores(score or []))
    reporter = console.TerminalReporter()
    chosen = chosen_runs(
        paths, runs, task, placement, scored=True, splits=[split], data=data, force=force
    )
    with fingerprint_once():
        done = attempted(
            chosen, lambda run: evaluate_run(run, split, force, reporter, device, extra)
        )
    rows = [
        {
            "task": run.task,
            "placement": run.placement,
            "seed": run.seed,
            "split": split,
            **scores,
            "run": str(run.path),
        }
        for run, scores in zip(done.runs, done.results, strict=True)
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if json:
        console.print_json(rows)
    else:
        console.print_table(rows, [*(c for c in columns if c != "run"), "run"])
    done.fail_if_any()
