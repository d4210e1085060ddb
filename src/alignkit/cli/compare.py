"""``alignkit compare``: any two models, layer by layer, or several with several."""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    DATA,
    MODEL,
    OUTPUT,
    REPRESENTATIONS,
    Axis,
    Device,
    Explain,
    Groups,
    Ids,
    Json,
    Memory,
    Metrics,
    Pools,
    Precision,
    Samples,
    Seed,
    TableFormat,
    Within,
)
from alignkit.cli.encoders import EncoderBatch, EncodersFolder
from alignkit.cli.pages import link_results

Option = typer.Option


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(compare)


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Encoders (hf:FOLDER, timm:NAME, minilm, ...; see `alignkit list encoders`), "
            "runs (of one stream as RUN:text), files of arrays, or folders with one file per "
            "layer. Two, or several, each of which is compared with each.",
        ),
    ],
    against: Annotated[
        list[str] | None,
        Option(
            "--with",
            metavar="MODEL",
            help="Compare every MODEL with this one; repeatable.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    data: Annotated[
        str | None,
        Option(
            "--data",
            metavar="FOLDER|TASK",
            help="What encoders see: a task such as emoji or folder:PATH, or a folder or table of "
            "your own.",
            show_default="that of a run among the models",
            rich_help_panel=DATA,
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        Option(
            "--split",
            metavar="SPLIT",
            help="Data split: train, validation, test or all; repeatable.",
            show_default="test of a task, all of a folder of your own",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    metric: Metrics = None,
    layers: Annotated[
        str,
        Option(
            "--layers",
            metavar="LAYERS",
            help="Pairs of layers to measure: all, same, last, indices and ranges (0,3,7-11), or "
            "patterns of layer names.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "all",
    random_weights: Annotated[
        bool,
        Option(
            "--random-weights",
            help="Measure controls too: each encoder with random weights instead of its own, "
            "against the models of the other side.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = False,
    null: Annotated[
        int,
        Option(
            "--null",
            metavar="N",
            help="Number of row permutations for the null distribution of the best pair; 0 for "
            "none.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 200,
    interval: Annotated[
        int,
        Option(
            "--interval",
            metavar="N",
            help="Number of resamples for the 95 % interval of the best pair; 0 for none.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 200,
    within: Within = None,
    groups: Groups = None,
    pool: Pools = None,
    axis: Axis = None,
    samples: Samples = None,
    id: Ids = None,
    encoders: EncodersFolder = Path("encoders"),
    batch_size: EncoderBatch = None,
    seed: Seed = 0,
    dtype: Precision = "auto",
    device: Device = "auto",
    memory: Memory = None,
    output: Annotated[
        Path | None,
        Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder in which to write a page, figures (SVG, PDF, PNG), the values as CSV and "
            "a table in LaTeX.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    explain: Explain = False,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Compare two models layer by layer, or several with several; nothing is trained.

    Encoders are stored once per encoder and data, below --encoders. Prints a map of all pairs of
    layers, calibrated so that 0 is chance and 1 is identical input, and the best pair with its
    interval, chance level, and p against the best pair of permuted samples. Several models give
    a map of models, with the best pair of each. With --output, prints the path of compare.html.

    Examples: alignkit compare minilm efficientnet_lite0 --data emoji --random-weights

    alignkit compare hf:./bert timm:./vit --data pictures.csv --metric mknn --output comparison

    alignkit compare hf:./bert minilm --with timm:./vit --with timm:./resnet --data emoji

    alignkit compare text.npy vision/
    """
    from alignkit.cli.printing import console
    from alignkit.cli.printing.comparison import show
    from alignkit.cli.printing.results import plain_tables, print_result
    from alignkit.cli.resources import use_memory
    from alignkit.errors import AlignkitError, UsageError
    from alignkit.progress import explain_units
    from alignkit.report.comparison import lines
    from alignkit.report.comparison.result import compare as compared

    explain_units(explain)
    if not against and len(models) < 2:
        raise UsageError(f"{models[0]} is only one model; name another to compare it with")
    if output is not None and output.is_file():
        raise UsageError(f"--output {output} is a file; name a folder")
    use_memory(memory)
    several = against or (models[1:] if len(models) == 2 else None)
    result = compared(
        models if against or len(models) > 2 else models[:1],
        several,
        data=data or "",
        split=split or (),
        metric=metric or (),
        layers=layers,
        pool=pool or (),
        axis=axis or (),
        random_weights=random_weights,
        null=null,
        interval=interval,
        within=within or "",
        groups=groups or "",
        samples=samples,
        seed=seed,
        dtype=dtype,
        device=device,
        batch_size=batch_size,
        encoders=encoders,
        id=id or (),
        reporter=console.TerminalReporter(),
    )
    page = None if output is None else result.save(output)
    link_results(output)
    for line in lines.note_lines(result.measured):
        console.note(f"note: {line}")
    tables = {"models": result.models, "best": result.best, "values": result.values}
    print_result(
        lambda: plain_tables(tables),
        lambda: show(result),
        lambda: result.best,
        json=json,
        tables_as=format,
    )
    if page is not None and not json:
        if format:
            console.note(f"all results: {page}")
        else:
            print()
            console.print_line(page)
    if result.failed:
        count = len(result.failed)
        are = "model is" if count == 1 else "models are"
        raise AlignkitError(f"{count} {are} left out (named above)")
