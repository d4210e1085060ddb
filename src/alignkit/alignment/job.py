"""Measure metrics one after the other over pairs of layers; each table is stored as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from alignkit.alignment.compute import complete, complete_maxima
from alignkit.alignment.layers import LayerSource
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import AlignmentTable, frame, joined
from alignkit.alignment.tables import AlignmentTables
from alignkit.errors import DamagedError, PluginError, UsageError
from alignkit.progress import SILENT, Progress, Reporter, is_explaining
from alignkit.runs.reasons import FORCED

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.metrics import Metric


class JobKeywords(TypedDict, total=False):
    """How ``measured_tables`` measures."""

    label: str
    force: bool
    lenient: bool
    reporter: Reporter


def measure_pairs(
    metrics: Sequence[Metric],
    source: LayerSource,
    selection: PairSelection,
    tables: AlignmentTables,
    **options: Unpack[JobKeywords],
) -> pd.DataFrame:
    """Measure metrics over pairs of layers as ``measured_tables`` does.

    Returns
    -------
    DataFrame
        The rows of all metrics, also of those that the tables held already.
    """
    return frame(measured_columns(metrics, source, selection, tables, **options))


def measured_columns(
    metrics: Sequence[Metric],
    source: LayerSource,
    selection: PairSelection,
    tables: AlignmentTables,
    **options: Unpack[JobKeywords],
) -> dict[str, list[Any]]:
    """Measure metrics over pairs of layers as ``measured_tables`` does.

    Returns
    -------
    dict of str to list
        The rows of all metrics, also of those that the tables held already, column by column.
    """
    measured = measured_tables(metrics, source, selection, tables, **options)
    return joined([table.columns(selection.keys) for table in measured])


def measured_tables(
    metrics: Sequence[Metric],
    source: LayerSource,
    selection: PairSelection,
    tables: AlignmentTables,
    *,
    label: str = "",
    force: bool = False,
    lenient: bool = False,
    reporter: Reporter = SILENT,
) -> list[AlignmentTable]:
    """Measure metrics over pairs of layers where their tables lack values.

    Parameters
    ----------
    metrics : sequence of Metric
    source : LayerSource
    selection : PairSelection
    tables : AlignmentTables
    label : str
        What is measured, for the progress bar.
    force : bool
        Measure again what the tables hold already.
    lenient : bool
        Leave out, with a note, a metric that cannot be computed on these data, unless none can.
    reporter : Reporter

    Returns
    -------
    list of AlignmentTable
        One per metric that works, with a value for every key of the selection.

    Raises
    ------
    UsageError
        When a metric cannot be computed on these data; if lenient, when none can.
    PluginError
        When no metric works, or one does not and the reporter does not show errors.
    """
    if not lenient:
        for metric in metrics:
            check_k(metric, source.n)
    stored = None if force else tables.complete(metrics, selection, source)
    if stored is not None:
        for table in stored:
            _explain(table, selection, label, False, reporter)
        return stored
    measured: list[AlignmentTable] = []
    errors: dict[str, UsageError | PluginError] = {}
    total = len(metrics) * len(selection.pairs)
    with tables.writing(), reporter.progress(f"measure {label}".rstrip(), total) as bar:
        for metric in metrics:
            bar.describe(" ".join(["measure", *label.split(), metric.spec]))
            try:
                measured.append(
                    _measure(metric, source, selection, tables, label, force, bar, reporter)
                )
            except (UsageError, PluginError) as error:
                if isinstance(error, UsageError) and not lenient:
                    raise
                errors[metric.spec] = error
    if not measured:
        raise next(iter(errors.values()))
    reporter.unmeasured(errors, lenient)
    return measured


def _measure(
    metric: Metric,
    source: LayerSource,
    selection: PairSelection,
    tables: AlignmentTables,
    label: str,
    force: bool,
    bar: Progress,
    reporter: Reporter,
) -> AlignmentTable:
    try:
        table = tables.table(metric, selection.is_maximum)
    except DamagedError as error:
        if not force:
            reporter.complain(
                f"note: {error}; its values are measured again where they are asked for"
            )
        tables.discard(metric, selection.is_maximum)
        table = tables.table(metric, selection.is_maximum)
    _explain(table, selection, label, force, reporter)
    if force:
        table.forget(selection.keys)
    if table.stale:
        reporter.note(
            f"note: {table.stale} stored value(s) of {metric.spec} in {table.file} are left out, "
            "and measured again where they are asked for: the representations have changed since"
        )
    if outdated := table.outdated(selection.keys):
        versions = " and ".join(map(str, sorted(set(outdated))))
        why = (
            f"they are of version {versions} of the metric, and the installed one is version "
            f"{metric.version}"
        )
        brief = f"version {versions}, now {metric.version}"
        reporter.measured_again(metric.spec, str(table.file), len(outdated), why, brief)
    elif others := table.of_other_code(selection.keys):
        why = f"the code of {metric.name} has changed since"
        reporter.measured_again(metric.spec, str(table.file), others, why, "its code has changed")
    if selection.is_maximum:
        complete_maxima(table, source, selection, bar)
    else:
        complete(table, source, selection.pairs, bar)
    return table


def _reason(table: AlignmentTable, selection: PairSelection, force: bool) -> str:
    """Return why values are measured; empty where all are stored."""
    keys = selection.keys
    if force:
        return FORCED
    reasons = []
    if table.stale:
        reasons.append(f"the representations of {table.stale} stored values have changed")
    if outdated := table.outdated(keys):
        reasons.append(f"{len(outdated)} values are of another version of the metric")
    elif others := table.of_other_code(keys):
        reasons.append(f"{others} values are of other code of the metric")
    missing = len(table.missing(keys))
    if missing and not reasons:
        reasons.append(f"{missing} of {len(keys)} values are not stored as they are asked for")
    return " and ".join(reasons)


def _explain(
    table: AlignmentTable, selection: PairSelection, label: str, force: bool, reporter: Reporter
) -> None:
    """Say why values are measured or not, where that was asked for."""
    if not is_explaining():
        return
    why = _reason(table, selection, force)
    unit = f"measure {table.file or f'{table.metric.spec} of {label}'.removesuffix(' of ')}"
    reporter.explain(unit, bool(why), why or f"all {len(selection.keys)} values are stored")


def check_k(metric: Metric, n: int) -> None:
    """Refuse k >= n before any value is computed.

    Raises
    ------
    UsageError
        When the metric has a parameter k that is not from 1 to n - 1.
    """
    k = metric.parameters.get("k")
    if isinstance(k, int) and not 1 <= k < n:
        raise UsageError(f"{metric.spec}: k={k} needs 1 <= k < n, and there are n={n} samples")
