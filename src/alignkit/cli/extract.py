"""``alignkit extract``: store the representations of every layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    EXECUTION,
    MODEL,
    REPRESENTATIONS,
    Data,
    Device,
    Explain,
    Force,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    SplitName,
    Tasks,
    complete,
)
from alignkit.cli.encoders import EncoderBatch, EncodersFolder, extract_encoders
from alignkit.cli.selection import check_split, chosen_runs, given_options, refuse

if TYPE_CHECKING:
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
            help="Pooling over tokens: cls, mean, max or one of a plugin; for encoders also last, "
            "gap (of feature maps) or own (the model's); repeatable.",
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
    data: Data = None,
    shard_size: Annotated[
        int | None,
        Option(
            metavar="N",
            help="Samples per shard; shards that are complete survive an interruption.",
            show_default="2048",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    batch_size: EncoderBatch = None,
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
    explain: Explain = False,
    json: Json = False,
) -> None:
    """Store the representations of every layer and fusion.

    Prints the folder with each run's representations: one .npy file per site and pooling, the
    sample ids, and index.json. With --encoder, the representations are those of frozen models
    that someone else trained, kept below --encoders; `alignkit measure --encoder` compares them.
    An interrupted extraction resumes after the last complete shard. With --sites, only some
    layers are stored; measuring others of a run extracts the rest.

    Examples: alignkit extract --task toy_redundant --split test

    alignkit extract --task emoji --encoder minilm --encoder efficientnet_lite0
    """
    from alignkit.cli.printing import console
    from alignkit.errors import AlignkitError
    from alignkit.jobs.parallel import extract_runs
    from alignkit.progress import explain_units
    from alignkit.runs.run import POOLS

    explain_units(explain)
    check_split(split)
    reporter, failure = console.TerminalReporter(), None
    chosen: Sequence[RepresentationStore]
    if encoder:
        refuse(
            given_options(paths=paths, placement=placement, jobs=None if jobs == 1 else jobs),
            "applies only to runs, not with --encoder",
        )
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
        trained = chosen_runs(paths, runs, task, placement, splits=[split], data=data, force=force)
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
            console.print_line(row["folder"])
    if failure is not None:
        raise failure
