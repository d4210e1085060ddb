"""``alignkit measure``: on runs, or on anyone's arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    Force,
    Json,
    Metrics,
    Placements,
    Pool,
    RunsFolder,
    Samples,
    Seed,
    SplitName,
    Tasks,
    check_split,
    chosen_runs,
)

if TYPE_CHECKING:
    from alignkit.metrics import Metric, Representation


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(measure)


def measure(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN... | X Y]",
            help="Run directories (every run if none), or two arrays: .npy, .npz, .safetensors, "
            ".csv, .parquet, or a folder with one .npy per layer.",
        ),
    ] = None,
    metric: Metrics = None,
    layers: Annotated[
        str,
        typer.Option(help="all, same, last, fusions, indices (0,3,7-11), or globs over sites."),
    ] = "all",
    streams: Annotated[str, typer.Option(help="cross, text, vision or all.")] = "cross",
    split: SplitName = "test",
    pool: Pool = "cls",
    samples: Samples = None,
    seed: Seed = 0,
    null: Annotated[
        int, typer.Option("--null", help="Permutations of rows for a null, its p and calibration.")
    ] = 0,
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = Path("runs"),
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the table as CSV.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure alignment over pairs of layers.

    On runs, the values are also stored in each run's alignment.csv. --metric all takes every
    registered metric.

    Examples: alignkit measure --metric cka --layers all

    alignkit measure x.npy y.npy --metric cka --metric mknn:k=20 --json
    """
    from alignkit.cli import console

    if null < 0:
        raise typer.BadParameter("must be at least 0", param_hint="--null")
    specs = specs_or_default(metric)
    if paths and not any((path / "config.json").is_file() for path in paths):
        rows, shapes = _arrays(paths, specs, layers, samples, seed, null)
    else:
        rows, shapes = _runs(
            chosen_runs(paths, runs, task, placement), specs, layers=layers, streams=streams,
            split=check_split(split), pool=pool, samples=samples, seed=seed, null=null, force=force,
        )  # fmt: skip
    if output is not None:
        import pandas as pd

        from alignkit.runs.files import write_csv

        write_csv(output, pd.DataFrame(rows))
    for warning in dict.fromkeys(row.get("warning") for row in rows):
        if warning:
            console.note(f"note: {warning}")
    if json:
        console.print_json(rows)
    else:
        _show(rows, shapes)


def specs_or_default(given: Sequence[str] | None) -> list[str]:
    """Metrics that were named; all of them for ``all``, the default one for none."""
    from alignkit.plugins import registry

    if not given:
        return [registry().default("metrics").name]
    if "all" in given:
        return registry().names("metrics")
    return list(dict.fromkeys(given))


def _runs(runs: Sequence[Any], specs: Sequence[str], **options: Any) -> tuple[list[Any], bool]:
    from alignkit.chain.measure import measure_run
    from alignkit.cli import console

    rows = []
    for run in runs:
        table = measure_run(run, specs, talk=console.TerminalTalk(), **options)
        rows += [{"run": str(run.path)} | row for row in console.records(table)]
    return rows, True


def _arrays(
    paths: Sequence[Path], specs: Sequence[str], layers: str, samples: int | None, seed: int,
    null: int,
) -> tuple[list[dict[str, Any]], bool]:  # fmt: skip
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.metrics import grid, read_arrays, resolve

    if len(paths) != 2:
        raise UsageError(
            f"{len(paths)} path(s) that are no run directories; give two arrays or folders, or runs"
        )
    xs, ys = (read_arrays(path) for path in paths)
    xs, ys = _sampled(xs, ys, samples, seed)
    pairs = _array_pairs(layers, len(xs), len(ys))
    rows = []
    talk = console.TerminalTalk()
    resolved = [resolve(spec) for spec in specs]
    with talk.progress("measure", len(pairs) * len(resolved)) as bar:
        for metric in resolved:
            bar.describe(f"measure {metric.spec}")
            values = grid(metric, xs, ys, pairs=pairs, null=null, seed=seed, progress=bar.advance)
            rows += [_row(metric, value) for value in values]
    return rows, len(pairs) > 1


def _sampled(
    xs: list[Representation], ys: list[Representation], samples: int | None, seed: int
) -> tuple[list[Representation], list[Representation]]:
    from alignkit.chain.measure import draw_rows
    from alignkit.cli import console

    rows = draw_rows(xs[0].n, samples, seed, console.TerminalTalk())
    if rows is None or xs[0].n != ys[0].n:
        return xs, ys
    return [x[rows] for x in xs], [y[rows] for y in ys]


def _array_pairs(layers: str, n_x: int, n_y: int) -> list[tuple[int, int]]:
    from alignkit.errors import UsageError

    if layers == "all":
        return [(i, j) for i in range(n_x) for j in range(n_y)]
    if layers == "last":
        return [(n_x - 1, n_y - 1)]
    if layers == "same":
        return [(i, i) for i in range(min(n_x, n_y))]
    if layers.isdigit() and int(layers) < min(n_x, n_y):
        return [(int(layers), int(layers))]
    raise UsageError(
        f"--layers {layers} is not for arrays; expected all, same, last or an index below "
        f"{min(n_x, n_y)}"
    )


def _row(metric: Metric, value: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from alignkit.plugins.options import format_spec

    parameters = format_spec("", metric.parameters).removeprefix(":")
    return {"metric": metric.name, "parameters": parameters, **asdict(value)}


def _show(rows: list[dict[str, Any]], many: bool) -> None:
    """A heat map for a grid, a table otherwise."""
    from alignkit.cli import console
    from alignkit.cli.heatmap import print_heatmap

    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        key = tuple(str(row.get(name) or "") for name in ("run", "metric", "parameters"))
        groups.setdefault(key, []).append(row)
    listed: list[dict[str, Any]] = []
    for key, group in groups.items():
        if len({row["x"] for row in group}) > 1 and len({row["y"] for row in group}) > 1 and many:
            print_heatmap(" ".join(part for part in key if part), group)
        else:
            listed += group
    if listed:
        optional = ("run", "parameters", "reason", "chance", "null_mean", "p", "calibrated",
                "self_score")  # fmt: skip
        shown = [c for c in optional if any(row.get(c) not in (None, "") for row in listed)]
        columns = ["run", "metric", "parameters", "x", "y", "n", "value", *optional[2:]]
        console.print_table(listed, [c for c in columns if c not in optional or c in shown])
