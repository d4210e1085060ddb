"""``alignkit probe``: what does each layer hold about the labels?"""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    REPRESENTATIONS,
    Device,
    Figures,
    Json,
    Metrics,
    Permutations,
    Placements,
    Pools,
    RunsFolder,
    Seed,
    TableFormat,
    TablesFolder,
    Tasks,
    Where,
)
from alignkit.cli.encoders import EncoderBatch, EncodersFolder
from alignkit.cli.layers import EncoderData, Models, SingleLayers, read_streams
from alignkit.cli.selection import metric_specs
from alignkit.cli.tabled import finish

Option = typer.Option


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Questions")(probe)


def probe(
    models: Models = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    kind: Annotated[
        str,
        Option(
            "--probe",
            metavar="PROBE",
            help="Kind of probe: ridge, or logistic, which takes longer; or loss, which fits by "
            "the task's own loss, also grades and numbers.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "ridge",
    streams: Annotated[
        str,
        Option(
            "--streams",
            metavar="STREAMS",
            help="Streams to probe: text, vision or both, the two side by side; or several of "
            "these, separated by commas.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "text,vision,both",
    layers: SingleLayers = "all",
    metric: Metrics = None,
    data: EncoderData = None,
    pool: Pools = None,
    samples: Annotated[
        int | None,
        Option(
            "--samples",
            metavar="N",
            help="Number of training samples, drawn at random.",
            show_default="all",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        Option(
            "--seeds",
            metavar="N",
            help="Number of such draws, with --samples.",
            show_default="3",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
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
    """Probe every layer for the labels of the task, with a linear model.

    Representations stay as they are. A probe is fitted on train for each of several penalties,
    of which validation chooses one, and scored on test with the task's own scores; columns are
    standardised by train. For runs, probes are then correlated with alignment over layers,
    within each placement and pooled over placements. Missing representations of the three splits
    are extracted first.

    Examples: alignkit probe --task emoji --figures figures

    alignkit probe minilm efficientnet_lite0 --data emoji --probe logistic

    alignkit probe --streams both --samples 500 --seeds 5
    """
    from alignkit.analysis.options import TableOptions
    from alignkit.analysis.probing.probe import probe as probed
    from alignkit.analysis.probing.probes import ProbeOptions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.probe import show
    from alignkit.errors import UsageError
    from alignkit.tasks import SPLITS

    if seeds is not None and samples is None:
        raise UsageError("`seeds` draws training samples, so it needs `samples`")
    reporter = console.TerminalReporter()
    specs = tuple(metric_specs(metric))
    options = ProbeOptions(
        kind,
        [name.strip() for name in streams.split(",")],
        layers,
        samples,
        3 if seeds is None else seeds,
        seed,
        data or "",
    )
    read = read_streams(
        models,
        runs,
        {"task": task, "placement": placement, "where": where},
        data=data,
        splits=SPLITS,
        pool=pool,
        encoders=encoders,
        batch_size=batch_size,
        device=device,
    )
    alignment = TableOptions(
        specs, pool=pool[0] if pool else "cls", seed=seed, lenient="all" in (metric or ())
    )
    result = probed(read, options, alignment, permutations, reporter)
    finish(result, show, output=output, figures=figures, json=json, tables_as=format)
