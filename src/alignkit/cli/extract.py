"""``alignkit extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Store the representations of every layer and fusion.

    Prints the folder of every run's representations: one .npy per site and pooling, the
    sample ids, and index.json.

    Example: alignkit extract --task toy_redundant --split test
    """
    from alignkit.chain.extract import POOLS
    from alignkit.chain.extract import extract as extract_run
    from alignkit.cli import console

    check_split(split)
    talk = console.TerminalTalk()
    rows = []
    for run in chosen_runs(paths, runs, task, placement):
        index = extract_run(run, split, pool or POOLS, force, talk, device)
        rows.append({"folder": str(run.representations_folder(split)), **index})
    if json:
        console.print_json(rows)
    else:
        for row in rows:
            print(row["folder"])
