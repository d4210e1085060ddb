"""``alignkit extract``: store the representations of every layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    EXECUTION,
    MODEL,
    REPRESENTATIONS,
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
    complete,
)
from alignkit.cli.encoders import EncodersFolder, extract_encoders
from alignkit.cli.selection import check_split, chosen_runs, given_options, refuse

if TYPE_CHECKING:
    from alignkit.runs import Run
    from alignkit.runs.representations import RepresentationStore

Option = typer.Option


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(extract)


def extract(
    paths: RunPaths = None,
    split: SplitName = "test",
    pool: Annotated[
        list[str] | None,
        Option(
            "--pool",
            metavar="POOLING",
            help="Pooling over tokens: cls or mean; for encoders also last, max, gap (of feature "
            "maps) or own (the model's); repeatable.",
            show_default="cls and mean; for encoders the first that a site has",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    sites: Annotated[
        list[str] | None,
        Option(
            "--sites",
            metavar="SITE",
            help="Sites to store, as names or patterns such as t11, 'v.f*' or 'encoder.layer.*'; "
            "repeatable.",
            show_default="all of a run; of an encoder its blocks, final state and embedding",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = Path("runs"),
    encoder: Annotated[
        list[str] | None,
        Option(
            "--encoder",
            "-e",
            metavar="ENCODER",
            help="A frozen encoder as NAME:MODEL, such as hf:FOLDER or timm:NAME, stored once per "
            "encoder and data; repeatable.",
            autocompletion=complete("encoders"),
            rich_help_panel=MODEL,
        ),
    ] = None,
    encoders: EncodersFolder = Path("encoders"),
    text_model: TextModel = None,
    vision_model: VisionModel = None,
    from_scratch: FromScratch = False,
    architecture: Architecture = None,
    data: Data = None,
    seed: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Random seed of randomly initialised encoders.",
            show_default="0",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    shard_size: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Samples per shard; shards that are complete survive an interruption.",
            show_default="2048",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        Option(
            "--batch-size",
            metavar="N",
            help="Samples per forward pass of an encoder, halved where memory runs out.",
            show_default="64",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    jobs: Annotated[
        int,
        Option(
            "--jobs",
            "-j",
            metavar="N",
            help="Number of runs to extract in parallel.",
            rich_help_panel=EXECUTION,
        ),
    ] = 1,
    device: Device = "auto",
    force: Force = False,
    json: Json = False,
) -> None:
    """Store the representations of every layer and fusion.

    Prints the folder with each run's representations: one .npy file per site and pooling, the
    sample ids, and index.json. With --encoder, the representations are those of frozen models
    that someone else trained, kept below --encoders; `alignkit measure --encoder` compares them.
    With --text-model and --vision-model, two encoders become one run without scores. An
    interrupted extraction resumes after the last complete shard. With --sites, only some layers
    are stored; measuring others of a run extracts the rest.

    Examples: alignkit extract --task toy_redundant --split test

    alignkit extract --task emoji --encoder minilm --encoder efficientnet_lite0

    alignkit extract --task toy_match --text-model MODEL --vision-model MODEL
    """
    from alignkit.cli.printing import console
    from alignkit.errors import AlignkitError
    from alignkit.jobs.parallel import extract_runs
    from alignkit.runs.run import POOLS

    check_split(split)
    options = given_options(
        text_model=text_model, vision_model=vision_model, from_scratch=from_scratch
    )
    of_runs = given_options(paths=paths, placement=placement, architecture=architecture, **options)
    reporter, failure = console.TerminalReporter(), None
    chosen: Sequence[RepresentationStore]
    if encoder:
        of_runs |= given_options(seed=seed, jobs=None if jobs == 1 else jobs)
        refuse(of_runs, "applies only to runs, not with --encoder")
        asked: dict[str, Any] = {
            "pools": pool or (),
            "shard_size": shard_size,
            "device": device,
            "force": force,
        }
        asked |= given_options(batch_size=batch_size) | {"sites": sites or ()}
        chosen, failure = extract_encoders(encoder, task, data, encoders, split, asked)
    else:
        refuse(
            given_options(batch_size=batch_size),
            "applies only to encoders; name one with --encoder",
        )
        if options or architecture or seed is not None:
            trained = _separate(
                options, architecture, task, data, seed or 0, runs, paths, placement
            )
        else:
            trained = chosen_runs(
                paths, runs, task, placement, splits=[split], data=data, force=force
            )
        chosen = trained
        try:
            extract_runs(
                trained,
                split,
                pool or POOLS,
                shard_size,
                force,
                jobs,
                reporter,
                device,
                sites or (),
            )
        except AlignkitError as error:
            failure = error
    rows = [
        {"folder": str(store.representations_folder(split))} | index
        for store in chosen
        if (index := store.representation_index(split)) is not None
    ]
    if json:
        console.print_json(rows)
    else:
        for row in rows:
            print(row["folder"])
    if failure is not None:
        raise failure


def _separate(
    options: dict[str, object],
    architecture: str | None,
    tasks: list[str] | None,
    data: str | None,
    seed: int,
    root: Path,
    paths: list[Path] | None,
    placements: list[str] | None,
) -> "list[Run]":
    """Return the runs of two separate encoders, one for every task that was named."""
    from alignkit.chain.separate import separate, store_separate
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.runs import resolve_config

    if not {"text_model", "vision_model"} <= set(options) or not tasks:
        raise UsageError(
            "separate encoders need --text-model, --vision-model and --task; to extract from "
            "trained runs, leave out all model options and --seed"
        )
    if paths or placements:
        raise UsageError(
            "separate encoders do not belong to a trained run; leave out RUN and --placement"
        )
    configs = [
        resolve_config(task, ",", architecture, None, seed, data, options=options)
        for task in dict.fromkeys(tasks)
    ]
    return [
        store_separate(separate(config), root, console.TerminalReporter()) for config in configs
    ]
