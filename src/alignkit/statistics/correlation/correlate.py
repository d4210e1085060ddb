"""Correlate alignment with performance: one row with a verdict per task and metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from alignkit.bounds.counts import check_count
from alignkit.cleaning import visible
from alignkit.errors import UsageError
from alignkit.statistics.controls import encode_controls
from alignkit.statistics.correlation.cautions import (
    Caution,
    cautions_of,
    duplicates,
    missing_values,
    rows_without_unit,
)
from alignkit.statistics.correlation.hypothesis import Hypothesis, Question
from alignkit.statistics.correlation.pooling import pool_tasks
from alignkit.statistics.correlation.prediction import left_out_r2
from alignkit.statistics.correlation.robust import weaknesses
from alignkit.statistics.correlation.tasks import describe_tasks
from alignkit.statistics.correlation.units import (
    check_table,
    repeated_rows,
    rows_with_unit,
    run_keys,
    unit_means,
    with_units,
)
from alignkit.statistics.correlation.verdict import judge
from alignkit.statistics.equivalence import MARGIN, check_margin
from alignkit.statistics.joint import CorrelationTest, least_max_t, max_t
from alignkit.statistics.multiple_testing import benjamini_hochberg, holm, min_p
from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.requirements import LEVEL

# Declared, not discovered: installing another metric changes nobody's corrected p.
FAMILY = ("unbiased_cka", "mknn", "svcca", "procrustes")


# What a notebook shows of the table, and what of that is text.
SHOWN = ("task", "metric", "layer", "n", "pearson", "low", "high", "p", "p_adjusted", "verdict")
NAMES = ("task", "metric", "layer", "verdict")


@dataclass
class Correlations:
    """The result of ``correlate``.

    Attributes
    ----------
    table : DataFrame
        One row per task and metric, or per task, metric and pair of layers.
    units : DataFrame
        ``task``, ``unit``, ``placement``, ``runs`` and the means of the outcome and metrics.
    tasks : DataFrame
        One row per task: units, runs, seeds, the intraclass correlation of the outcome, the
        effective number of runs, and the power to find r = 0.7.
    cautions : list of Caution
        What a reader should know before trusting the numbers.
    settings : dict
        Everything needed to repeat the analysis, including every seed of every resampling.
    hypotheses : list of Hypothesis
        In the order of ``table``, with their points and null distributions.
    pooled : DataFrame
        One row per metric that can be tested in two tasks or more, see ``pool_tasks``.
    """

    table: pd.DataFrame
    units: pd.DataFrame
    tasks: pd.DataFrame
    cautions: list[Caution] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    hypotheses: list[Hypothesis] = field(default_factory=list, repr=False)
    pooled: pd.DataFrame = field(default_factory=pd.DataFrame)

    def _repr_html_(self) -> str:
        """Return the correlations with their tests, for a notebook."""
        shown = [name for name in SHOWN if name in self.table]
        texts = {name: visible for name in NAMES if name in shown}
        html: str = self.table[shown].to_html(
            index=False, float_format="{:.3g}".format, formatters=texts
        )
        return html


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
    layer_pairs: Mapping[str, tuple[str, str]] | None = None,
    other_values: Mapping[str, Mapping[str, str]] | None = None,
    direction_assumed: Collection[str] = (),
    outcome_names: Mapping[str, str] | None = None,
    control: Sequence[str] = (),
    margin: float = MARGIN,
) -> Correlations:
    """Correlate each metric with the outcome over units, task by task.

    Parameters
    ----------
    table : DataFrame
        One row per run: ``task``, ``placement``, ``seed``, the outcome and the metrics. A
        metric with parameters belongs to the family of its name before the colon.
    outcome : str
        The column of scores.
    metrics : sequence of str
        The columns of alignment.
    unit : str
        ``placement``: means over seeds. ``run`` treats seeds as independent, which they are
        not; everything is exploratory then. Otherwise the column that names the units.
    family : sequence of str
        Primary metrics; their p-values are corrected jointly over all tasks by max-T. The
        others are exploratory; among them the false discovery rate is controlled.
    lower_is_better : collection of str
        Metrics that are distances, and an outcome that is a loss.
    permutations, seed : int
        Size and seed of the sample of permutations where a task has more than nine units.
    layer : str
        The layer rule that made the values, for the record.
    layer_pairs : mapping, optional
        Column to its metric and pair of layers, where every pair is a row of its own: all
        are exploratory, and corrected by max-T over the pairs of a metric and task.
    other_values : mapping, optional
        ``raw`` or ``calibrated`` to metric to the column that holds its other values.
    direction_assumed : collection of str
        Metrics that do not declare whether higher is more aligned, to record that it was
        assumed.
    outcome_names : mapping, optional
        Task to the name of its outcome, where tasks with different scores share a column.
    control : sequence of str
        Columns that may explain both sides, such as size or depth. All correlations are then
        partial ones, and residuals are permuted (Freedman and Lane 1983).
    margin : float
        The |r| below which an association counts as absent, between 0 and 1.

    Returns
    -------
    Correlations
        ``pearson`` with its interval and permutation ``p``; ``p_parametric``;
        ``p_adjusted`` and ``p_holm``; ``spearman`` and ``kendall`` with theirs;
        ``without_none`` (r without the placement that has no co-attention); the range of r
        when one unit is left out; ``within`` (repeated measures); and a verdict. What cannot
        be computed is missing, and ``reason`` says why.

    Raises
    ------
    UsageError
        If the margin is out of range, a column is missing or not numeric, splits are mixed, or
        a control is constant, has missing values or is determined by the others.
    """
    if not metrics:
        raise UsageError("there is no metric to correlate; the table has no other numeric column")
    check_count("permutations", permutations, 1)
    check_margin(margin)
    metrics = list(dict.fromkeys(metrics))
    question = Question(
        outcome=outcome,
        unit=unit,
        layer=layer,
        family=tuple(family),
        lower_is_better=frozenset(lower_is_better),
        layer_pairs=layer_pairs or {},
        other_values=other_values or {},
        direction_assumed=frozenset(direction_assumed),
        outcome_names=outcome_names or {},
        margin=margin,
    )
    runs, cautions = _clean(table, metrics, question, control)
    question = replace(question, controls=encode_controls(runs, list(dict.fromkeys(control))))
    hypotheses = _hypotheses(runs, metrics, question)
    _test(hypotheses, permutations, seed)
    tasks = describe_tasks(runs, hypotheses, question)
    return Correlations(
        pd.DataFrame([h.row for h in hypotheses]),
        unit_means(runs, unit, [outcome, *metrics]),
        tasks,
        cautions + cautions_of(tasks, hypotheses, question),
        _settings(question, metrics, permutations, seed, hypotheses),
        hypotheses,
        pool_tasks(hypotheses, permutations, seed),
    )


def _clean(
    table: pd.DataFrame, metrics: Sequence[str], question: Question, control: Sequence[str]
) -> tuple[pd.DataFrame, list[Caution]]:
    """Check the table, leave out repeated rows and rows without a unit, and name units."""
    columns = [question.outcome, *metrics]
    others = [c for of_metric in question.other_values.values() for c in of_metric.values()]
    check_table(table, question.outcome, [*metrics, *others], control)
    cautions = rows_without_unit(table)
    table = rows_with_unit(table, columns)
    repeated = repeated_rows(table, columns)
    cautions += duplicates(table, repeated, run_keys(table), columns)
    table = table[~repeated] if repeated.any() else table
    if not question.layer_pairs:
        cautions += missing_values(table, columns)
    return with_units(table, question.unit), cautions


def _hypotheses(runs: pd.DataFrame, metrics: Sequence[str], question: Question) -> list[Hypothesis]:
    """Return every metric on every task; a pair of layers only where the task has it."""
    return [
        Hypothesis(task, metric, runs, question)
        for task in sorted(runs["task"].unique())
        for metric in metrics
        if not question.layer_pairs or runs.loc[runs["task"] == task, metric].notna().any()
    ]


def _test(hypotheses: Sequence[Hypothesis], n_permutations: int, seed: int) -> None:
    """Fill in p, the corrected p and the verdicts."""
    shared: dict[tuple[str, ...], UnitPermutations] = {}
    tested = [h for h in hypotheses if h.testable]
    for h in tested:
        if h.key not in shared:
            shared[h.key] = UnitPermutations(h.key, n_permutations, seed)
        h.test(shared[h.key])
    if any(h.question.layer_pairs for h in tested):
        _correct_layer_pairs(tested)
    else:
        _correct_primary([h for h in tested if h.primary])
        _correct_exploratory([h for h in tested if not h.primary])
        _predict(tested)
    for h in hypotheses:
        h.row["verdict"], h.row["reason"] = judge(
            h.row, h.sign, h.reason or _cannot_succeed(h.row), h.doubts
        )


def _predict(tested: Sequence[Hypothesis]) -> None:
    """Add the prediction of units left out; a family is corrected by min-p."""
    for primary in (True, False):
        chosen, values = [], []
        for h in tested:
            if h.primary != primary or h.question.unit == "run":  # runs are no units to leave out
                continue
            assert h.permutations is not None
            r2 = left_out_r2(h.x, h.y, h.permutations, h.basis)
            if not np.isnan(r2[0]):
                chosen.append(h)
                values.append((r2, h.permutations))
        corrected = min_p(values)
        if not primary and corrected:
            by_rate = benjamini_hochberg(np.array([p for p, _ in corrected]))
            corrected = [(p, float(q)) for (p, _), q in zip(corrected, by_rate, strict=True)]
        for h, (r2, _), (p, p_adjusted) in zip(chosen, values, corrected, strict=True):
            h.row |= {
                "r2_left_out": float(r2[0]),
                "p_prediction": p,
                "p_prediction_adjusted": p_adjusted,
                "predicts": bool(r2[0] > 0 and p_adjusted < LEVEL and not weaknesses(h.row)),
            }


def _cannot_succeed(row: Mapping[str, Any]) -> str:
    """Return why no arrangement of the units could make a test significant; empty where one can."""
    least = row["least_p_adjusted"]
    if least < LEVEL:
        return ""
    return f"the least corrected p that these values can attain is {least:.3f}"


def _correct_primary(primary: Sequence[Hypothesis]) -> None:
    """Correct by max-T over all primary metrics and tasks at once; add Holm for comparison."""
    p_holm = holm(np.array([h.row["p"] for h in primary]))
    for h, corrected, p in zip(primary, _corrected(primary), p_holm, strict=True):
        h.row |= corrected | {"adjustment": "max-T", "p_holm": float(p)}


def _correct_exploratory(exploratory: Sequence[Hypothesis]) -> None:
    """Control the false discovery rate among exploratory metrics."""
    if not exploratory:
        return
    adjusted, by_ranks = (
        benjamini_hochberg(np.array([h.row[name] for h in exploratory]))
        for name in ("p", "p_spearman")
    )
    for h, p, p_spearman in zip(exploratory, adjusted, by_ranks, strict=True):
        h.row |= {
            "p_adjusted": float(p),
            "p_spearman_adjusted": float(p_spearman),
            # Where all tests attain their least p together, it stays as it is.
            "least_p_adjusted": h.row["least_p"],
            "adjustment": "BH",
        }


def _correct_layer_pairs(tested: Sequence[Hypothesis]) -> None:
    """Correct by max-T over the pairs of layers of each metric and task."""
    groups: dict[tuple[str, str], list[Hypothesis]] = {}
    for h in tested:
        groups.setdefault((h.row["task"], h.metric), []).append(h)
    for group in groups.values():
        for h, corrected in zip(group, _corrected(group), strict=True):
            h.row |= corrected | {"adjustment": "max-T over layers"}


def _corrected(group: Sequence[Hypothesis]) -> list[dict[str, float]]:
    """Return the corrected p of each hypothesis, the least it could be, and that of its ranks."""
    tests = [
        CorrelationTest(h.x, h.y, h.row["pearson"], h.permutations, h.basis)
        for h in group
        if h.permutations
    ]
    by_ranks = [
        CorrelationTest(*h.ranks, h.row["spearman"], h.permutations, h.rank_basis)
        for h in group
        if h.permutations
    ]
    return [
        {"p_adjusted": p, "p_spearman_adjusted": p_spearman, "least_p_adjusted": least}
        for h, p, p_spearman, least in zip(
            group, max_t(tests), max_t(by_ranks), least_max_t(tests), strict=True
        )
    ]


def _settings(
    question: Question,
    metrics: Sequence[str],
    n_permutations: int,
    seed: int,
    hypotheses: Sequence[Hypothesis],
) -> dict[str, Any]:
    primary = [h for h in hypotheses if h.primary]
    resampled = {h.key: h.permutations for h in hypotheses if h.permutations is not None}
    return {
        "outcome": question.outcome,
        "unit": question.unit,
        "metrics": list(metrics),
        "family": list(question.family),
        "layer": question.layer,
        "control": list(question.controls),
        "margin": question.margin,
        "tested_family": [f"{h.row['task']}: {h.metric}" for h in primary if h.testable],
        "lower_is_better": sorted(question.lower_is_better),
        "permutations": n_permutations,
        "seed": seed,
        "level": LEVEL,
        "resampling": [
            {
                "units": list(units),
                "permutations": len(permutations),
                "exact": permutations.exact,
                "seed": None if permutations.seeds is None else list(permutations.seeds),
            }
            for units, permutations in resampled.items()
        ],
    }
