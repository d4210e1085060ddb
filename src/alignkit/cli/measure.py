"""``alignkit measure``: on runs, or on anyone's arrays."""

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
    TableFile,
    Tasks,
    check_split,
    chosen_runs,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.runs import Run


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="The chain")(measure)


def measure(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN... | X Y]",
            help="Run directories (every run if none), or two arrays: .npy, .npz, .safetensors, "
            ".csv, .parquet, or a folder with one file per layer.",
        ),
    ] = None,
    metric: Metrics = None,
    k: Annotated[
        int | None, typer.Option("--k", help="Neighbours, for every metric that has k.")
    ] = None,
    layers: Annotated[
        str,
        typer.Option(
            help="all, same, last, max, max-pair, fusions, before, after, indices and ranges "
            "(0,3,7-11), or globs over sites (t0*,v.f*) or names of layers."
        ),
    ] = "all",
    streams: Annotated[
        str | None,
        typer.Option(
            help="cross, text, vision or all, or several with commas. cross if not given; with "
            "--between text,vision."
        ),
    ] = None,
    between: Annotated[
        bool,
        typer.Option("--between", help="Measure the sites of the first run against the second's."),
    ] = False,
    split: Annotated[
        list[str] | None,
        typer.Option("--split", help="train, validation or test; may repeat. test if not given."),
    ] = None,
    pool: Pool = "cls",
    samples: Samples = None,
    seed: Seed = 0,
    null: Annotated[
        int, typer.Option("--null", help="Permutations of rows for a null, its p and calibration.")
    ] = 0,
    interval: Annotated[
        int, typer.Option("--interval", help="Resamples of the samples for a 95 % interval.")
    ] = 0,
    dtype: Annotated[
        str,
        typer.Option(
            help="auto (the arrays' own, float64 where they differ), float32 or float64, for "
            "large products."
        ),
    ] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Bound on what is kept and on blocks: 2GB, 500MB. Half of what is free if not "
            "given.",
        ),
    ] = None,
    task: Tasks = None,
    placement: Placements = None,
    runs: RunsFolder = Path("runs"),
    output: TableFile = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure alignment over pairs of layers.

    On runs, the values are also stored in each run's alignment.csv. --metric all takes every
    registered metric that can take the data. Nothing is stored of --between and of arrays but
    by --output.

    Examples: alignkit measure --metric cka --layers all

    alignkit measure x.npy y.npy --metric cka --metric mknn:k=20 --null 200 --json
    """
    from alignkit.alignment.options import MeasureOptions
    from alignkit.cli import console
    from alignkit.cli.resources import check_device, use_memory
    from alignkit.errors import UsageError

    MeasureOptions(null, interval, seed, dtype)  # refuses numbers out of range before any work
    if output is not None and output.is_dir():
        raise UsageError(f"--output {output} is a folder; expected the name of a .csv file")
    use_memory(memory)
    specs = specs_or_default(metric, k)
    options: dict[str, Any] = {
        "layers": layers.strip(),
        "samples": samples,
        "seed": seed,
        "null": null,
        "interval": interval,
        "lenient": "all" in (metric or ()),
        "reporter": console.TerminalReporter(),
    }
    arrays = bool(paths) and not any((path / "config.json").is_file() for path in paths or ())
    if arrays:
        _refuse_options_of_runs(between, split, streams, task, placement)
        options |= {"dtype": dtype, "device": check_device(device)}
        table = _arrays(paths or (), specs, output, options)
    else:
        splits = [check_split(one) for one in split or ["test"]]
        chosen = chosen_runs(paths, runs, task, placement, splits=splits)
        options |= {"pool": _check_pool(pool), "dtype": dtype, "device": check_device(device)}
        if between:
            table = _between(chosen, specs, splits, streams or "text,vision", output, options)
        else:
            options["force"] = force
            table = _runs(chosen, specs, splits, streams or "cross", output, options)
    _finish(console.records(table), json)


def specs_or_default(given: Sequence[str] | None, k: int | None = None) -> list[str]:
    """Metrics that were named; all of them for ``all``, the default one for none.

    Parameters
    ----------
    given : sequence of str, optional
    k : int, optional
        Sets the parameter k of every metric that has one and does not name it.

    Raises
    ------
    UsageError
        When none of the metrics has a parameter k.
    """
    from alignkit.plugins import registry

    named: list[str] = []
    for spec in given or [registry().default("metrics").name]:
        named += registry().names("metrics") if spec == "all" else [spec]
    specs = list(dict.fromkeys(named))
    return specs if k is None else list(dict.fromkeys(_with_k(specs, k)))


def _with_k(specs: Sequence[str], k: int) -> list[str]:
    from alignkit.errors import UsageError
    from alignkit.plugins import registry
    from alignkit.plugins.options import format_spec, options_of, parse_spec

    changed, takers = [], 0
    for spec in specs:
        name, given = parse_spec(spec)
        has_k = "k" in options_of(registry().get("metrics", name).load())
        takers += has_k
        changed.append(format_spec(name, {"k": str(k)} | given) if has_k else spec)
    if not takers:
        raise UsageError(f"--k {k}: none of {', '.join(specs)} has a parameter k")
    return changed


def _check_pool(name: str) -> str:
    from alignkit.errors import UsageError
    from alignkit.runs.run import POOLS

    if name not in POOLS:
        raise UsageError(f"unknown pooling '{name}'; known: {', '.join(POOLS)}")
    return name


def _refuse_options_of_runs(between: bool, split: Any, streams: Any, *filters: Any) -> None:
    from alignkit.errors import UsageError

    names = ("--between", "--split", "--streams", "--task", "--placement")
    for name, value in zip(names, (between, split, streams, *filters), strict=True):
        if value:
            raise UsageError(f"{name} is for runs, and these paths are none; leave it out")


def _runs(
    runs: "Sequence[Run]",
    specs: Sequence[str],
    splits: Sequence[str],
    streams: str,
    output: Path | None,
    options: dict[str, Any],
) -> "pd.DataFrame":
    import pandas as pd

    from alignkit.alignment.runs import measure_run

    tables = []
    for run in _selectable(runs, options["layers"], streams):
        for split in splits:
            table = measure_run(run, specs, split=split, streams=streams, **options)
            table.insert(0, "run", str(run.path))
            tables.append(table)
    return _written(pd.concat(tables, ignore_index=True), output)


def _selectable(runs: "Sequence[Run]", layers: str, streams: str) -> "list[Run]":
    """Runs in which the selection means something, all of them checked before any work.

    A run without fusions among several is left out where fusions were asked for.
    """
    from alignkit.cli import console
    from alignkit.errors import UsageError
    from alignkit.models.pairs import AT_FUSIONS, select_pairs

    kept = []
    for run in runs:
        try:
            select_pairs(run.schedule(), layers, streams)
        except UsageError as error:
            if layers not in AT_FUSIONS or len(runs) == 1 or len(run.config.placement):
                raise UsageError(f"{run.path}: {error}") from None
            console.note(f"note: {run.path} has no fusions and is left out")
        else:
            kept.append(run)
    if not kept:
        raise UsageError(f"--layers {layers}: none of the {len(runs)} runs has a fusion")
    return kept


def _between(
    runs: "Sequence[Run]",
    specs: Sequence[str],
    splits: Sequence[str],
    streams: str,
    output: Path | None,
    options: dict[str, Any],
) -> "pd.DataFrame":
    from alignkit.alignment.partial import parts_of
    from alignkit.alignment.runs import measure_between
    from alignkit.errors import UsageError
    from alignkit.runs.files import sha256_of

    if len(runs) != 2 or len(splits) > 2:
        raise UsageError(
            f"--between takes two runs and one or two splits; there are {len(runs)} and "
            f"{len(splits)}"
        )
    inputs = (
        f"{sha256_of(run.model_file)} {split}"
        for run, split in zip(runs, (splits[0], splits[-1]), strict=True)
    )
    with parts_of(output, inputs, options["reporter"]) as parts:
        table = measure_between(
            runs[0],
            runs[1],
            specs,
            splits=(splits[0], splits[-1]),
            streams=streams,
            parts=parts,
            **options,
        )
        table.insert(0, "run", str(runs[0].path))
        table.insert(1, "other", str(runs[1].path))
        return _written(table, output)


def _arrays(
    paths: Sequence[Path], specs: Sequence[str], output: Path | None, options: dict[str, Any]
) -> "pd.DataFrame":
    from alignkit.alignment.arrays import measure_arrays
    from alignkit.alignment.options import MeasureOptions
    from alignkit.alignment.partial import digests, parts_of
    from alignkit.errors import UsageError
    from alignkit.metrics.arrays import SUFFIXES, read_sides

    if len(paths) != 2:
        raise UsageError(
            f"{len(paths)} path(s) that are no run directories; give two arrays or folders, or runs"
        )
    precision, device = MeasureOptions(dtype=options.pop("dtype")).precision, options.pop("device")
    xs, ys = read_sides(paths[0], paths[1], precision, device)
    inputs = (one for path in paths for one in digests(path, (*SUFFIXES, ".json")))
    with parts_of(output, inputs, options["reporter"]) as parts:
        table = measure_arrays(xs, ys, specs, parts=parts, **options)
        return _written(table.drop(columns=["split", "pool"]), output)


def _written(table: "pd.DataFrame", output: Path | None) -> "pd.DataFrame":
    from alignkit.runs.files import write_csv

    if output is not None:
        write_csv(output, table)
    return table


def _finish(rows: list[dict[str, Any]], json: bool) -> None:
    from alignkit.cli import console
    from alignkit.cli.values import show

    for warning in dict.fromkeys(row["warning"] for row in rows):
        if warning:
            console.note(f"note: {warning}")
    if json:
        console.print_json(rows)
    else:
        show(rows)
