"""One metric on one task: the units it is tested on, what they give, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from alignkit.statistics.permutation import Orders, critical, fraction, null_kendall, p_value
from alignkit.statistics.shares import intraclass
from alignkit.statistics.within import repeated_measures

LEAST_UNITS = 6
NOT_ABOVE = 1e-9  # a calibrated mean up to here is chance
ESTIMATES = (
    "pearson",
    "low",
    "high",
    "spearman",
    "kendall",
    "p_parametric",
    "without_none",
    "leave_one_out_low",
    "leave_one_out_high",
    "leave_one_out_unit",
)
TESTS = (
    "p",
    "p_fraction",
    "p_spearman",
    "p_kendall",
    "exact",
    "permutations",
    "resampling_seed",
    "p_adjusted",
    "adjustment",
    "p_holm",
)


@dataclass(frozen=True)
class Question:
    """What is asked of every metric.

    Attributes
    ----------
    outcome, unit, layer : str
    family : tuple of str
        Primary metrics, by name or by name and parameters.
    lower_is_better : set of str
    joint : mapping
        Column to metric and pair of layers, where every pair is a row of its own.
    beside : mapping
        Kind (``raw`` or ``calibrated``) to metric to the column with its other values.
    assumed : set of str
        Metrics whose direction nobody declared.
    names : mapping
        Task to the name of its outcome, where tasks with other scores share a column.
    """

    outcome: str
    unit: str
    layer: str
    family: tuple[str, ...]
    lower_is_better: Collection[str]
    joint: Mapping[str, tuple[str, str]]
    beside: Mapping[str, Mapping[str, str]]
    assumed: Collection[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def is_primary(self, metric: str) -> bool:
        """Whether a metric belongs to the declared family; single layers and runs never do."""
        if self.joint or self.unit == "run":
            return False
        return metric in self.family or metric.partition(":")[0] in self.family


class Hypothesis:
    """A metric against the outcome over the units of a task.

    Attributes
    ----------
    points : DataFrame
        One row per unit: ``task``, ``metric``, ``unit``, ``placement``, ``runs`` and the mean
        and standard deviation over its runs of alignment (``x``, ``x_sd``) and outcome
        (``y``, ``y_sd``). Runs that lack either are left out of both means.
    row : dict
        The row of the table of correlations, filled step by step.
    reason : str
        Why there is no test; empty where there is one.
    orders : Orders or None
        The permutations, once the test is made.
    """

    def __init__(self, task: str, column: str, runs: pd.DataFrame, question: Question) -> None:
        self.column, self.question = column, question
        self.metric, self.layer = question.joint.get(column, (column, question.layer))
        outcome, mine = question.outcome, runs[runs["task"] == task]
        self.runs = mine.dropna(subset=[column, outcome])
        self.points = _points(self.runs, task, self.metric, column, outcome)
        self.x, self.y = (self.points[axis].to_numpy(float) for axis in "xy")
        self.primary = question.is_primary(self.metric)
        down = [name in question.lower_is_better for name in (self.metric, outcome)]
        self.sign = self._sign(self.metric)
        self.orders: Orders | None = None
        self.reason = self._why_not(task, mine)
        self.row: dict[str, Any] = {
            "task": task,
            "metric": self.metric,
            "layer": self.layer,
            "family": "primary" if self.primary else "exploratory",
            "direction": ("lower" if down[0] else "higher")
            + " is more aligned"
            + (", assumed" if self.metric in question.assumed else ""),
            "outcome": question.names.get(task, outcome),
            "outcome_direction": "lower is better" if down[1] else "higher is better",
            "expected_sign": "+" if self.sign > 0 else "-",
            "unit": question.unit,
            "n": len(self.x),
            "runs": len(self.runs),
        } | dict.fromkeys((*ESTIMATES, *TESTS))
        if len(self.x) >= 3 and not constant(self.x) and not constant(self.y):
            self.row |= self._estimates()
        self.row |= self._within()
        self.doubts = [doubt for kind in question.beside for doubt in self._beside(kind)]

    @property
    def key(self) -> tuple[str, ...]:
        """The units by name; hypotheses that share them share their permutations."""
        return tuple(self.points["unit"])

    @property
    def testable(self) -> bool:
        return not self.reason

    def null(self) -> np.ndarray:
        """Pearson's r of every permutation of the units."""
        assert self.orders is not None
        return self.orders.null(self.x, self.y)

    def critical(self) -> float:
        """The |r| from which p is at most 0.05."""
        return critical(self.null())

    def test(self, orders: Orders) -> None:
        """Count permutations for p; those of ranks only where there are few rows."""
        self.orders = orders
        p, extreme = p_value(self.row["pearson"], self.null(), orders.exact)
        self.row |= {
            "p": p,
            "p_fraction": fraction(extreme, len(self.x)) if orders.exact else None,
            "exact": orders.exact,
            "permutations": len(orders),
            "resampling_seed": None if orders.seeds is None else list(orders.seeds),
        }
        if not self.question.joint:
            self.row |= self._rank_tests(orders)

    def _rank_tests(self, orders: Orders) -> dict[str, float]:
        from scipy.stats import rankdata

        ranks = orders.null(rankdata(self.x), rankdata(self.y))
        signs = null_kendall(self.x, self.y, orders.order)
        return {
            "p_spearman": p_value(self.row["spearman"], ranks, orders.exact)[0],
            "p_kendall": p_value(self.row["kendall"], signs, orders.exact)[0],
        }

    def _why_not(self, task: str, mine: pd.DataFrame) -> str:
        outcome = self.question.names.get(task, self.question.outcome)
        for column, name in ((self.question.outcome, outcome), (self.column, self.metric)):
            if mine[column].isna().all():
                return f"{task} has no {name}"
        if len(self.x) < LEAST_UNITS:
            return f"{len(self.x)} unit(s), at least {LEAST_UNITS} are needed"
        for name, values in ((self.metric, self.x), (outcome, self.y)):
            if constant(values):
                return f"{name} is constant"
        return ""

    def _estimates(self) -> dict[str, Any]:
        from scipy.stats import kendalltau, pearsonr, spearmanr

        found = pearsonr(self.x, self.y)
        r = float(found.statistic)
        low, high = found.confidence_interval(0.95) if len(self.x) > 3 else (None, None)
        left_out = [
            correlation(np.delete(self.x, i), np.delete(self.y, i)) for i in range(len(self.x))
        ]
        known = [one for one in left_out if one is not None]
        moves = [0.0 if one is None else abs(one - r) for one in left_out]
        kept = (self.points["placement"] != "none").to_numpy()
        return {
            "pearson": r,
            "low": low,
            "high": high,
            "spearman": float(spearmanr(self.x, self.y).statistic),
            "kendall": float(kendalltau(self.x, self.y).statistic),
            "p_parametric": float(found.pvalue),
            "without_none": None if kept.all() else correlation(self.x[kept], self.y[kept]),
            "leave_one_out_low": min(known, default=None),
            "leave_one_out_high": max(known, default=None),
            "leave_one_out_unit": self.points["unit"].iloc[int(np.argmax(moves))],
        }

    def left_out(self) -> pd.DataFrame:
        """r without each unit in turn: ``task``, ``metric``, ``unit``, ``pearson``."""
        rows = [
            {"unit": unit, "pearson": correlation(np.delete(self.x, i), np.delete(self.y, i))}
            for i, unit in enumerate(self.points["unit"])
        ]
        return pd.DataFrame(rows).assign(task=self.row["task"], metric=self.metric)

    def _within(self) -> dict[str, Any]:
        # Placements, even where runs are the units: that is what seeds are repetitions of.
        groups = "placement" if self.question.unit == "run" else "_unit"
        x, y = (self.runs[c].to_numpy(float) for c in (self.column, self.question.outcome))
        found = repeated_measures(x, y, self.runs[groups].to_numpy()) if len(self.runs) else None
        names = ("r", "low", "high", "p", "n")
        keys = ("within", "within_low", "within_high", "p_within", "within_n")
        row = {key: getattr(found, name, None) for key, name in zip(keys, names, strict=True)}
        icc = intraclass(x, self.runs[groups].to_numpy())
        return row | {"icc": icc[0] if icc else None}

    def _beside(self, kind: str) -> list[str]:
        """Add r of the other values, raw or calibrated, over the same units; say what differs."""
        column = self.question.beside[kind].get(self.metric)
        self.row[f"pearson_{kind}"] = None
        if column is None or self.runs.empty:
            return []
        means = self.runs.groupby("_unit", sort=True)[column].mean()
        other = self.row[f"pearson_{kind}"] = correlation(means.to_numpy(float), self.y)
        doubts = []
        r = self.row["pearson"]
        if None not in (r, other) and r * self.sign * other * self._sign(column) <= 0:
            doubts.append(f"r of {kind} values goes the other way ({other:+.2f})")
        if kind == "calibrated" and means.mean() <= NOT_ABOVE:
            doubts.append("alignment is not above chance")
        return doubts

    def _sign(self, column: str) -> int:
        """The sign that r has if more alignment goes with better performance."""
        down = self.question.lower_is_better
        return -1 if (column in down) != (self.question.outcome in down) else 1


def _points(runs: pd.DataFrame, task: str, metric: str, column: str, outcome: str) -> pd.DataFrame:
    """Means and standard deviations of the runs of each unit."""
    grouped = runs.groupby("_unit", sort=True)
    points = pd.DataFrame(
        {
            "placement": grouped["placement"].first(),
            "runs": grouped.size(),
            "x": grouped[column].mean(),
            "y": grouped[outcome].mean(),
            "x_sd": grouped[column].std(),
            "y_sd": grouped[outcome].std(),
        }
    )
    points = points.rename_axis("unit").reset_index()
    points.insert(0, "metric", metric)
    points.insert(0, "task", task)
    return points


def constant(values: np.ndarray) -> bool:
    """Whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())))


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Pearson's r; None with fewer than three pairs, missing ones, or a constant."""
    if len(x) < 3 or np.isnan(x).any() or np.isnan(y).any() or constant(x) or constant(y):
        return None
    return float(np.corrcoef(x, y)[0, 1])
