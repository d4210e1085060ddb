"""Alignment of many runs, layer by layer, as one tidy table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignkit.alignment.runs import measure_run
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMNS = ("run", "task", "placement", "unit", "seed")


def layer_values(
    runs: Sequence[Run],
    metrics: Sequence[str],
    *,
    layers: Sequence[str] = ("same",),
    split: str = "test",
    pool: str = "cls",
    samples: int | None = None,
    seed: int = 0,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Measure runs; what is measured already is read.

    Parameters
    ----------
    runs : sequence of Run
    metrics : sequence of str
        Specs.
    layers : sequence of str
        Selections of pairs, as for ``measure_run``; a pair in several stands once.
    split, pool, samples, seed
        As for ``measure_run``.
    lenient : bool
        Leave out, with a note, a metric that cannot take the data (``k >= n``, unequal
        widths), where metrics were not named one by one.

    Returns
    -------
    DataFrame
        ``run``, ``task``, ``placement``, ``unit``, ``seed``, ``metric`` (its spec), ``x``,
        ``y``, ``n``, ``value``, ``reason``, ``chance``.

    Raises
    ------
    UsageError
        When no metric can take the data.
    """
    import pandas as pd

    from alignkit.metrics import resolve

    specs = list(dict.fromkeys(resolve(one).spec for one in metrics))
    options: dict[str, Any] = {"split": split, "pool": pool, "samples": samples, "seed": seed}
    tables = []
    with reporter.progress("measure runs", len(runs)) as bar:
        for run in runs:
            for selection in layers:
                options["layers"] = selection
                specs, measured = _measured(run, specs, options, lenient, reporter)
                tables.append(_labelled(measured, run, specs))
            bar.advance()
    table = pd.concat(tables, ignore_index=True).drop_duplicates(["run", "metric", "x", "y"])
    return table[table["metric"].isin(specs)].reset_index(drop=True)


def _measured(
    run: Run, specs: list[str], options: dict[str, Any], lenient: bool, reporter: Reporter
) -> tuple[list[str], pd.DataFrame]:
    """Measure a run; where that is asked for, without the metrics that cannot take its data."""
    try:
        return specs, measure_run(run, specs, reporter=reporter, **options)
    except UsageError:
        if not lenient:
            raise
    takers = []
    for spec in specs:
        try:
            measure_run(run, [spec], reporter=reporter, **options)
            takers.append(spec)
        except UsageError as error:
            if len(specs) == 1:
                raise
            reporter.left_out(spec, error)
    return takers, measure_run(run, takers, reporter=reporter, **options)


def same_samples(table: pd.DataFrame) -> int:
    """The one number of samples behind all values.

    Raises
    ------
    UsageError
        Where it differs: chance levels differ with it, and pooling would mix them.
    """
    sizes = table.groupby("n")["run"].first()
    if len(sizes) > 1:
        examples = ", ".join(f"{n} in {run}" for n, run in sizes.items())
        raise UsageError(
            f"values were measured on different numbers of samples ({examples}) and are not "
            f"pooled; measure all on the same: --samples {sizes.index.min()}"
        )
    return int(sizes.index[0])


def _labelled(table: pd.DataFrame, run: Run, specs: Sequence[str]) -> pd.DataFrame:
    """Name the run and, block by block as they were measured, the specs."""
    kept = table[["x", "y", "n", "value", "reason", "chance"]].copy()
    kept.insert(0, "metric", [spec for spec in specs for _ in range(len(table) // len(specs))])
    values = (str(run.path), run.task, run.placement, run.unit, run.seed)
    for place, (column, value) in enumerate(zip(RUN_COLUMNS, values, strict=True)):
        kept.insert(place, column, value)
    return kept
