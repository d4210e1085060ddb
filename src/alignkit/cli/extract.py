"""``alignkit extract``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from alignkit.cli.arguments import (
    Architecture,
    Data,
    Device,
    Force,
    FromScratch,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    Tasks,
    TextModel,
    VisionModel,
    architecture_options,
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
    text_model: TextModel = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    architecture: Architecture = None,
    data: Data = None,
    seed: Annotated[int | None, typer.Option(help="Of random weights; 0 if not given.")] = None,
    shard_size: Annotated[
        int | None,
        typer.Option(
            help="Samples of a range that is kept when the rest fails; 2048 if not given."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Runs extracted side by side.")] = 1,
    runs: RunsFolder = Path("runs"),
    force: Force = False,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Store the representations of every layer and fusion.

    Prints the folder of every run's representations: one .npy per site and pooling, the
    sample ids, and index.json. With --text-model and --vision-model it takes two separate
    encoders and trains nothing: a run without performance, on which measure works. An
    extraction that was killed goes on at the range of samples it had reached.

    Examples: alignkit extract --task toy_redundant --split test

    alignkit extract --task toy_match --text-model MODEL --vision-model MODEL
    """
    from alignkit.cli import console
    from alignkit.jobs.parallel import extract_runs
    from alignkit.runs.run import POOLS

    check_split(split)
    options = architecture_options(
        text_model=text_model, vision_model=vision_model, from_scratch=from_scratch
    )
    if options or architecture or data or seed is not None:
        chosen = _encoders(options, architecture, task, data, seed or 0, runs, paths, placement)
    else:
        chosen = chosen_runs(paths, runs, task, placement, splits=[split])
    extract_runs(
        chosen, split, pool or POOLS, shard_size, force, jobs, console.TerminalReporter(), device
    )
    rows = [
        {"folder": str(run.representations_folder(split))} | (run.representation_index(split) or {})
        for run in chosen
    ]
    if json:
        console.print_json(rows)
    else:
        for row in rows:
            print(row["folder"])


def _encoders(
    options: dict[str, object],
    architecture: str | None,
    tasks: list[str] | None,
    data: str | None,
    seed: int,
    root: Path,
    paths: list[Path] | None,
    placements: list[str] | None,
) -> list[Any]:
    """Two separate encoders on every task that was named."""
    from alignkit.chain.separate import separate, store_separate
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.runs import resolve_config

    if not {"text_model", "vision_model"} <= set(options) or not tasks:
        raise UsageError(
            "two separate encoders need --text-model, --vision-model and --task; "
            "for runs that are trained leave out these, --from-scratch, --architecture, --data "
            "and --seed"
        )
    if paths or placements:
        raise UsageError("separate encoders are no trained run: leave out runs and --placement")
    configs = [
        resolve_config(task, ",", architecture, None, seed, data, options=options)
        for task in dict.fromkeys(tasks)
    ]
    return [
        store_separate(separate(config), root, console.TerminalReporter()) for config in configs
    ]
