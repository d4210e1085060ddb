"""Measure anyone's arrays, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.alignment.compute import LayerSource
from alignkit.alignment.job import Work, draw_rows, resolved_metrics, stores
from alignkit.alignment.options import MeasureOptions
from alignkit.models.pairs import select_array_pairs
from alignkit.progress import SILENT, Reporter

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Representation


def measure_arrays(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    metrics: Sequence[str],
    *,
    layers: str = "all",
    samples: int | None = None,
    seed: int = 0,
    null: int = 0,
    interval: int = 0,
    lenient: bool = False,
    reporter: Reporter = SILENT,
    parts: Path | None = None,
) -> pd.DataFrame:
    """Measure metrics over pairs of anyone's layers.

    Parameters
    ----------
    xs, ys : sequences of Representation
        As ``read_arrays`` gives them; the same list twice is measured once.
    layers : str
        As for ``select_array_pairs``.
    parts : Path, optional
        A folder that keeps every metric's values as the work goes on; else nothing is stored.

    Other parameters are those of ``measure_run``; precision and device are those of the
    representations.

    Returns
    -------
    DataFrame
        As from ``measure_run``.

    Raises
    ------
    UsageError
        When the arrays do not hold the same samples.
    """
    from alignkit.metrics.joining import matched

    resolved = resolved_metrics(metrics)
    names = [[one.name for one in side] for side in (xs, ys)]
    pairs = [(names[0][i], names[1][j]) for i, j in select_array_pairs(names[0], names[1], layers)]
    same = xs is ys
    xs = [matched(xs[0], x)[1] for x in xs]
    ys = xs if same else [matched(xs[0], y)[1] for y in ys]
    rows = draw_rows(xs[0].n, samples, seed, reporter)
    if rows is not None:
        xs = [x[rows] for x in xs]
        ys = xs if same else [y[rows] for y in ys]
    asked = MeasureOptions(null, interval, seed, drawn=rows is not None)
    left, right = ({one.name: one for one in side} for side in (xs, ys))
    if same and layers == "max-pair":
        pairs = [(x, y) for x, y in pairs if x != y]
    sides = LayerSource(left.__getitem__, right.__getitem__, names[0] if same else ())
    stored = stores(parts, layers, asked, rows)
    return Work(
        resolved, sides, {"": pairs}, layers, stored, xs[0].n, lenient=lenient, reporter=reporter
    ).table()
