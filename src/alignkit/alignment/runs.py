"""Measure the alignment of a run, one file per metric, resumable; or that between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from alignkit.alignment.designs import Facts
from alignkit.alignment.job import measure_pairs, measured_tables
from alignkit.alignment.layers import LayerSource, StoredLayers, extracted, joined_source
from alignkit.alignment.options import MeasureKeywords, MeasureOptions
from alignkit.alignment.rows import Key
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import (
    COLUMNS,
    MAXIMA_COLUMNS,
    UNKNOWN,
    AlignmentTable,
    frame,
    is_stale,
    joined,
    read_alignment,
    rebuild_alignment,
)
from alignkit.alignment.tables import AlignmentTables
from alignkit.data.facts import sample_fact
from alignkit.models.schedule import stream_of
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.files import locked

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from alignkit.metrics import Design, Metric

__all__ = [
    "COLUMNS",
    "MAXIMA_COLUMNS",
    "measure_between",
    "measure_run",
    "read_alignment",
    "rebuild_alignment",
    "run_columns",
    "run_tables",
]


class RunKeywords(MeasureKeywords, total=False):
    """What ``run_tables`` takes beside a run and metrics."""

    split: str
    pool: str
    layers: str
    streams: str
    force: bool
    lenient: bool
    reporter: Reporter


def measure_run(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    force: bool = False,
    lenient: bool = False,
    reporter: Reporter = SILENT,
    **options: Unpack[MeasureKeywords],
) -> pd.DataFrame:
    """Measure metrics over pairs of a run's sites, as ``run_tables`` does.

    Returns
    -------
    DataFrame
        One row per metric and pair, with the columns ``COLUMNS``; for ``max`` and
        ``max-pair`` one row per metric and pair of streams, with ``MAXIMA_COLUMNS``.
    """
    return frame(
        run_columns(
            run,
            metrics,
            split=split,
            pool=pool,
            layers=layers,
            streams=streams,
            force=force,
            lenient=lenient,
            reporter=reporter,
            **options,
        )
    )


def run_columns(
    run: Run,
    metrics: Sequence[str],
    names: Sequence[str] | None = None,
    **options: Unpack[RunKeywords],
) -> dict[str, list[Any]]:
    """Measure metrics over pairs of a run's sites, as ``run_tables`` does.

    Parameters
    ----------
    run : Run
    metrics : sequence of str
    names : sequence of str, optional
        The columns to return; all of them when None.
    **options
        As for ``run_tables``.

    Returns
    -------
    dict of str to list
        Column by column: one row per metric and pair, with the columns ``COLUMNS``; for ``max``
        and ``max-pair`` one row per metric and pair of streams, with ``MAXIMA_COLUMNS``.
    """
    tables, keys = run_tables(run, metrics, **options)
    return joined([table.columns(keys, names) for table in tables])


def run_tables(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    force: bool = False,
    lenient: bool = False,
    reporter: Reporter = SILENT,
    **options: Unpack[MeasureKeywords],
) -> tuple[list[AlignmentTable], list[Key]]:
    """Measure metrics over pairs of a run's sites; values that are stored already are read.

    Parameters
    ----------
    run : Run
    metrics : sequence of str
        Specs such as ``cka`` or ``svcca:dims=10``.
    split, pool : str
        Which representations.
    layers, streams : str
        Which pairs of sites, as for ``select_pairs``.
    force : bool
        Measure again what is stored already.
    lenient : bool
        Leave out, with a note, a metric that cannot be computed on these data, unless none can.
    reporter : Reporter
    **options
        Fields of ``MeasureOptions``: ``null``, ``interval``, ``seed``, ``dtype``, ``device``,
        ``samples``, ``within``, ``groups``.

    Returns
    -------
    list of AlignmentTable, list of (str, str)
        One table per metric, and the keys of the rows that were asked for.

    Raises
    ------
    UsageError
        For arguments that do not fit the run.
    """
    from alignkit.metrics import resolve

    resolved, chosen = [resolve(spec) for spec in metrics], MeasureOptions(**options)
    selection = PairSelection.of_run(run, layers, streams)
    needed = {site for pair in selection.pairs for site in pair}
    index = extracted(run, split, pool, reporter, needed)
    rows = chosen.draw_rows(index["n"], reporter)
    subset = None if rows is None else len(rows)
    design, columns = design_of_run(run, split, chosen, rows)
    opened = StoredLayers(run, split, pool, chosen, rows)
    digests = run.digests(split, pool)
    # Text first, so that pairs across the streams are never mirrored.
    order = sorted(index["sites"], key=stream_of)
    tables = measured_tables(
        resolved,
        LayerSource(opened, opened, subset or index["n"], order, design),
        selection,
        RunTables(
            chosen,
            run.alignment_folder(split),
            subset,
            split,
            pool,
            digests=(digests, digests),
            run=run,
            **columns,
        ),
        label=str(run.path),
        force=force,
        lenient=lenient,
        reporter=reporter,
    )
    return tables, selection.keys


@dataclass(frozen=True)
class RunTables(AlignmentTables):
    """The tables of a run on one split, from which its ``alignment.csv`` is derived.

    Attributes
    ----------
    run : Run
    """

    run: Run = field(kw_only=True)

    def complete(
        self, metrics: Sequence[Metric], selection: PairSelection, source: LayerSource
    ) -> list[AlignmentTable] | None:
        """Return the tables of metrics where ``alignment.csv`` is up to date with them too."""
        return None if is_stale(self.run) else super().complete(metrics, selection, source)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock the run while tables are written, and derive ``alignment.csv`` at the end."""
        with locked(self.run.path):
            try:
                yield
            finally:
                rebuild_alignment(self.run)


def measure_between(
    run: Run,
    other: Run,
    metrics: Sequence[str],
    *,
    splits: tuple[str, str] = ("test", "test"),
    pool: str = "cls",
    layers: str = "all",
    streams: str = "text,vision",
    lenient: bool = False,
    reporter: Reporter = SILENT,
    parts: Path | None = None,
    **options: Unpack[MeasureKeywords],
) -> pd.DataFrame:
    """Measure metrics between the sites of two runs on the same samples.

    Parameters
    ----------
    run, other : Run
        ``x`` is a site of ``run``, ``y`` one of ``other``.
    metrics : sequence of str
    splits : (str, str)
        The split of ``run`` and that of ``other``; samples are joined by their ids.
    pool, layers : str
        As for ``measure_run``.
    streams : str
        ``text`` against text, ``vision`` against vision, ``cross`` (text of ``run``, vision of
        ``other``), ``all`` four, or several with commas.
    lenient, reporter
        As for ``measure_run``.
    parts : Path, optional
        A folder that keeps every metric's values while more are measured; else nothing is
        stored.
    **options
        Fields of ``MeasureOptions``; facts of the samples are those of ``run``.

    Returns
    -------
    DataFrame
        As from ``measure_run``.

    Raises
    ------
    UsageError
        When the two do not hold the same samples.
    """
    from alignkit.metrics import resolve

    resolved, chosen = [resolve(spec) for spec in metrics], MeasureOptions(**options)
    selection = PairSelection.of_run(run, layers, streams, other)
    sides = list(zip((run, other), splits, strict=True))
    for number, (side, split) in enumerate(sides):
        extracted(side, split, pool, reporter, {pair[number] for pair in selection.pairs})
    facts = facts_of_run(run, splits[0])
    source, subset, columns = joined_source(sides, pool, chosen, facts, reporter)
    return measure_pairs(
        resolved,
        source,
        selection,
        AlignmentTables(
            chosen,
            parts,
            subset,
            "/".join(dict.fromkeys(splits)),
            pool,
            digests=UNKNOWN,  # those of the parts are known as a whole
            **columns,
        ),
        label="two runs",
        lenient=lenient,
        reporter=reporter,
    )


def design_of_run(
    run: Run, split: str, options: MeasureOptions, rows: np.ndarray | None
) -> tuple[Design | None, dict[str, str]]:
    """Return the classes and groups of a run's samples, see ``Facts.design``.

    Without any, the ids of the samples are not read: whatever measures reads them.
    """
    if not options.within and not options.groups:
        return None, {"within": "", "groups": ""}
    return facts_of_run(run, split).design(options, rows)


def facts_of_run(run: Run, split: str) -> Facts:
    """Return the facts of the samples of a split whose representations are stored."""
    ids = run.ids(split)
    return Facts(ids, len(ids), lambda column: sample_fact(run, split, column))
