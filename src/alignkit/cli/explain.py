"""``alignkit explain``: what do models attend to, token by token and patch by patch?"""

from pathlib import Path
from typing import Annotated

import typer

from alignkit.cli.app import App
from alignkit.cli.arguments import (
    OUTPUT,
    REPRESENTATIONS,
    Device,
    Figures,
    Json,
    Placements,
    RunPaths,
    RunsFolder,
    Seed,
    SplitName,
    TableFormat,
    TablesFolder,
    Tasks,
    Where,
)
from alignkit.cli.selection import check_split, chosen_runs
from alignkit.cli.tabled import finish

DrawnSamples = Annotated[
    int,
    typer.Option(
        "--samples",
        metavar="N",
        help="Number of samples to run the models on.",
        rich_help_panel=REPRESENTATIONS,
    ),
]
Untrained = Annotated[
    bool,
    typer.Option(
        "--untrained/--no-untrained",
        help="Also run each model as its seed initialised it.",
        rich_help_panel=REPRESENTATIONS,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    commands = App(
        no_args_is_help=True, help="Run models once more, and look at single tokens and patches."
    )
    commands.command()(attention)
    commands.command("grad-cam")(grad_cam)
    commands.command()(tokens)
    app.add_typer(commands, name="explain", rich_help_panel="Questions")


def attention(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    split: SplitName = "test",
    samples: DrawnSamples = 64,
    untrained: Untrained = True,
    seed: Seed = 0,
    device: Device = "auto",
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TablesFolder = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Measure how widely attention is spread: its entropy by layer, head and stream.

    entropy is in nats, the mean over tokens and samples; normalised is divided by the logarithm
    of the number of tokens that may be attended to, padding left out: 1 where all get the same,
    0 where one gets all. kind is self, or co where a stream attends to the other at a fusion.
    untrained is normalised of the models as they were initialised.

    Examples: alignkit explain attention --placement late

    alignkit explain attention --samples 256 --output attention --figures figures
    """
    from alignkit.analysis.explaining.attention import attention_of_runs
    from alignkit.analysis.explaining.forward import ForwardOptions
    from alignkit.cli.printing import console
    from alignkit.cli.printing.explaining import show_attention

    reporter = console.TerminalReporter()
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
    options = ForwardOptions(split, samples, seed, untrained, device)
    result = attention_of_runs(chosen, options, reporter)
    finish(result, show_attention, output=output, figures=figures, json=json, tables_as=format)


def grad_cam(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="LAYERS",
            help="Layers of the vision stream: all, last, indices and ranges (0,3,7-11), fusions, "
            "or patterns of names (v0*,v.f*).",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = "all",
    split: SplitName = "test",
    samples: DrawnSamples = 64,
    pictures: Annotated[
        int,
        typer.Option(
            "--pictures",
            metavar="N",
            help="Number of samples to draw, of each placement's first run.",
            rich_help_panel=OUTPUT,
        ),
    ] = 4,
    untrained: Untrained = True,
    seed: Seed = 0,
    device: Device = "auto",
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TablesFolder = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Map which patches speak for what is predicted, by Grad-CAM (Selvaraju et al. 2017).

    The map of a layer is the sum of its channels, weighted by the mean gradient of the predicted
    output over patches, and 0 where that is negative. The entropy of the map over patches is in
    nats; normalised is divided by the logarithm of the number of patches: 1 where all patches
    count the same. untrained is normalised of the models as they were initialised. --figures draws
    the maps over pictures.

    Examples: alignkit explain grad-cam --placement late --figures figures

    alignkit explain grad-cam --layers 3,7,10 --samples 256 --output grad_cam
    """
    from alignkit.analysis.explaining.forward import ForwardOptions
    from alignkit.analysis.explaining.grad_cam import grad_cam_of_runs
    from alignkit.cli.printing import console
    from alignkit.cli.printing.explaining import show_grad_cam

    reporter = console.TerminalReporter()
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
    options = ForwardOptions(split, samples, seed, untrained, device)
    result = grad_cam_of_runs(chosen, options, layers, pictures, reporter)
    finish(result, show_grad_cam, output=output, figures=figures, json=json, tables_as=format)


def tokens(
    paths: RunPaths = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    split: SplitName = "test",
    samples: DrawnSamples = 64,
    untrained: Untrained = True,
    seed: Seed = 0,
    device: Device = "auto",
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: TablesFolder = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Compare single tokens with single patches: the cosine with the closest of the other side.

    token-patch is the mean over the tokens of a text of the largest cosine with a patch of its
    picture, and patch-token the same the other way, for layers of equal index and after fusions;
    padding and special tokens are left out. mismatched is the same where each text stands with the
    picture of another sample: only what lies above it is about the pair.

    Examples: alignkit explain tokens --placement late

    alignkit explain tokens --samples 256 --output tokens --figures figures
    """
    from alignkit.analysis.explaining.forward import ForwardOptions
    from alignkit.analysis.explaining.tokens import tokens_of_runs
    from alignkit.cli.printing import console
    from alignkit.cli.printing.explaining import show_tokens

    reporter = console.TerminalReporter()
    on = [check_split(split)]
    chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
    options = ForwardOptions(split, samples, seed, untrained, device)
    result = tokens_of_runs(chosen, options, reporter)
    finish(result, show_tokens, output=output, figures=figures, json=json, tables_as=format)
