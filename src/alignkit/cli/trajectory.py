"""``alignkit trajectory``: how do representations change from layer to layer?"""

from pathlib import Path

import typer

from alignkit.cli.arguments import (
    Axis,
    Device,
    Figures,
    Ids,
    Json,
    Metrics,
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
from alignkit.cli.layers import EncoderData, Models, SplitOfModels, read_streams
from alignkit.cli.selection import metric_specs
from alignkit.cli.tabled import finish


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Questions")(trajectory)


def trajectory(
    models: Models = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: Metrics = None,
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
    """Follow representations from layer to layer.

    Within a stream, each layer is compared with the next and with the last; in runs, the two
    streams are compared at every depth. Values are means over the seeds of a placement; * marks
    a step with a fusion between the two layers. Then the changes at fusions are compared with
    those at other layers, over placements, and with the same layers of placements that have no
    fusion there.

    Examples: alignkit trajectory --task emoji --metric unbiased_cka --figures figures

    alignkit trajectory minilm efficientnet_lite0 --data emoji

    alignkit trajectory vision/ --metric mknn:k=5
    """
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.trajectory import trajectories
    from alignkit.cli.printing import console
    from alignkit.cli.printing.trajectory import show

    reporter = console.TerminalReporter()
    specs = tuple(metric_specs(metric))
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
    options = TableOptions(
        specs,
        split=split or "test",
        pool=pool[0] if pool else "cls",
        samples=samples,
        seed=seed,
        lenient="all" in (metric or ()),
    )
    result = trajectories(read, options, permutations, reporter)
    finish(result, show, output=output, figures=figures, json=json, tables_as=format)
