"""Measure the alignment of a run: one file per metric, resumable; two runs against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.alignment.compute import LayerSource
from alignkit.alignment.job import RunLayers, Work, draw_rows, extracted, resolved_metrics, stores
from alignkit.alignment.options import MeasureOptions
from alignkit.alignment.table import (
    COLUMNS,
    MAXIMA_COLUMNS,
    is_behind,
    read_alignment,
    rebuild_alignment,
)
from alignkit.models.pairs import pairs_by_streams
from alignkit.models.schedule import stream_of
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.files import read_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "MAXIMA_COLUMNS",
    "draw_rows",
    "measure_between",
    "measure_run",
    "read_alignment",
    "rebuild_alignment",
]


def measure_run(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    samples: int | None = None,
    seed: int = 0,
    null: int = 0,
    interval: int = 0,
    dtype: str = "auto",
    device: str = "cpu",
    force: bool = False,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> pd.DataFrame:
    """Measure metrics over pairs of a run's sites; what is measured already is kept.

    Parameters
    ----------
    run : Run
    metrics : sequence of str
        Specs such as ``cka`` or ``svcca:dims=10``.
    split, pool, layers, streams
        Which representations, and which pairs of sites (see ``select_pairs``).
    samples, seed : int
        Measure on a seeded draw of so many samples; all when None.
    null : int
        Permutations of rows for the null, its p and the calibrated value.
    interval : int
        Resamples of the samples for a 95 % interval.
    dtype, device : str
        ``auto``, ``float32`` or ``float64``; ``cpu`` or a device that torch knows.
    force : bool
        Measure again what is measured already.
    lenient : bool
        Leave out, with a note, a metric that cannot take the data, unless all cannot.

    Returns
    -------
    DataFrame
        One row per metric and pair, with the columns ``COLUMNS``; for ``max`` and
        ``max-pair`` one row per metric and pair of streams, with ``MAXIMA_COLUMNS``.

    Raises
    ------
    UsageError
        For arguments that do not fit the run.
    """
    resolved = resolved_metrics(metrics)
    chosen = pairs_by_streams(run.schedule(), layers, streams)
    index = extracted(run, split, pool, reporter)
    rows = draw_rows(index["n"], samples, seed, reporter)
    asked = MeasureOptions(null, interval, seed, dtype, device, drawn=rows is not None)
    opened = RunLayers(run, split, pool, rows, asked)
    stored = stores(run.alignment_folder(split), layers, asked, rows, split, pool)
    # Text first, so that pairs across the streams are never turned.
    order = sorted(index["sites"], key=stream_of)
    work = Work(
        resolved,
        LayerSource(opened, opened, order),
        chosen,
        layers,
        stored,
        opened.n,
        str(run.path),
        force,
        lenient,
        reporter,
        run.path,
        lambda: is_behind(run),
        lambda: rebuild_alignment(run),
    )
    return work.table()


def measure_between(
    run: Run,
    other: Run,
    metrics: Sequence[str],
    *,
    splits: tuple[str, str] = ("test", "test"),
    pool: str = "cls",
    layers: str = "all",
    streams: str = "text,vision",
    samples: int | None = None,
    seed: int = 0,
    null: int = 0,
    interval: int = 0,
    dtype: str = "auto",
    device: str = "cpu",
    lenient: bool = False,
    reporter: Reporter = SILENT,
    parts: Path | None = None,
) -> pd.DataFrame:
    """Measure metrics between the sites of two runs on the same samples.

    Parameters
    ----------
    run, other : Run
        ``x`` is a site of ``run``, ``y`` one of ``other``.
    splits : (str, str)
        Of the one and of the other; samples are joined by their ids.
    streams : str
        ``text`` against text, ``vision`` against vision, ``cross`` (text of the one, vision of
        the other), ``all`` four, or several with commas.
    parts : Path, optional
        A folder that keeps every metric's values as the work goes on; else nothing is stored.

    Other parameters are those of ``measure_run``.

    Returns
    -------
    DataFrame
        As from ``measure_run``.

    Raises
    ------
    UsageError
        When the two do not hold the same samples.
    """
    from alignkit.metrics.joining import rows_of

    resolved = resolved_metrics(metrics)
    chosen = pairs_by_streams(run.schedule(), layers, streams, other.schedule())
    for one, split in zip((run, other), splits, strict=True):
        extracted(one, split, pool, reporter)
    ids, other_ids = (_ids(one, split) for one, split in zip((run, other), splits, strict=True))
    names = (f"{one.path} on {split}" for one, split in zip((run, other), splits, strict=True))
    joined = rows_of(ids, other_ids, *names)
    rows = draw_rows(len(ids), samples, seed, reporter)
    asked = MeasureOptions(null, interval, seed, dtype, device, drawn=rows is not None)
    left = RunLayers(run, splits[0], pool, rows, asked)
    right = RunLayers(other, splits[1], pool, joined if rows is None else joined[rows], asked)
    stored = stores(parts, layers, asked, rows, "/".join(dict.fromkeys(splits)), pool)
    return Work(
        resolved,
        LayerSource(left, right),
        chosen,
        layers,
        stored,
        left.n,
        "two runs",
        lenient=lenient,
        reporter=reporter,
    ).table()


def _ids(run: Run, split: str) -> list[str]:
    return read_json(run.representations_folder(split) / "ids.json")
