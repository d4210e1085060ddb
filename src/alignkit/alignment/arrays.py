"""Measure anyone's arrays, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from alignkit.alignment.designs import Facts
from alignkit.alignment.job import measure_pairs
from alignkit.alignment.layers import LayerSource
from alignkit.alignment.options import MeasureKeywords, MeasureOptions
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import UNKNOWN
from alignkit.alignment.tables import AlignmentTables
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
    lenient: bool = False,
    reporter: Reporter = SILENT,
    parts: Path | None = None,
    **options: Unpack[MeasureKeywords],
) -> pd.DataFrame:
    """Measure metrics over pairs of anyone's layers.

    Parameters
    ----------
    xs, ys : sequences of Representation
        As from ``read_arrays``; where both are the same list, mirrored pairs are measured once.
    metrics : sequence of str
    layers : str
        As for ``select_array_pairs``.
    lenient, reporter
        As for ``measure_run``.
    parts : Path, optional
        A folder that keeps every metric's values while more are measured; else nothing is
        stored.
    **options
        Fields of ``MeasureOptions``; precision and device are those of the representations.

    Returns
    -------
    DataFrame
        As from ``measure_run``.

    Raises
    ------
    UsageError
        When the arrays do not hold the same samples.
    """
    from alignkit.metrics import resolve
    from alignkit.metrics.joining import matched

    resolved, chosen = [resolve(spec) for spec in metrics], MeasureOptions(**options)
    same = xs is ys
    selection = _selection([x.name for x in xs], [y.name for y in ys], layers, same)
    xs = [matched(xs[0], x)[1] for x in xs]
    ys = xs if same else [matched(xs[0], y)[1] for y in ys]
    rows = chosen.draw_rows(xs[0].n, reporter)
    design, columns = Facts(xs[0].ids, xs[0].n).design(chosen, rows)
    if rows is not None:
        xs = [x[rows] for x in xs]
        ys = xs if same else [y[rows] for y in ys]
    left, right = ({layer.name: layer for layer in side} for side in (xs, ys))
    order = list(left) if same else ()
    return measure_pairs(
        resolved,
        LayerSource(left.__getitem__, right.__getitem__, xs[0].n, order, design),
        selection,
        AlignmentTables(
            chosen, parts, None if rows is None else len(rows), digests=UNKNOWN, **columns
        ),
        lenient=lenient,
        reporter=reporter,
    )


def _selection(
    x_names: Sequence[str], y_names: Sequence[str], layers: str, same: bool
) -> PairSelection:
    """Select pairs of layers by name; a layer and itself are no candidates for the maximum."""
    indices = select_array_pairs(x_names, y_names, layers)
    pairs = [(x_names[i], y_names[j]) for i, j in indices]
    if same and layers == "max-pair":
        pairs = [(x, y) for x, y in pairs if x != y]
    return PairSelection(layers, {"": pairs})
