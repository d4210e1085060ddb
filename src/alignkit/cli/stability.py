"""``alignkit stability``: how many samples, and which k, does a metric need?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Figures,
    Json,
    Metrics,
    Placements,
    Pool,
    RunsFolder,
    Seed,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.analysis.stability import Layers

COLUMNS = (
    "metric",
    "varied",
    "samples",
    "k",
    "models",
    "value",
    "chance",
    "agreement",
    "agreement_sd",
    "reliability",
    "seconds",
    "reason",
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(stability)


def stability(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN... | X Y]",
            help="Run directories (every run if none), or two arrays or folders of layers.",
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    metric: Metrics = None,
    samples: Annotated[
        list[int] | None,
        typer.Option("--samples", help="Samples; halvings of all if not given; may repeat."),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option("--k", help="Neighbours, for metrics that take k; may repeat."),
    ] = None,
    splits: Annotated[int, typer.Option("--splits", help="Random splits into halves.")] = 5,
    null: Annotated[
        int,
        typer.Option(
            "--null", help="Permutations for a chance level without closed form; 0: none."
        ),
    ] = 10,
    split: SplitName = "test",
    pool: Pool = "cls",
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write a CSV with a row per model and setting."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure metrics at several numbers of samples and of neighbours.

    agreement: Spearman's correlation over layers with the largest setting, within each model.
    reliability: of the layers' profile, from two halves of the samples (Spearman-Brown).
    seconds are of this machine now, for orientation. Draws are nested; nothing is stored.

    Examples: alignkit stability --metric mknn --samples 128 --samples 256 --k 5 --k 10

    alignkit stability text/ vision/ --metric cka
    """
    from alignkit.analysis.stability import plan, summarise
    from alignkit.analysis.stability import stability as measure_settings
    from alignkit.cli import console
    from alignkit.plugins import registry

    named = [one for one in metric or () if one != "all"]
    if paths and not any((path / "config.json").is_file() for path in paths):
        models = _of_arrays(paths)
    else:
        chosen = chosen_runs(paths, runs, task, placement, splits=[check_split(split)])
        models = _of_runs(chosen, split, pool)
    wanted = plan(models, samples, k, splits, null, seed)
    table = measure_settings(
        models,
        named or registry().names("metrics"),
        wanted,
        lenient=not named,
        reporter=console.TerminalReporter(),
    )
    summary = summarise(table)
    if output is not None:
        from alignkit.runs.files import write_csv

        write_csv(output, table)
    if figures is not None:
        from alignkit.report.questions import draw_stability

        draw_stability(table, summary, figures)
    if json:
        console.print_json(
            {
                "settings": {
                    "samples": wanted.samples,
                    "k": wanted.k,
                    "splits": wanted.splits,
                    "null": wanted.null,
                    "seed": wanted.seed,
                    "models": [model.name for model in models],
                    "layers": [len(model.xs) for model in models],
                },
                "summary": console.records(summary),
                "models": console.records(table),
            }
        )
    else:
        _show(summary, models)


def _of_runs(runs: Sequence[Any], split: str, pool: str) -> "list[Layers]":
    from alignkit.analysis.stability import layers_of_run
    from alignkit.cli import console

    return [layers_of_run(run, split, pool, console.TerminalReporter()) for run in runs]


def _of_arrays(paths: Sequence[Path]) -> "list[Layers]":
    from alignkit.analysis.stability import Layers
    from alignkit.errors import UsageError
    from alignkit.metrics import read_arrays

    if len(paths) != 2:
        raise UsageError(
            f"{len(paths)} path(s) that are no run directories; give two arrays or folders, or runs"
        )
    xs, ys = (read_arrays(path) for path in paths)
    if len({one.n for one in (*xs, *ys)}) > 1:
        sizes = ", ".join(str(n) for n in sorted({one.n for one in (*xs, *ys)}))
        raise UsageError(
            f"{paths[0]} and {paths[1]} hold different numbers of samples ({sizes}); "
            "rows must be the same samples in the same order"
        )
    both = min(len(xs), len(ys))
    return [Layers(f"{paths[0]}, {paths[1]}", xs[:both], ys[:both])]


def _show(summary: "pd.DataFrame", models: "Sequence[Layers]") -> None:
    from alignkit.cli import console

    rows = console.records(summary)
    for row in rows:
        row["k"] = None if row["k"] is None else int(row["k"])
    shown = [c for c in COLUMNS if any(row[c] not in (None, "") for row in rows)]
    layers = sorted({len(model.xs) for model in models})
    console.print_table(
        rows,
        shown,
        title=f"stability over {len(models)} model(s) of {' or '.join(map(str, layers))} layers",
    )
    if max(layers) < 3:
        console.note("note: agreement and reliability compare layers; they need 3 or more")
