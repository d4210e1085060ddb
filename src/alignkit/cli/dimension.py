"""``alignkit dimension``: how many dimensions do representations have, layer by layer?"""

from pathlib import Path

import typer

from alignkit.cli.arguments import (
    Axis,
    Device,
    Figures,
    Ids,
    Json,
    Permutations,
    Placements,
    Pools,
    RunsFolder,
    Samples,
    Seed,
    TableFormat,
    TablesFolder,
    Tasks,
    Where,
)
from alignkit.cli.encoders import EncoderBatch, EncodersFolder
from alignkit.cli.layers import EncoderData, Models, SingleLayers, SplitOfModels, read_streams
from alignkit.cli.tabled import finish


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Questions")(dimension)


def dimension(
    models: Models = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    layers: SingleLayers = "all",
    data: EncoderData = None,
    split: SplitOfModels = None,
    pool: Pools = None,
    axis: Axis = None,
    samples: Samples = None,
    id: Ids = None,
    encoders: EncodersFolder = Path("encoders"),
    batch_size: EncoderBatch = None,
    permutations: Permutations = 9999,
    seed: Seed = 0,
    device: Device = "auto",
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TablesFolder = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Count the dimensions of representations, layer by layer.

    components_90, _95 and _99 are the principal components that hold so much of the variance;
    participation_ratio is how many there would be if all had the same variance; twonn is the
    intrinsic dimension from the two nearest neighbours (Facco et al. 2017), which also counts a
    curved surface by its own dimensions. For runs, the dimension right after each fusion is
    compared with that right before it, over the seeds of a placement, and tested over placements.

    Examples: alignkit dimension --task emoji --figures figures

    alignkit dimension minilm efficientnet_lite0 --data emoji

    alignkit dimension x.npy vision/ --layers last
    """
    from alignkit.analysis.dimension import dimensions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.dimension import show

    reporter = console.TerminalReporter()
    read = read_streams(
        models,
        runs,
        {"task": task, "placement": placement, "where": where},
        data=data,
        splits=[split] if split else [],
        pool=pool,
        axis=axis,
        id=id,
        encoders=encoders,
        batch_size=batch_size,
        device=device,
    )
    result = dimensions(
        read, layers, samples=samples, permutations=permutations, seed=seed, reporter=reporter
    )
    finish(result, show, output=output, figures=figures, json=json, tables_as=format)
