"""``alignkit measure``: alignment of runs, or of arrays from anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignkit.cli.arguments import (
    ALIGNMENT,
    EXECUTION,
    REPRESENTATIONS,
    RUNS,
    Axis,
    Explain,
    Force,
    Groups,
    Ids,
    Json,
    Memory,
    Metrics,
    MovedData,
    Placements,
    Pools,
    Precision,
    RunsFolder,
    Samples,
    Seed,
    TableFile,
    Tasks,
    Within,
)
from alignkit.cli.attempts import Attempts, attempted
from alignkit.cli.encoders import EncodersFolder, measure_stored_encoders
from alignkit.cli.pages import link_results
from alignkit.cli.selection import (
    are_runs,
    check_split,
    chosen_runs,
    given_options,
    metric_specs,
    refuse,
    single_pool,
    two_paths,
)

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.alignment.rows import Key
    from alignkit.alignment.table import AlignmentTable
    from alignkit.runs import Run

    Columns = dict[str, list[Any]]

Option = typer.Option
ARRAYS = (
    ".npy, .npz, .safetensors, .pt, .h5, .mat, .csv, .tsv or .parquet files, or folders with one "
    "such file per layer"
)
# The columns from which notes are made.
NOTES = ("warning", "within", "groups")
NOTED = ("metric", *NOTES, "value", "chance", "null_mean")


def add_to(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Chain")(measure)


def measure(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN... | X Y",
            help="Run directories or folders of them, or two arrays X and Y with the same "
            f"samples in their rows: {ARRAYS}. Without any, all runs under --runs.",
        ),
    ] = None,
    metric: Metrics = None,
    k: Annotated[
        int | None,
        Option(
            "--k",
            metavar="N",
            help="Number of neighbours, for all metrics that have a parameter k.",
            show_default="that of each metric",
            rich_help_panel=ALIGNMENT,
        ),
    ] = None,
    layers: Annotated[
        str,
        Option(
            "--layers",
            metavar="LAYERS",
            help="Pairs of layers to measure: all, same, last, max, max-pair, fusions, before, "
            "after, within one stream next (each with the layer after it) and to-last, indices and "
            "ranges (0,3,7-11), or patterns of site or layer names (t0*,v.f*).",
            rich_help_panel=ALIGNMENT,
        ),
    ] = "all",
    streams: Annotated[
        str | None,
        Option(
            "--streams",
            metavar="STREAMS",
            help="Pairs of streams to measure: cross, text, vision or all, or several of these, "
            "separated by commas.",
            show_default="cross; text,vision with --between",
            rich_help_panel=ALIGNMENT,
        ),
    ] = None,
    between: Annotated[
        bool,
        Option(
            "--between",
            help="Compare two runs: measure the layers of the first against those of the second.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = False,
    null: Annotated[
        int,
        Option(
            "--null",
            metavar="N",
            help="Number of row permutations for the null distribution, from which p-values and "
            "calibrated values follow; 0 for none.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 0,
    interval: Annotated[
        int,
        Option(
            "--interval",
            metavar="N",
            help="Number of resamples for a 95 % confidence interval; 0 for none.",
            rich_help_panel=ALIGNMENT,
        ),
    ] = 0,
    within: Within = None,
    groups: Groups = None,
    split: Annotated[
        list[str] | None,
        Option(
            "--split",
            metavar="SPLIT",
            help="Data split: train, validation or test; repeatable.",
            show_default="test",
            rich_help_panel=REPRESENTATIONS,
        ),
    ] = None,
    pool: Pools = None,
    axis: Axis = None,
    samples: Samples = None,
    id: Ids = None,
    encoder: Annotated[
        list[str] | None,
        Option(
            "--encoder",
            "-e",
            metavar="PATTERN",
            help="Stored encoders, by label or pattern ('*' for all): each text encoder is "
            "measured against each vision encoder, or as --streams says; repeatable.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    encoders: EncodersFolder = Path("encoders"),
    task: Tasks = None,
    placement: Placements = None,
    data: MovedData = None,
    runs: RunsFolder = Path("runs"),
    seed: Seed = 0,
    dtype: Precision = "auto",
    device: Annotated[
        str,
        Option(
            "--device",
            metavar="DEVICE",
            help="Device to compute on: cpu, cuda, ...",
            rich_help_panel=EXECUTION,
        ),
    ] = "cpu",
    memory: Memory = None,
    force: Force = False,
    explain: Explain = False,
    output: TableFile = None,
    json: Json = False,
) -> None:
    """Measure alignment between pairs of layers.

    For runs, values are also stored in each run's alignment.csv. For arrays and with --between,
    they are only printed, and written to the file given by --output. With --metric all, every
    registered metric that accepts the data is measured. With --within, each value within classes
    stands beside the plain one.

    Examples: alignkit measure --metric unbiased_cka --layers all

    alignkit measure --encoder '*' --task emoji --layers max-pair --null 200

    alignkit measure x.npy y.npy --metric unbiased_cka --metric mknn:k=20 --null 200 --json
    """
    from alignkit.alignment.options import MeasureOptions
    from alignkit.cli.printing import console
    from alignkit.cli.resources import check_device, use_memory
    from alignkit.errors import UsageError
    from alignkit.progress import explain_units

    explain_units(explain)
    MeasureOptions(null, interval, seed, dtype)  # refuses values out of range before any work
    if output is not None and output.is_dir():
        raise UsageError(f"--output {output} is a folder; give the name of a .csv file")
    use_memory(memory)
    specs = metric_specs(metric, k)
    options: dict[str, Any] = {
        "layers": layers.strip(),
        "samples": samples,
        "seed": seed,
        "null": null,
        "interval": interval,
        "groups": groups or "",
        "lenient": "all" in (metric or ()),
        "reporter": console.TerminalReporter(),
    }
    done: Attempts[Measured] | None = None
    if encoder:
        of_runs = given_options(
            paths=paths, placement=placement, between=between, id=id, data=data, axis=axis
        )
        refuse(of_runs, "does not go with --encoder")
        splits = [check_split(name) for name in split or ["test"]]
        options |= {"dtype": dtype, "device": check_device(device), "force": force}
        options["pool"] = single_pool(pool) or ""
        table = measure_stored_encoders(
            encoder, encoders, task, splits, streams or "cross", specs, _designs(within), options
        )
        table = _written(table, output)
    elif not are_runs(paths):
        _refuse_options_of_runs(between, split, streams, task, placement)
        options |= {"dtype": dtype, "device": check_device(device)}
        given = {"ids": id or [], "axis": axis or [], "pool": pool or []}
        table = _arrays(paths or (), given, specs, within, output, options)
    else:
        if id:
            raise UsageError("`id` names a column of tables, and runs have none")
        refuse(given_options(axis=axis), "says what arrays hold, and does not go with runs")
        splits = [check_split(name) for name in split or ["test"]]
        chosen = chosen_runs(paths, runs, task, placement, splits=splits, data=data)
        options |= {
            "pool": _check_pool(single_pool(pool) or "cls"),
            "dtype": dtype,
            "device": check_device(device),
        }
        if between:
            table = _between(
                chosen, specs, splits, streams or "text,vision", within, output, options
            )
        else:
            options["force"] = force
            done = _runs(chosen, specs, splits, streams or "cross", within, output, options)
    if done is None:
        _finish(console.records(table), json)
    else:
        _finish_runs(done.results, json)
        done.fail_if_any()


def _check_pool(name: str) -> str:
    from alignkit.contracts.pooling import require_pooling

    require_pooling(name)
    return name


def _refuse_options_of_runs(between: bool, split: Any, streams: Any, *filters: Any) -> None:
    from alignkit.errors import UsageError

    names = ("--between", "--split", "--streams", "--task", "--placement")
    for name, value in zip(names, (between, split, streams, *filters), strict=True):
        if value:
            raise UsageError(
                f"{name} applies only to runs, but these paths are not run directories"
            )


@dataclass(frozen=True)
class Measured:
    """What was measured of a run: tables, of which rows are made as they are printed.

    Attributes
    ----------
    run : str
        Its path.
    tables : list of (AlignmentTable, list of key)
    """

    run: str
    tables: "list[tuple[AlignmentTable, list[Key]]]"

    def columns(self, names: Sequence[str] | None = None) -> "Columns":
        """Return the rows of all tables column by column, after the path of the run."""
        from alignkit.alignment.table import joined

        columns = joined([table.columns(keys, names) for table, keys in self.tables])
        return {"run": [self.run] * len(columns["metric"])} | columns

    def rows(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return the rows of all tables."""
        from alignkit.cli.printing.values import plain_rows

        return plain_rows(self.columns(names))

    def noted(self) -> list[dict[str, Any]]:
        """Return what there is to be said of the rows of tables that have anything to say."""
        from alignkit.cli.printing.values import plain_rows

        columns = (
            table.columns(keys, NOTED) for table, keys in self.tables if table.may_hold_text(NOTES)
        )
        return [
            row
            for part in columns
            if any(any(part[name]) for name in NOTES)
            for row in plain_rows(part)
        ]


def _runs(
    runs: "Sequence[Run]",
    specs: Sequence[str],
    splits: Sequence[str],
    streams: str,
    within: str | None,
    output: Path | None,
    options: dict[str, Any],
) -> "Attempts[Measured]":
    from alignkit.alignment.runs import run_tables
    from alignkit.alignment.table import frame, joined
    from alignkit.runs.config import fingerprint_once

    def measured(run: "Run") -> Measured:
        tables = []
        for split in splits:
            for classes in _designs(within):
                every, keys = run_tables(
                    run, specs, split=split, streams=streams, within=classes, **options
                )
                tables += [(table, keys) for table in every]
        return Measured(str(run.path), tables)

    with fingerprint_once():
        done = attempted(_selectable(runs, options["layers"], streams), measured)
    if output is not None:
        columns = joined([each.columns() for each in done.results])
        table = frame({name: values for name, values in columns.items() if name != "run"})
        table.insert(0, "run", columns["run"])
        _written(table, output)
    return done


def _selectable(runs: "Sequence[Run]", layers: str, streams: str) -> "list[Run]":
    """Return the runs to which the selection applies; check all of them before any work.

    Where the selection asks for fusions, runs that have none are left out, unless the run is
    the only one.
    """
    from alignkit.cli.printing import console
    from alignkit.errors import UsageError
    from alignkit.models.pairs import AT_FUSIONS, select_pairs

    kept = []
    for run in runs:
        try:
            select_pairs(run.schedule(), layers, streams)
        except UsageError as error:
            if layers not in AT_FUSIONS or len(runs) == 1 or len(run.config.placement):
                raise UsageError(f"{run.path}: {error}") from None
            console.note(f"note: {run.path} is left out: it has no fusions")
        else:
            kept.append(run)
    if not kept:
        raise UsageError(f"--layers {layers}: none of the {len(runs)} runs has fusions")
    return kept


def _between(
    runs: "Sequence[Run]",
    specs: Sequence[str],
    splits: Sequence[str],
    streams: str,
    within: str | None,
    output: Path | None,
    options: dict[str, Any],
) -> "pd.DataFrame":
    import pandas as pd

    from alignkit.alignment.partial import parts_of
    from alignkit.alignment.runs import measure_between
    from alignkit.errors import UsageError
    from alignkit.runs.files import sha256_of

    if len(runs) != 2 or len(splits) > 2:
        raise UsageError(
            f"--between takes two runs and one or two splits; it got {len(runs)} run(s) and "
            f"{len(splits)} split(s)"
        )
    inputs = (
        f"{sha256_of(run.model_file)} {split}"
        for run, split in zip(runs, (splits[0], splits[-1]), strict=True)
    )
    with parts_of(output, inputs, options["reporter"]) as parts:
        tables = [
            measure_between(
                runs[0],
                runs[1],
                specs,
                splits=(splits[0], splits[-1]),
                streams=streams,
                parts=parts,
                within=classes,
                **options,
            )
            for classes in _designs(within)
        ]
        table = pd.concat(tables, ignore_index=True)
        table.insert(0, "run", str(runs[0].path))
        table.insert(1, "other", str(runs[1].path))
        return _written(table, output)


def _arrays(
    paths: Sequence[Path],
    given: dict[str, list[str]],
    specs: Sequence[str],
    within: str | None,
    output: Path | None,
    options: dict[str, Any],
) -> "pd.DataFrame":
    import pandas as pd

    from alignkit.alignment.arrays import measure_arrays
    from alignkit.alignment.options import MeasureOptions
    from alignkit.alignment.partial import digests_of, parts_of
    from alignkit.metrics.arrays import files_read, read_sides

    x, y = two_paths(paths)
    precision, device = MeasureOptions(dtype=options.pop("dtype")).precision, options.pop("device")
    xs, ys = read_sides(x, y, precision, device, reporter=options["reporter"], **given)
    files = [digest for path in paths for digest in digests_of(path, files_read(path))]
    names = {"ids": "id"}
    said = [f"{names.get(key, key)} {value}" for key, values in given.items() for value in values]
    with parts_of(output, (*files, *said), options["reporter"]) as parts:
        tables = [
            measure_arrays(xs, ys, specs, parts=parts, within=classes, **options)
            for classes in _designs(within)
        ]
        table = pd.concat(tables, ignore_index=True)
        table["pool"] = ",".join(given["pool"])
        return _written(
            table.drop(columns=["split"] if given["pool"] else ["split", "pool"]), output
        )


def _designs(within: str | None) -> list[str]:
    """Return the classes to measure within: none, and those asked for."""
    return ["", within] if within else [""]


def _written(table: "pd.DataFrame", output: Path | None) -> "pd.DataFrame":
    from alignkit.runs.files import write_results

    if output is not None:
        write_results(output, table)
        link_results(output)
    return table


def _warnings(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return each warning once, after all the metrics that it is about."""
    metrics: dict[str, dict[str, None]] = {}
    for row in rows:
        # A metric names itself before each of its warnings; those on the samples have no name.
        nameless, *own = f"; {row['warning']}".split(f"; {row['metric']}: ")
        if nameless := nameless.removeprefix("; "):
            metrics.setdefault(nameless, {})
        for text in own:
            metrics.setdefault(text, {})[row["metric"]] = None
    return [f"{', '.join(names)}: {text}" if names else text for text, names in metrics.items()]


def _finish(rows: list[dict[str, Any]], json: bool) -> None:
    from alignkit.cli.printing import console
    from alignkit.cli.printing.values import show

    _note(rows)
    if json:
        console.print_json(rows)
    else:
        show([rows])


def _finish_runs(results: Sequence[Measured], json: bool) -> None:
    """Print what was measured run by run: of all together there may be millions of rows."""
    from alignkit.cli.printing import console
    from alignkit.cli.printing.values import MOST_HEATMAPS, SHOWN, show, show_briefly

    _note([row for each in results for row in each.noted()])
    if json:
        console.print_json_parts(each.rows() for each in results)
    elif sum(len(each.tables) for each in results) > MOST_HEATMAPS:
        show_briefly((each.run, table, keys) for each in results for table, keys in each.tables)
    else:
        show(each.rows(SHOWN) for each in results)


def _note(rows: Sequence[dict[str, Any]]) -> None:
    """Say what is to be known of rows, each warning once."""
    from alignkit.cli.printing import console
    from alignkit.report.within import groups_sentence, unknown_chance, within_sentence

    for warning in _warnings(rows):
        console.note(f"note: {warning}")
    said = [within_sentence(row["within"]) for row in rows if row["within"]]
    said += [groups_sentence(row["groups"]) for row in rows if row["groups"]]
    said += unknown_chance(rows)
    for line in dict.fromkeys(said):
        console.note(f"note: {line}")
