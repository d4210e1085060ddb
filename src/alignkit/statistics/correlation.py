"""Alignment against performance: one row per task and metric, and a verdict in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from alignkit.errors import UsageError
from alignkit.statistics.adjust import benjamini_hochberg, holm
from alignkit.statistics.hypothesis import LEAST_UNITS, Hypothesis, Question
from alignkit.statistics.joint import Correlated, max_t
from alignkit.statistics.permutation import Orders
from alignkit.statistics.tasks import describe_tasks, warnings_of
from alignkit.statistics.units import (
    checked_table,
    missing_values,
    named_rows,
    unit_means,
    with_units,
    without_duplicates,
)
from alignkit.statistics.verdict import LEVEL, verdict

# Declared, not found: installing another metric changes nobody's corrected p.
FAMILY = ("cka", "mknn", "svcca", "procrustes")
__all__ = ["FAMILY", "LEAST_UNITS", "LEVEL", "Correlations", "correlate"]


@dataclass
class Correlations:
    """What ``correlate`` found.

    Attributes
    ----------
    table : DataFrame
        One row per task and metric, or per task, metric and pair of layers.
    units : DataFrame
        ``task``, ``unit``, ``placement``, ``runs`` and the means of the outcome and metrics.
    tasks : DataFrame
        One row per task: units, runs, seeds, the outcome's intraclass correlation and
        effective number of runs, the power to find r = 0.7.
    warnings : list of str
    settings : dict
        Everything needed to repeat the analysis, every seed of every resampling included.
    hypotheses : list of Hypothesis
        In the order of ``table``, with their points and nulls.
    """

    table: pd.DataFrame
    units: pd.DataFrame
    tasks: pd.DataFrame
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    hypotheses: list[Hypothesis] = field(default_factory=list, repr=False)


def correlate(
    table: pd.DataFrame,
    outcome: str,
    metrics: Sequence[str],
    *,
    unit: str = "placement",
    family: Sequence[str] = FAMILY,
    lower_is_better: Collection[str] = (),
    permutations: int = 9999,
    seed: int = 0,
    layer: str = "",
    joint: Mapping[str, tuple[str, str]] | None = None,
    beside: Mapping[str, Mapping[str, str]] | None = None,
    assumed: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> Correlations:
    """Correlate each metric with the outcome over units, task by task.

    Parameters
    ----------
    table : DataFrame
        One row per run: ``task``, ``placement``, ``seed``, the outcome and the metrics. A
        metric with parameters belongs to the family of its name before the colon.
    outcome : str
    metrics : sequence of str
    unit : str
        ``placement``: means over seeds. ``run`` treats seeds as independent, which they are
        not; everything is exploratory then.
    family : sequence of str
        Primary metrics; their p are adjusted jointly over all tasks by max-T. The others
        are exploratory and get the false discovery rate among themselves.
    lower_is_better : collection of str
        Metrics that are distances, and an outcome that is a loss.
    permutations, seed : int
        Drawn where a task has more than nine units.
    layer : str
        The layer rule that made the values, for the record.
    joint : mapping, optional
        Column to its metric and pair of layers, where every pair is a row of its own: all
        are exploratory, and corrected by max-T over the pairs of a metric and task.
    beside : mapping, optional
        ``raw`` or ``calibrated`` to metric to the column that holds its other values.
    assumed : collection of str
        Metrics whose direction nobody declared, to say so.
    names : mapping, optional
        Task to the name of its outcome, where tasks with other scores share a column.

    Returns
    -------
    Correlations
        ``pearson`` with its interval (Fisher's z) and permutation ``p``; ``p_parametric``;
        ``p_adjusted`` and ``p_holm``; ``spearman`` and ``kendall`` with theirs;
        ``without_none`` (r without the placement that has no co-attention); the range when
        one unit is left out; ``within`` (repeated measures); and a verdict. What cannot be
        computed is missing, and ``reason`` says why.

    Raises
    ------
    UsageError
        When a column is missing or not numeric, or splits are mixed.
    """
    if not metrics:
        raise UsageError("there is no metric to correlate; the table has no other numeric column")
    if permutations < 1:
        raise UsageError(f"--permutations is {permutations}; it must be at least 1")
    metrics = list(dict.fromkeys(metrics))
    others = [c for columns in (beside or {}).values() for c in columns.values()]
    columns = [outcome, *metrics]
    checked_table(table, outcome, [*metrics, *others])
    table, warnings = named_rows(table, columns)
    table, repeated = without_duplicates(table, columns)
    warnings += repeated + ([] if joint else missing_values(table, columns))
    question = Question(
        outcome,
        unit,
        layer,
        tuple(family),
        frozenset(lower_is_better),
        joint or {},
        beside or {},
        frozenset(assumed),
        names or {},
    )
    runs = with_units(table, unit)
    hypotheses = _hypotheses(runs, metrics, question)
    _test(hypotheses, permutations, seed)
    tasks = describe_tasks(runs, hypotheses, question)
    return Correlations(
        pd.DataFrame([h.row for h in hypotheses]),
        unit_means(table, unit, columns),
        tasks,
        warnings + warnings_of(tasks, hypotheses, question),
        _settings(question, metrics, permutations, seed, hypotheses),
        hypotheses,
    )


def _hypotheses(runs: pd.DataFrame, metrics: Sequence[str], question: Question) -> list[Hypothesis]:
    """Every metric on every task; a pair of layers only where the task has it."""
    return [
        Hypothesis(task, metric, runs, question)
        for task in sorted(runs["task"].unique())
        for metric in metrics
        if not question.joint or runs.loc[runs["task"] == task, metric].notna().any()
    ]


def _test(hypotheses: Sequence[Hypothesis], drawn: int, seed: int) -> None:
    """Fill in p, the corrected p and the verdicts."""
    shared: dict[tuple[str, ...], Orders] = {}
    tested = [h for h in hypotheses if h.testable]
    for h in tested:
        if h.key not in shared:
            shared[h.key] = Orders(h.key, drawn, seed)
        h.test(shared[h.key])
    if any(h.question.joint for h in tested):
        _correct_layers(tested)
    else:
        _correct_family([h for h in tested if h.primary])
        _correct_others([h for h in tested if not h.primary])
    for h in hypotheses:
        h.row["verdict"], h.row["reason"] = verdict(h.row, h.sign, h.reason, h.doubts)


def _correct_family(primary: Sequence[Hypothesis]) -> None:
    """Max-T over all primary metrics and tasks at once, Holm beside it."""
    holms = holm(np.array([h.row["p"] for h in primary]))
    for h, one, other in zip(primary, _max_t(primary), holms, strict=True):
        h.row |= {"p_adjusted": one, "adjustment": "max-T", "p_holm": float(other)}


def _correct_others(others: Sequence[Hypothesis]) -> None:
    if not others:
        return
    discovered = benjamini_hochberg(np.array([h.row["p"] for h in others]))
    for h, one in zip(others, discovered, strict=True):
        h.row |= {"p_adjusted": float(one), "adjustment": "BH"}


def _correct_layers(tested: Sequence[Hypothesis]) -> None:
    """Max-T over the pairs of layers of each metric and task."""
    groups: dict[tuple[str, str], list[Hypothesis]] = {}
    for h in tested:
        groups.setdefault((h.row["task"], h.metric), []).append(h)
    for group in groups.values():
        for h, one in zip(group, _max_t(group), strict=True):
            h.row |= {"p_adjusted": one, "adjustment": "max-T over layers"}


def _max_t(group: Sequence[Hypothesis]) -> list[float]:
    adjusted = max_t([Correlated(h.x, h.y, h.row["pearson"], h.orders) for h in group if h.orders])
    # Drawn permutations of several groups may leave a corrected p a hair below its own.
    return [max(one, h.row["p"]) for one, h in zip(adjusted, group, strict=True)]


def _settings(
    question: Question,
    metrics: Sequence[str],
    permutations: int,
    seed: int,
    hypotheses: Sequence[Hypothesis],
) -> dict[str, Any]:
    primary = [h for h in hypotheses if h.primary]
    draws = {h.key: h.orders for h in hypotheses if h.orders is not None}
    return {
        "outcome": question.outcome,
        "unit": question.unit,
        "metrics": list(metrics),
        "family": list(question.family),
        "layer": question.layer,
        "tested_family": [f"{h.row['task']}: {h.metric}" for h in primary if h.testable],
        "lower_is_better": sorted(question.lower_is_better),
        "permutations": permutations,
        "seed": seed,
        "level": LEVEL,
        "resampling": [
            {
                "units": list(units),
                "permutations": len(orders),
                "exact": orders.exact,
                "seed": None if orders.seeds is None else list(orders.seeds),
            }
            for units, orders in draws.items()
        ],
    }
