"""Correlate alignment with performance over runs, with every direction known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alignkit.analysis.runs_table import Join, runs_table
from alignkit.errors import UsageError
from alignkit.progress import SILENT, Reporter
from alignkit.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics import Correlations

# Words in the name of an outcome of which less is better.
LOSSES = {"error", "perplexity", "nll"}


def correlate_runs(
    runs: Sequence[Run],
    join: Join,
    *,
    lower: Sequence[str] = (),
    reporter: Reporter = SILENT,
    **options: Any,
) -> tuple[Correlations, pd.DataFrame]:
    """Join runs and correlate; what is not measured or scored yet is made first.

    Parameters
    ----------
    runs : sequence of Run
    join : Join
        Metrics, layer rule, outcome, split.
    lower : sequence of str
        Of which less is better, besides registered distances and losses.
    **options
        As for ``alignkit.statistics.correlate``: ``unit``, ``family``, ``permutations``,
        ``seed``.

    Returns
    -------
    Correlations, DataFrame
        And the joined table, one row per run.
    """
    from alignkit.metrics import resolve
    from alignkit.statistics import correlate

    joined, outcome = joined_runs(runs, join, reporter)
    columns = metric_columns(joined, outcome)
    joint = {c: _metric_and_pair(c) for c in columns} if join.layer == "all" else {}
    kind = "raw" if join.calibrated else "calibrated"
    beside = {} if joint else {kind: _other_values(runs, join, kind, columns, joined, reporter)}
    down = [spec for spec in join.metrics if not resolve(spec).higher_is_better]
    # Calibrated values rise with alignment, those of distances too.
    known = [f"{spec} (raw)" for spec in down] if join.calibrated else down
    found = correlate(
        joined,
        outcome,
        columns,
        lower_is_better=[*known, *losses(outcome), *lower],
        layer=join.layer,
        outcome_names=dict(zip(joined["task"], joined["outcome"], strict=True)),
        layer_pairs=joint,
        other_values=beside,
        **options,
    )
    found.settings |= {
        "split": join.split,
        "pool": join.pool,
        "samples": join.samples,
        "values": "calibrated" if join.calibrated else "raw",
        "null": join.null,
    }
    return found, joined.drop(columns=list(beside.get(kind, {}).values()))


def joined_runs(
    runs: Sequence[Run], join: Join, reporter: Reporter = SILENT
) -> tuple[pd.DataFrame, str]:
    """Join runs to a tidy table; tasks with another primary score share the column ``score``."""
    joined = runs_table(runs, join, reporter)
    outcomes = sorted(set(joined["outcome"]))
    if len(outcomes) == 1:
        return joined, outcomes[0]
    joined["score"] = [row[row["outcome"]] for _, row in joined.iterrows()]
    reporter.note(f"note: the column score holds each task's primary score ({', '.join(outcomes)})")
    return joined.drop(columns=outcomes), "score"


def metric_columns(joined: pd.DataFrame, outcome: str) -> list[str]:
    """The columns of a joined table that are metrics."""
    others = {"task", "placement", "seed", "unit", "run", "outcome", outcome}
    return [column for column in joined if column not in others]


def _metric_and_pair(column: str) -> tuple[str, str]:
    metric, _, pair = column.rpartition("@")
    return metric, pair


def losses(outcome: str) -> list[str]:
    """The outcome, where its name says that less of it is better."""
    words = outcome.lower().replace("-", "_").replace(":", "_").replace(" ", "_").split("_")
    return [outcome] if "loss" in outcome.lower() or set(words) & LOSSES else []


def _other_values(
    runs: Sequence[Run],
    join: Join,
    kind: str,
    columns: Sequence[str],
    joined: pd.DataFrame,
    reporter: Reporter,
) -> dict[str, str]:
    """Add columns of the other kind of values, where they cost nothing; a maximum always has them.

    Raw beside calibrated ones; calibrated beside raw ones where a chance level is known in
    closed form.
    """
    free = join.layer not in ("max", "max-pair")
    null = 0 if free and kind == "calibrated" else join.null
    try:
        other = runs_table(
            runs, replace(join, calibrated=kind == "calibrated", null=null), reporter
        )
    except UsageError:  # raw values on different numbers of samples cannot stand beside others
        return {}
    names = {c: f"{c} ({kind})" for c in columns if c in other and other[c].notna().all()}
    for column, name in names.items():
        joined[name] = other[column].to_numpy()
    return names
