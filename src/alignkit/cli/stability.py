"""``alignkit stability``: how many samples does a metric need, and which k?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    OUTPUT,
    REPRESENTATIONS,
    AllMetrics,
    Axis,
    Figures,
    Ids,
    Json,
    Placements,
    Pools,
    RunsFolder,
    Seed,
    SplitName,
    TableFormat,
    Tasks,
    Where,
)
from alignkit.cli.pages import link_results
from alignkit.cli.selection import (
    are_runs,
    check_split,
    chosen_runs,
    given_options,
    measurable,
    metrics_or_all,
    refuse,
    single_pool,
    two_paths,
)

if TYPE_CHECKING:
    from alignkit.analysis.stability import Layers


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Questions")(stability)


def stability(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN... | X Y",
            help="Run directories, or two arrays or folders with one file per layer. Without any, "
            "all runs under --runs.",
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    where: Where = None,
    metric: AllMetrics = None,
    samples: Annotated[
        list[int] | None,
        typer.Option(
            "--samples",
            metavar="N",
            help="Number of samples to measure on; repeatable.",
            show_default="all, and halved repeatedly",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "--k",
            metavar="N",
            help="Number of neighbours, for metrics that have a parameter k; repeatable.",
            show_default="5, 10, 20 and 50, below half of the samples",
            rich_help_panel=ALIGNMENT,
        ),
    ] = None,
    splits: Annotated[
        int,
        typer.Option(
            "--splits",
            metavar="N",
            help="Number of random half-splits for split-half reliability.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 5,
    null: Annotated[
        int,
        typer.Option(
            "--null",
            metavar="N",
            help="Number of row permutations that estimate the chance level of metrics without a "
            "closed form; 0 for none.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 10,
    split: SplitName = "test",
    pool: Pools = None,
    axis: Axis = None,
    id: Ids = None,
    seed: Seed = 0,
    runs: RunsFolder = Path("runs"),
    figures: Figures = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also write a CSV file with one row per model and setting.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    format: TableFormat = "",
    json: Json = False,
) -> None:
    """Measure how metrics depend on sample size and k.

    agreement is the Spearman correlation over layers with the largest setting, within each
    model. reliability is the split-half reliability of the profile over layers, after the
    Spearman-Brown correction. seconds is the time it took on this machine. Smaller samples are
    subsets of larger ones; nothing is stored.

    Examples: alignkit stability --metric mknn --samples 128 --samples 256 --k 5 --k 10

    alignkit stability text/ vision/ --metric unbiased_cka
    """
    from alignkit.analysis.stability import plan_settings
    from alignkit.analysis.stability import stability as measure_stability
    from alignkit.cli.printing import console
    from alignkit.cli.printing.results import plain_tables, print_result
    from alignkit.cli.printing.stability import show

    metrics, lenient = metrics_or_all(metric)
    if not are_runs(paths):
        _refuse_selection({"--task": task, "--placement": placement, "--where": where})
        models = _of_arrays(paths or (), id or (), axis or (), pool or ())
    else:
        _refuse_ids(id)
        refuse(given_options(axis=axis), "says what arrays hold, and does not go with runs")
        pooling = single_pool(pool) or "cls"
        on = [check_split(split)]
        chosen = chosen_runs(paths, runs, task, placement, splits=on, where=where)
        models = _of_runs(measurable(chosen, split, pooling), split, pooling)
    plan = plan_settings(models, samples, k, splits, null, seed)
    result = measure_stability(
        models, metrics, plan, lenient=lenient, reporter=console.TerminalReporter()
    )
    if output is not None or figures is not None:
        from alignkit.report.results import write_stability

        write_stability(result, table=output, figures=figures)
        link_results(output, figures=figures)
    print_result(
        lambda: plain_tables(result.tables, result.settings),
        lambda: show(result.summary, models),
        lambda: result.table,
        json=json,
        tables_as=format,
    )


def _of_runs(runs: Sequence[Any], split: str, pool: str) -> "list[Layers]":
    from alignkit.analysis.stability import layers_of_runs
    from alignkit.cli.printing import console

    return layers_of_runs(runs, split, pool, console.TerminalReporter())


def _refuse_selection(given: Mapping[str, list[str] | None]) -> None:
    """Refuse options that select runs where arrays are compared."""
    for name, values in given.items():
        if values:
            raise typer.BadParameter("arrays have no runs to select from", param_hint=name)


def _refuse_ids(ids: list[str] | None) -> None:
    if ids:
        raise typer.BadParameter("runs have no tables with a column of ids", param_hint="--id")


def _of_arrays(
    paths: Sequence[Path], ids: Sequence[str], axis: Sequence[str], pool: Sequence[str]
) -> "list[Layers]":
    from alignkit.analysis.stability import Layers
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.metrics.arrays import read_sides
    from alignkit.metrics.joining import matched

    x, y = two_paths(paths)
    reporter = console.TerminalReporter()
    xs, ys = read_sides(x, y, ids=ids, reporter=reporter, axis=axis, pool=pool)
    sizes = sorted({layer.n for layer in (*xs, *ys)})
    if len(sizes) > 1:
        raise UsageError(
            f"{x} and {y} have different numbers of samples ({', '.join(map(str, sizes))}); "
            "their rows must be the same samples in the same order"
        )
    depth = min(len(xs), len(ys))
    xs, ys = ([matched(xs[0], layer)[1] for layer in side[:depth]] for side in (xs, ys))
    return [Layers(f"{x}, {y}", xs, ys)]
