"""Alignment of many runs, layer by layer, as one tidy table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar

from alignkit.alignment.designs import name_of, shown_name
from alignkit.alignment.runs import RunKeywords, run_columns, run_tables
from alignkit.alignment.table import frame, joined
from alignkit.analysis.options import TableOptions
from alignkit.errors import DataError, UsageError
from alignkit.progress import SILENT, Reporter, of_each
from alignkit.runs import Run
from alignkit.runs.config import fingerprint_once
from alignkit.runs.units import unit_labels

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, list[Any]]
Found = TypeVar("Found")

RUN_COLUMNS = ("run", "task", "placement", "unit", "seed")
VALUE_COLUMNS = ("metric", "x", "y", "n", "value", "reason", "chance", "calibrated")
# The columns of a run's table of all values that are read of it.
STORED = (
    "split",
    "metric",
    "parameters",
    "pool",
    "x",
    "y",
    "n",
    "value",
    "reason",
    "chance",
    "null_mean",
    "draw_seed",
    "within",
    "groups",
    "version",
    "code",
)
_READ = (*VALUE_COLUMNS, "parameters")


# The streams of the two layers of a pair.
SIDES = {"cross": ("text", "vision"), "text": ("text", "text"), "vision": ("vision", "vision")}


def layer_values(
    runs: Sequence[Run],
    options: TableOptions,
    layers: Callable[[Run], Sequence[str]],
    null: int = 0,
    reporter: Reporter = SILENT,
    streams: str = "cross",
) -> pd.DataFrame:
    """Measure runs; values that are stored already are read.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions
        Its layer rule and outcome are not used.
    layers : callable
        The selections of layers to measure in a run, as for ``measure_run``. A pair that
        several selections contain is listed once.
    null : int
        Number of row permutations for every value. Calibrated values that are asked for but
        have no chance level in closed form are measured with ``options.null`` in any case.
    streams : str
        The pairs of streams, as for ``measure_run``.

    Returns
    -------
    DataFrame
        ``run``, ``task``, ``placement``, ``unit``, ``seed``, ``metric`` (the spec as given),
        ``x``, ``y``, ``n``, ``value``, ``reason``, ``chance``, ``calibrated``. It lacks runs whose
        files cannot be read, which are named.

    Raises
    ------
    UsageError
        When a metric cannot be computed on these data; if lenient, when none can.
    DataError
        When the files of no run can be read.
    """
    specs = _by_stored_name(options.metrics)
    units = unit_labels(runs, "variant")

    def measure(run: Run) -> list[Columns]:
        nonlocal specs
        own: list[Columns] = []
        for selection in layers(run):
            keywords = _keywords(options, selection, null, reporter) | {"streams": streams}
            own.append(_measure(run, units[run.path], specs, options, keywords))
            left = set(own[-1]["metric"])
            specs = {name: spec for name, spec in specs.items() if spec in left}
        return own

    table = _frame([table for _, own in _of_each(runs, measure, reporter) for table in own])
    table = table.drop_duplicates(["run", "metric", "x", "y"])
    return table[table["metric"].isin(specs.values())].reset_index(drop=True)


def measure_layers(
    runs: Sequence[Run],
    options: TableOptions,
    layers: Callable[[Run], Sequence[str]],
    reporter: Reporter = SILENT,
    streams: str = "cross",
) -> list[Run]:
    """Measure runs as ``layer_values`` does, where their values are not needed yet.

    Returns
    -------
    list of Run
        Without those whose files cannot be read.
    """
    if options.calibrated:  # what to permute follows from the values
        measured = layer_values(runs, options, layers, reporter=reporter, streams=streams)
        read = set(measured["run"])
        return [run for run in runs if str(run.path) in read]
    specs = list(_by_stored_name(options.metrics).values())

    def measure(run: Run) -> None:
        for selection in layers(run):
            keywords = _keywords(options, selection, 0, reporter) | {"streams": streams}
            run_tables(run, specs, **keywords)

    with fingerprint_once():
        return [run for run, _ in _of_each(runs, measure, reporter)]


def _of_each(
    runs: Sequence[Run], measure: Callable[[Run], Found], reporter: Reporter
) -> list[tuple[Run, Found]]:
    """Measure each run once; those whose files cannot be read are left out, and named."""
    distinct = {run.path: run for run in runs}.values()
    with reporter.progress("measure runs", len(distinct)) as bar:

        def measured(run: Run) -> Found:
            found = measure(run)
            bar.advance()
            return found

        return of_each(distinct, measured, lambda run: str(run.path), reporter, errors=DataError)


def _frame(tables: Sequence[Columns]) -> pd.DataFrame:
    import pandas as pd

    names = [*RUN_COLUMNS, *VALUE_COLUMNS]
    if not tables:
        return pd.DataFrame(columns=names)
    own = {"seed": "int64", **dict.fromkeys(set(RUN_COLUMNS) - {"seed"}, str)}
    columns = joined(tables)
    typed = frame({name: columns[name] for name in VALUE_COLUMNS})
    return pd.DataFrame(
        {name: pd.Series(columns[name], dtype=own[name]) for name in RUN_COLUMNS}
    ).join(typed)


def check_samples(values: pd.DataFrame) -> None:
    """Refuse to pool values that were measured on different numbers of samples.

    Their chance levels differ.

    Parameters
    ----------
    values : DataFrame
        ``run`` and ``n``.

    Raises
    ------
    UsageError
        With an example of every number.
    """
    sizes = values.groupby("n")["run"].first()
    if len(sizes) > 1:
        examples = ", ".join(f"{n} in {run}" for n, run in sizes.items())
        raise UsageError(
            f"alignment was measured on different numbers of samples ({examples}), which cannot "
            f"be pooled; measure all runs with `samples={sizes.index.min()}`"
        )


def values_of_draw(
    table: pd.DataFrame,
    split: str,
    pool: str,
    samples: int | None,
    seed: int,
    *,
    within: str = "",
    groups: str = "",
    streams: str = "cross",
) -> pd.DataFrame:
    """Return the values of one draw of samples that a run holds, for all pairs of two streams.

    Parameters
    ----------
    table : DataFrame
        Of ``alignment.csv``, of its columns ``STORED`` those that it has.
    split, pool : str
    samples : int or None
        The number of samples asked for; the largest that was measured when None. As for
        measuring, all samples are used where there are fewer than asked for.
    seed : int
        Seed of the draw. Draws with other seeds are different measurements.
    within, groups : str
        Facts of the samples that gave classes and groups; those measured without when empty.
    streams : str
        ``cross`` for text with vision, ``text`` or ``vision`` for pairs within one.
    """
    first, second = SIDES[streams]
    cross = table["x"].str.startswith(first[0]) & table["y"].str.startswith(second[0])
    for column, wanted in (("within", within), ("groups", groups)):
        if column in table:  # tables that are older than the column hold plain values only
            names = table[column].astype(object).fillna("").astype(str).map(shown_name)
            cross &= names == (name_of(wanted) if wanted else "")
    table = table[(table["split"] == split) & (table["pool"] == pool) & cross].copy()
    table["parameters"] = table["parameters"].fillna("")
    if "version" not in table:  # the table is older than the column
        table["version"] = 1
    table["code"] = table["code"].fillna("") if "code" in table else ""
    largest = table["n"]
    if largest.nunique() > 1:
        largest = table.groupby(["metric", "parameters"])["n"].transform("max")
    drawn = table["n"] < largest
    table = table[table["n"] == (largest if samples is None else largest.clip(upper=samples))]
    if "draw_seed" not in table:  # the table is older than the column
        return table
    draw_seed = table["draw_seed"].astype(float)
    table = table[~drawn[table.index] | draw_seed.isna() | (draw_seed == seed)]
    if not table.duplicated(["metric", "parameters", "x", "y"]).any():
        return table
    other = table["draw_seed"].astype(float) != seed
    first = table.assign(other=other).sort_values("other", kind="stable")
    first = first.drop_duplicates(["metric", "parameters", "x", "y"])
    return table.loc[sorted(first.index)]


def _by_stored_name(metrics: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the specs by the name and parameters under which their values are stored."""
    from alignkit.metrics import resolve
    from alignkit.plugins.options import format_spec

    specs: dict[tuple[str, str], str] = {}
    for spec in metrics:
        metric = resolve(spec)
        parameters = format_spec("", metric.parameters).removeprefix(":")
        specs.setdefault((metric.name, parameters), spec)
    return specs


def _measure(
    run: Run,
    unit: str,
    specs: Mapping[tuple[str, str], str],
    options: TableOptions,
    keywords: RunKeywords,
) -> Columns:
    """Measure a run, with row permutations only where calibration needs them."""
    null = keywords.get("null", 0)

    def measure(metrics: Sequence[str], null: int) -> Columns:
        own: RunKeywords = {**keywords, "null": null}
        columns = run_columns(run, metrics, names=_READ, **own)
        names = zip(columns["metric"], columns["parameters"], strict=True)
        columns["metric"] = [specs[name] for name in names]
        return {name: columns[name] for name in VALUE_COLUMNS}

    table = measure(list(specs.values()), null)
    if options.calibrated and options.null > null:
        cells = zip(table["metric"], table["value"], table["calibrated"], strict=True)
        permuted = list(
            dict.fromkeys(spec for spec, v, calibrated in cells if isnan(calibrated) and v == v)
        )
        if permuted:
            order = {spec: i for i, spec in enumerate(specs.values())}
            table = joined([_without(table, permuted), measure(permuted, options.null)])
            places = sorted(range(len(table["metric"])), key=lambda i: order[table["metric"][i]])
            table = {name: [values[i] for i in places] for name, values in table.items()}
    own = (str(run.path), run.task, run.placement, unit, run.seed)
    length = len(table["metric"])
    return {name: [value] * length for name, value in zip(RUN_COLUMNS, own, strict=True)} | table


def _keywords(options: TableOptions, layers: str, null: int, reporter: Reporter) -> RunKeywords:
    """Return what measuring takes of the options of a table of runs."""
    return {
        "split": options.split,
        "pool": options.pool,
        "layers": layers,
        "samples": options.samples,
        "seed": options.seed,
        "null": null,
        "lenient": options.lenient,
        "within": options.within,
        "groups": options.groups,
        "reporter": reporter,
    }


def _without(table: Columns, metrics: Sequence[str]) -> Columns:
    kept = [i for i, metric in enumerate(table["metric"]) if metric not in metrics]
    return {name: [values[i] for i in kept] for name, values in table.items()}
