"""``alignkit extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    Force,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(extract)


def extract(
    paths: RunPaths = None,
    split: SplitName = "test",
    pool: Annotated[
        list[str] | None, typer.Option("--pool", help="cls or mean; both if not given.")
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    shard_size: Annotated[
        int | None,
        typer.Option(
            help="Samples of a range that is kept when the rest fails; 2048 if not given."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Runs extracted side by side.")] = 1,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    json: Json = False,
) -> None:
    """Store the representations of every layer and fusion.

    Prints the folder of every run's representations: one .npy per site and pooling, the
    sample ids, and index.json. An extraction that was killed goes on at the range of samples
    it had reached.

    Example: alignkit extract --task toy_redundant --split test
    """
    from alignkit.chain.extract import POOLS
    from alignkit.chain.together import extract_together
    from alignkit.cli import console

    chosen = chosen_runs(paths, runs, task, placement)
    extract_together(chosen, check_split(split), pool or POOLS, shard_size, force, jobs,
                     console.TerminalTalk())  # fmt: skip
    rows = [
        {"folder": str(run.representations_folder(split))} | (run.representation_index(split) or {})
        for run in chosen
    ]
    if json:
        console.print_json(rows)
    else:
        for row in rows:
            print(row["folder"])
