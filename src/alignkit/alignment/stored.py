"""What is measured already: the stored values of a run, read without measuring anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from alignkit.alignment.designs import is_file
from alignkit.alignment.options import MeasureKeywords, MeasureOptions
from alignkit.alignment.rows import Key
from alignkit.alignment.runs import facts_of_run
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import AlignmentTable, frame, joined
from alignkit.alignment.tables import AlignmentTables
from alignkit.errors import DamagedError
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd


def stored_rows(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    **options: Unpack[MeasureKeywords],
) -> pd.DataFrame | None:
    """Return what ``measure_run`` would return, where it would have nothing to measure.

    Parameters
    ----------
    run : Run
    metrics : sequence of str
    split, pool, layers, streams
        As for ``measure_run``.
    **options
        Fields of ``MeasureOptions``.

    Returns
    -------
    DataFrame or None
        None where any value is missing or damaged, or is that of another version of a metric.
    """
    stored = stored_tables(
        run, metrics, split=split, pool=pool, layers=layers, streams=streams, **options
    )
    if stored is None:
        return None
    tables, keys = stored
    return frame(joined([table.columns(keys) for table in tables]))


def stored_tables(
    run: Run,
    metrics: Sequence[str],
    *,
    split: str = "test",
    pool: str = "cls",
    layers: str = "all",
    streams: str = "cross",
    **options: Unpack[MeasureKeywords],
) -> tuple[list[AlignmentTable], list[Key]] | None:
    """Return the tables of ``stored_rows``, one per metric, and the keys of its rows.

    None where any value is missing or damaged, or is that of another version of a metric.
    """
    from alignkit.metrics import resolve

    chosen = MeasureOptions(**options)
    columns = _columns(run, split, chosen)
    if not run.is_trained or columns is None:
        return None
    selection = PairSelection.of_run(run, layers, streams)
    resolved, keys = [resolve(metric) for metric in metrics], selection.keys
    digests = run.digests(split, pool)
    for subset in _subsets(run, chosen.samples, split):
        tables = AlignmentTables(
            chosen,
            run.alignment_folder(split),
            subset,
            split,
            pool,
            digests=(digests, digests),
            **columns,
        )
        try:
            every = [tables.table(metric, selection.is_maximum) for metric in resolved]
        except DamagedError:
            return None
        if not any(table.missing(keys) for table in every):
            return every, keys
    return None


def _subsets(run: Run, samples: int | None, split: str) -> list[int | None]:
    """Return the subsets of samples that the values may be of; None is all samples of the split.

    As for measuring, all samples are used where there are no more than are asked for. Where
    their number is not known any more, either may have been measured.
    """
    n = run.number_of_samples(split)
    if samples is None or (n is not None and samples >= n):
        return [None]
    return [samples] if n is not None else [samples, None]


def _columns(run: Run, split: str, options: MeasureOptions) -> dict[str, str] | None:
    """Return the names of classes and groups in tables; None where the samples are not known."""
    columns = {"within": options.within, "groups": options.groups}
    for kind, name in columns.items():
        if name and is_file(name):
            if not (run.representations_folder(split) / "ids.json").is_file():
                return None
            columns[kind] = facts_of_run(run, split).named(name)[1]
    return columns
