"""Alignment against performance: one row per task and metric, and a verdict in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from alignkit.errors import UsageError
from alignkit.statistics.adjust import benjamini_hochberg, holm
from alignkit.statistics.permutation import (
    fraction,
    max_t,
    null_correlations,
    orders,
    p_value,
)
from alignkit.statistics.units import checked_table, unit_means, without_duplicates
from alignkit.statistics.within import repeated_measures

# Declared, not found: installing another metric changes nobody's corrected p.
FAMILY = ("cka", "mknn", "svcca", "procrustes")
LEAST_UNITS = 6
LEVEL = 0.05


@dataclass
class Correlations:
    """What ``correlate`` found.

    Attributes
    ----------
    table : DataFrame
        One row per task and metric.
    units : DataFrame
        The means that were correlated: ``task``, ``unit``, ``placement``, ``runs``, the
        outcome and the metrics.
    warnings : list of str
    settings : dict
        Everything needed to repeat the analysis.
    """

    table: pd.DataFrame
    units: pd.DataFrame
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


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
        not; exploratory only.
    family : sequence of str
        Primary metrics; their p are adjusted jointly over all tasks by max-T. The others
        are exploratory and get the false discovery rate among themselves.
    lower_is_better : collection of str
        Metrics that are distances, and an outcome that is a loss.
    permutations, seed : int
        Drawn where a task has more than nine units.

    Returns
    -------
    Correlations
        ``pearson`` with its interval (Fisher's z) and permutation ``p``; ``p_parametric``;
        ``p_adjusted`` and ``p_holm``; ``spearman`` and ``kendall``; ``without_none`` (r
        without the placement that has no co-attention); the range when one unit is left out;
        ``within`` (repeated measures); and a verdict. What cannot be computed is NaN, and
        ``reason`` says why.

    Raises
    ------
    UsageError
        When a column is missing or not numeric.
    """
    if not metrics:
        raise UsageError("there is no metric to correlate; the table has no other numeric column")
    if permutations < 1:
        raise UsageError(f"--permutations is {permutations}; it must be at least 1")
    metrics = list(dict.fromkeys(metrics))
    columns = [outcome, *metrics]
    table, warnings = without_duplicates(checked_table(table, outcome, metrics), columns)
    units = unit_means(table, unit, columns)
    hypotheses = [
        _Hypothesis(task, metric, units, table, outcome, lower_is_better, family)
        for task in units["task"].unique()
        for metric in metrics
    ]
    _test(hypotheses, permutations, seed)
    warnings += _warnings(table, units, columns, unit, hypotheses)
    settings = {
        "outcome": outcome, "unit": unit, "metrics": metrics, "family": list(family),
        "lower_is_better": sorted(lower_is_better), "permutations": permutations, "seed": seed,
        "level": LEVEL,
    }  # fmt: skip
    return Correlations(pd.DataFrame([h.row for h in hypotheses]), units, warnings, settings)


class _Hypothesis:
    """One metric on one task: the units it is tested on, and its row of the table."""

    def __init__(
        self, task: str, metric: str, units: pd.DataFrame, runs: pd.DataFrame, outcome: str,
        lower_is_better: Collection[str], family: Sequence[str],
    ) -> None:  # fmt: skip
        all_units = units[units["task"] == task]
        self.units = all_units.dropna(subset=[outcome, metric])
        self.x = self.units[metric].to_numpy(float)
        self.y = self.units[outcome].to_numpy(float)
        self.primary = metric.partition(":")[0] in family
        down = [name in lower_is_better for name in (metric, outcome)]
        self.sign = -1 if down[0] != down[1] else 1
        mine = runs[runs["task"] == task].dropna(subset=[outcome, metric])
        self.row: dict[str, Any] = {
            "task": task, "metric": metric, "family": "primary" if self.primary else "exploratory",
            "direction": "lower is more aligned" if down[0] else "higher is more aligned",
            "outcome": outcome,
            "outcome_direction": "lower is better" if down[1] else "higher is better",
            "n": len(self.units), "runs": len(mine),
        }  # fmt: skip
        self.reason = self._why_not(metric, outcome)
        self.row |= self._estimates() if not self._degenerate() else dict.fromkeys(_ESTIMATES)
        within = repeated_measures(
            mine[metric].to_numpy(float), mine[outcome].to_numpy(float),
            mine["placement"].to_numpy(),
        ) if len(mine) > 2 else None  # fmt: skip
        self.row["within"], self.row["p_within"] = within or (None, None)

    @property
    def key(self) -> tuple[str, ...]:
        """The units by name; hypotheses that share them share their permutations."""
        return tuple(self.units["unit"])

    @property
    def testable(self) -> bool:
        return not self.reason

    def _degenerate(self) -> bool:
        return len(self.units) < 3 or _constant(self.x) or _constant(self.y)

    def _why_not(self, metric: str, outcome: str) -> str:
        if len(self.units) < LEAST_UNITS:
            return f"{len(self.units)} unit(s), at least {LEAST_UNITS} are needed"
        for name, values in ((metric, self.x), (outcome, self.y)):
            if _constant(values):
                return f"{name} is constant"
        return ""

    def _estimates(self) -> dict[str, Any]:
        from scipy.stats import kendalltau, pearsonr, spearmanr

        pearson = pearsonr(self.x, self.y)
        wide = len(self.x) > 3
        interval = pearson.confidence_interval(0.95) if wide else (None, None)
        spearman = spearmanr(self.x, self.y)
        left_out = [_r(np.delete(self.x, i), np.delete(self.y, i)) for i in range(len(self.x))]
        kept = (self.units["placement"] != "none").to_numpy()
        return {
            "pearson": float(pearson.statistic), "low": interval[0], "high": interval[1],
            "spearman": float(spearman.statistic),
            "kendall": float(kendalltau(self.x, self.y).statistic),
            "p_parametric": float(pearson.pvalue),
            "without_none": _r(self.x[kept], self.y[kept]) if not kept.all() else None,
            "leave_one_out_low": min((r for r in left_out if r is not None), default=None),
            "leave_one_out_high": max((r for r in left_out if r is not None), default=None),
        }  # fmt: skip


_ESTIMATES = ("pearson", "low", "high", "spearman", "kendall", "p_parametric", "without_none",
              "leave_one_out_low", "leave_one_out_high")  # fmt: skip


def _test(hypotheses: Sequence[_Hypothesis], drawn: int, seed: int) -> None:
    """Fill in p, the adjusted p and the verdicts."""
    nulls = _nulls([h for h in hypotheses if h.testable], drawn, seed)
    for h in hypotheses:
        h.row |= {"p": None, "p_fraction": None, "p_adjusted": None, "p_holm": None}
        if h.testable:
            null, exact = nulls[id(h)]
            p, extreme = p_value(h.row["pearson"], null, exact)
            h.row["p"] = p
            h.row["p_fraction"] = fraction(extreme, len(h.x)) if exact else None
    primary = [h for h in hypotheses if h.testable and h.primary]
    if primary:
        observed = np.array([h.row["pearson"] for h in primary])
        exact = all(nulls[id(h)][1] for h in primary)
        adjusted = max_t(observed, _same_length([nulls[id(h)][0] for h in primary]), exact)
        holms = holm(np.array([h.row["p"] for h in primary]))
        for h, one, other in zip(primary, adjusted, holms, strict=True):
            h.row |= {"p_adjusted": float(max(one, h.row["p"])), "p_holm": float(other)}
    others = [h for h in hypotheses if h.testable and not h.primary]
    if others:
        discovered = benjamini_hochberg(np.array([h.row["p"] for h in others]))
        for h, one in zip(others, discovered, strict=True):
            h.row["p_adjusted"] = float(one)
    for h in hypotheses:
        h.row["verdict"] = _verdict(h)
        h.row["reason"] = h.reason


def _nulls(
    hypotheses: Sequence[_Hypothesis], drawn: int, seed: int
) -> dict[int, tuple[np.ndarray, bool]]:
    """Null correlations; hypotheses on the same units are permuted together.

    Tasks share placements, so one permutation of the placements' labels serves all tasks
    that have the same ones. Others draw their own, which keeps the test valid and gives up
    the use of their dependence.
    """
    by_units: dict[tuple[str, ...], tuple[np.ndarray, bool]] = {}
    nulls = {}
    for h in hypotheses:
        if h.key not in by_units:
            rng = np.random.default_rng([seed, len(by_units)])
            by_units[h.key] = orders(len(h.key), drawn, rng)
        order, exact = by_units[h.key]
        nulls[id(h)] = (null_correlations(h.x[:, None], h.y, order), exact)
    return nulls


def _same_length(nulls: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Bring nulls over different permutations to one length, pairing them by chance."""
    longest = max(len(null) for null in nulls)
    rng = np.random.default_rng(0)
    return [
        null if len(null) == longest else null[rng.integers(0, len(null), longest)]
        for null in nulls
    ]


def _verdict(h: _Hypothesis) -> str:
    """Supported, suggestive, inconclusive, contradicted, or not testable."""
    if not h.testable:
        return "not testable"
    r = h.row["pearson"]
    low, high = h.row["leave_one_out_low"], h.row["leave_one_out_high"]
    steady = low is not None and low * high > 0 and h.row["spearman"] * r > 0
    if h.primary and h.row["p_adjusted"] < LEVEL and steady:
        return "supported" if r * h.sign > 0 else "contradicted"
    if h.row["p"] < LEVEL and h.row["spearman"] * r > 0 and r * h.sign > 0:
        return "suggestive"
    return "inconclusive"


def _warnings(
    table: pd.DataFrame, units: pd.DataFrame, columns: Sequence[str], unit: str,
    hypotheses: Sequence[_Hypothesis],
) -> list[str]:  # fmt: skip
    lines = []
    if unit == "run":
        lines.append(
            "EXPLORATORY: seeds of a placement are treated as independent; a true null is "
            "rejected about three times in ten"
        )
    for column in columns:
        missing = int(table[column].isna().sum())
        if missing:
            lines.append(
                f"{column} is missing in {missing} of {len(table)} runs, which are left out"
            )
    for task in units["task"].unique():
        n = int((units["task"] == task).sum())
        if n < LEAST_UNITS:
            lines.append(f"{task}: {n} unit(s); {LEAST_UNITS} or more are needed for a test")
        elif n < 16:
            lines.append(
                f"{task}: {n} units find only strong associations; no finding is not absence"
            )
    for h in hypotheses:
        without = h.row["without_none"]
        if h.testable and without is not None and abs(without - h.row["pearson"]) > 0.3:
            lines.append(
                f"{h.row['task']}, {h.row['metric']}: r is {h.row['pearson']:+.2f}, but "
                f"{without:+.2f} without the placement 'none'"
            )
    return lines


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())))


def _r(x: np.ndarray, y: np.ndarray) -> float | None:
    if len(x) < 3 or _constant(x) or _constant(y):
        return None
    return float(np.corrcoef(x, y)[0, 1])
