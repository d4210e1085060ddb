"""Correlate alignment with performance over runs, with every direction known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alignkit.analysis.controls import add_controls
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import MeasuredRuns
from alignkit.analysis.scores import outcome_sign
from alignkit.analysis.units import label_units, report_pooled_placements
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run
from alignkit.runs.units import unit_labels

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations


def correlate_runs(
    runs: Sequence[Run],
    options: TableOptions,
    *,
    unit: str = "placement",
    lower: Sequence[str] = (),
    control: Sequence[str] = (),
    reporter: Reporter = SILENT,
    **statistics: Any,
) -> tuple[Correlations, pd.DataFrame]:
    """Join runs and correlate; missing alignment values and scores are computed first.

    Parameters
    ----------
    runs : sequence of Run
    options : TableOptions
        Metrics, layer rule, outcome, split.
    unit : str
        ``placement``, ``variant``, ``run`` or an option, see ``alignkit.runs.units``.
    lower : sequence of str
        Metrics and outcomes for which lower is better, besides registered distances and
        outcomes whose direction is known, see ``outcome_sign``.
    control : sequence of str
        Variables to control for, see ``add_controls``.
    **statistics
        As for ``alignkit.statistics.correlate``: ``family``, ``permutations``, ``seed``.

    Returns
    -------
    Correlations, DataFrame
        And the joined table, one row per run, with the name of its unit in ``unit``.

    Raises
    ------
    UsageError
        When no run has the outcome or the sites, or when alignment that is not calibrated
        was measured on different numbers of samples, or when runs of one placement that
        differ in their options would be averaged.
    """
    from alignkit.metrics import resolve
    from alignkit.statistics import correlate

    units = unit_labels(runs, unit)
    report_pooled_placements(runs, units, unit, reporter)
    measured = MeasuredRuns(runs, options, reporter)
    joined, outcome = with_one_outcome(measured.table(), reporter)
    columns = metric_columns(joined, outcome)
    joined = add_controls(label_units(joined, units, unit), runs, control)
    joint = {c: _metric_and_pair(c) for c in columns} if options.layer == "all" else {}
    kind = "raw" if options.calibrated else "calibrated"
    beside = {} if joint else {kind: _add_other_values(measured, kind, columns, joined)}
    if options.within and not joint:
        plain = MeasuredRuns(runs, replace(options, within=""), reporter)
        beside["plain"] = _add_other_values(plain, "plain", columns, joined)
    down = [spec for spec in options.metrics if not resolve(spec).higher_is_better]
    # Calibrated values rise with alignment, those of distances too.
    known = [f"{spec} (raw)" for spec in down] if options.calibrated else down
    names = dict(zip(joined["task"], joined["outcome"], strict=True))
    correlations = correlate(
        joined,
        outcome,
        columns,
        unit=unit,
        lower_is_better=[*known, *_losses(names, runs), *lower],
        layer=options.layer,
        outcome_names=names,
        layer_pairs=joint,
        other_values=beside,
        control=control,
        **statistics,
    )
    correlations.settings |= {
        "split": options.split,
        "pool": options.pool,
        "samples": options.samples,
        "values": "calibrated" if options.calibrated else "raw",
        "null": options.null,
    }
    designs = {"within": options.within, "groups": options.groups}
    correlations.settings |= {name: column for name, column in designs.items() if column}
    added = [column for columns in beside.values() for column in columns.values()]
    return correlations, joined.drop(columns=added)


def with_one_outcome(joined: pd.DataFrame, reporter: Reporter = SILENT) -> tuple[pd.DataFrame, str]:
    """Return a table of runs with one column of scores, and the name of that column.

    Tasks with different primary scores share the column ``score``.
    """
    outcomes = sorted(set(joined["outcome"]))
    if len(outcomes) == 1:
        return joined, outcomes[0]
    joined["score"] = [row[row["outcome"]] for _, row in joined.iterrows()]
    reporter.note(f"note: the column score holds each task's primary score ({', '.join(outcomes)})")
    return joined.drop(columns=outcomes), "score"


def metric_columns(joined: pd.DataFrame, outcome: str) -> list[str]:
    """Return the columns of a table of runs that are metrics."""
    others = {"task", "placement", "seed", "unit", "run", "outcome", outcome}
    return [column for column in joined if column not in others]


def _metric_and_pair(column: str) -> tuple[str, str]:
    metric, _, pair = column.rpartition("@")
    return metric, pair


def _losses(names: dict[str, str], runs: Sequence[Run]) -> list[str]:
    """Return the outcomes of tasks for which lower is better."""
    mine = {task: [run for run in runs if run.task == task] for task in names}
    losses = [name for task, name in names.items() if outcome_sign(name, mine[task]) < 0]
    return list(dict.fromkeys(losses))


def _add_other_values(
    measured: MeasuredRuns, kind: str, columns: Sequence[str], joined: pd.DataFrame
) -> dict[str, str]:
    """Add columns of the other kind of values, where nothing has to be permuted for them.

    Raw values beside calibrated ones; calibrated values beside raw ones where the chance level
    has a closed form. A maximum is always calibrated against its own null. Plain values beside
    those within classes.

    Returns
    -------
    dict of str to str
        The added column of each metric.
    """
    calibrated = measured.options.calibrated if kind == "plain" else kind == "calibrated"
    try:
        other = measured.values(calibrated=calibrated)
    except UsageError:  # raw values on different numbers of samples cannot stand beside others
        return {}
    other = other.reindex(list(joined["run"]))
    names = {c: f"{c} ({kind})" for c in columns if c in other and other[c].notna().all()}
    for column, name in names.items():
        joined[name] = other[column].to_numpy()
    return names
