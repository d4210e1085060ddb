"""One metric on one task: its units, estimates and tests."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from alignkit.statistics.controls import adjusted, orthonormal, unit_controls
from alignkit.statistics.correlation.disattenuation import disattenuated
from alignkit.statistics.correlation.robust import turning_p
from alignkit.statistics.correlation.units import placements_of
from alignkit.statistics.equivalence import MARGIN, bayes_factor, equivalence_p, smallest_margin
from alignkit.statistics.intervals import correlation_interval, jackknife_error, parametric_p
from alignkit.statistics.permutation import (
    UnitPermutations,
    critical_r,
    null_kendall,
    p_fraction,
    p_value,
    studentised,
)
from alignkit.statistics.requirements import LEVEL, MIN_UNITS, MIN_UNITS_INTERVAL, is_constant
from alignkit.statistics.variance.decomposition import intraclass_correlation
from alignkit.statistics.variance.repeated_measures import repeated_measures

CHANCE = 1e-9  # a mean calibrated value up to here is not above chance
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
    "margin",
    "smallest_margin",
    "p_equivalence",
    "absence",
    "bayes_factor",
)
TESTS = (
    "p",
    "p_fraction",
    "least_p",
    "p_studentised",
    "p_turn",
    "p_spearman",
    "p_kendall",
    "exact",
    "permutations",
    "resampling_seed",
    "p_adjusted",
    "adjustment",
    "least_p_adjusted",
    "p_spearman_adjusted",
    "p_holm",
    "r2_left_out",
    "p_prediction",
    "p_prediction_adjusted",
    "predicts",
)


@dataclass(frozen=True)
class Question:
    """What is asked of every metric.

    Attributes
    ----------
    outcome : str
        The column of scores.
    unit : str
        ``placement`` or ``run``.
    layer : str
        The layer rule that made the values.
    family : tuple of str
        Primary metrics, by name or by name and parameters.
    lower_is_better : collection of str
        Metrics that are distances, and an outcome that is a loss.
    layer_pairs : mapping
        Column to metric and pair of layers, where every pair is a row of its own.
    other_values : mapping
        Kind (``raw`` or ``calibrated``) to metric to the column with its other values.
    direction_assumed : collection of str
        Metrics that do not declare whether higher is more aligned.
    controls : mapping
        Controlled variables by name, as by ``encode_controls``.
    outcome_names : mapping
        Task to the name of its outcome, where tasks with different scores share a column.
    margin : float
        The |r| below which an association counts as absent.
    """

    outcome: str
    unit: str
    layer: str
    family: tuple[str, ...]
    lower_is_better: Collection[str]
    layer_pairs: Mapping[str, tuple[str, str]]
    other_values: Mapping[str, Mapping[str, str]]
    direction_assumed: Collection[str] = ()
    controls: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    outcome_names: Mapping[str, str] = field(default_factory=dict)
    margin: float = MARGIN

    def is_primary(self, metric: str) -> bool:
        """Return whether a metric is in the declared family; layer pairs and runs never are."""
        if self.layer_pairs or self.unit == "run":
            return False
        return metric in self.family or metric.partition(":")[0] in self.family

    def is_loss(self, task: str) -> bool:
        """Return whether lower values of a task's outcome are better."""
        names = {self.outcome, self.outcome_names.get(task, self.outcome)}
        return not names.isdisjoint(self.lower_is_better)


class Hypothesis:
    """A metric against the outcome over the units of a task.

    Parameters
    ----------
    task, column : str
        The task, and the column of the metric.
    runs : DataFrame
        One row per run of all tasks, with its unit.
    question : Question

    Attributes
    ----------
    metric, layer : str
        What the column holds.
    points : DataFrame
        One row per unit: ``task``, ``metric``, ``unit``, ``placement``, ``runs`` and the mean
        and standard deviation over its runs of alignment (``x``, ``x_sd``) and outcome
        (``y``, ``y_sd``). Runs that lack either are left out of both means.
    x, y : ndarray (n,)
        Alignment and outcome of the units, without what controls explain of them.
    controls : ndarray (n, k)
        Controlled variables of the units.
    basis : ndarray (n, k)
        Orthonormal columns that span them.
    primary : bool
        Whether the metric belongs to the declared family.
    sign : int
        The sign (+1 or -1) of r if more alignment is associated with better performance.
    row : dict
        The row of the table of correlations, filled step by step.
    reason : str
        Why there is no test; empty where there is one.
    doubts : list of str
        What speaks against the correlation, from raw or calibrated values.
    permutations : UnitPermutations or None
        The permutations of the units, once the test is made.
    """

    def __init__(self, task: str, column: str, runs: pd.DataFrame, question: Question) -> None:
        self.task, self.column, self.question = task, column, question
        self.metric, self.layer = question.layer_pairs.get(column, (column, question.layer))
        outcome, task_runs = question.outcome, runs[runs["task"] == task]
        self.runs = task_runs.dropna(subset=[column, outcome])
        self.points = _points(self.runs, task, self.metric, column, outcome)
        self.controls = unit_controls(question.controls, self.runs, task)
        self.basis = orthonormal(self.controls)
        self._raw = tuple(self.points[axis].to_numpy(float) for axis in "xy")
        self.x, self.y = (adjusted(values, self.basis) for values in self._raw)
        if question.controls:
            self.points = self.points.assign(x=self.x, y=self.y)
        self.primary = question.is_primary(self.metric)
        is_distance = self.metric in question.lower_is_better
        assumed = ", assumed" if self.metric in question.direction_assumed else ""
        self.sign = self._sign(self.metric)
        self.permutations: UnitPermutations | None = None
        self.reason = self._reason_for_no_test(task, task_runs)
        self.row: dict[str, Any] = {
            "task": task,
            "metric": self.metric,
            "layer": self.layer,
            "family": "primary" if self.primary else "exploratory",
            "direction": f"{'lower' if is_distance else 'higher'} is more aligned{assumed}",
            "outcome": question.outcome_names.get(task, outcome),
            "outcome_direction": f"{'lower' if question.is_loss(task) else 'higher'} is better",
            "expected_sign": "+" if self.sign > 0 else "-",
            "unit": question.unit,
            "n": len(self.x),
            "runs": len(self.runs),
        } | dict.fromkeys((*ESTIMATES, *TESTS))
        if question.controls:
            uncontrolled = correlation(*self._raw)
            self.row |= {
                "control": ", ".join(question.controls),
                "pearson_uncontrolled": uncontrolled,
            }
        if self.n_free >= 3 and not is_constant(self.x) and not is_constant(self.y):
            self.row |= self._estimates()
            self.row |= self._equivalence()
        self.row |= self._over_seeds()
        self.doubts = [
            doubt for kind in question.other_values for doubt in self._compare_values(kind)
        ]

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the units; hypotheses on the same units share their permutations."""
        return tuple(self.points["unit"])

    @property
    def n_free(self) -> int:
        """Number of units less that of controlled variables."""
        return len(self.x) - int(self.basis.shape[1])

    @property
    def rank_basis(self) -> np.ndarray:
        """Orthonormal columns that span the ranks of the controls, ``(n, k)``."""
        from scipy.stats import rankdata

        return orthonormal(rankdata(self.controls, axis=0)) if self.controls.size else self.basis

    @property
    def testable(self) -> bool:
        """Whether there are enough units and both variables vary."""
        return not self.reason

    def null(self) -> np.ndarray:
        """Return Pearson's r under every permutation of the units, ``(m,)``."""
        assert self.permutations is not None
        return self.permutations.null(self.x, self.y, self.basis)

    def critical_r(self) -> float:
        """Return the |r| from which p is at most 0.05."""
        return critical_r(self.null(), LEVEL)

    def test(self, permutations: UnitPermutations) -> None:
        """Add p-values to the row; that of Kendall's tau only where there are few rows.

        Parameters
        ----------
        permutations : UnitPermutations
            Of these units.
        """
        self.permutations = permutations
        null = self.null()
        p, extreme = p_value(self.row["pearson"], null, permutations.exact)
        self.row |= {
            "p": p,
            "least_p": p_value(float(np.abs(null).max()), null, permutations.exact)[0],
            "p_fraction": p_fraction(extreme, len(self.x)) if permutations.exact else None,
            "exact": permutations.exact,
            "permutations": len(permutations),
            "resampling_seed": None if permutations.seeds is None else list(permutations.seeds),
        }
        self.row |= self._robust_tests(permutations)
        if not self.question.layer_pairs and self.row["kendall"] is not None:
            kendall = null_kendall(self.x, self.y, permutations.indices)
            self.row["p_kendall"] = p_value(self.row["kendall"], kendall, permutations.exact)[0]

    @property
    def ranks(self) -> tuple[np.ndarray, np.ndarray]:
        """The ranks of alignment and outcome, without what those of controls explain."""
        from scipy.stats import rankdata

        x, y = (adjusted(rankdata(values), self.rank_basis) for values in self._raw)
        return x, y

    def _robust_tests(self, permutations: UnitPermutations) -> dict[str, float | None]:
        spearman = permutations.null(*self.ranks, self.rank_basis)
        by_error = permutations.studentised_null(self.x, self.y, self.basis)
        return {
            "p_spearman": p_value(self.row["spearman"], spearman, permutations.exact)[0],
            "p_studentised": p_value(studentised(self.x, self.y), by_error, permutations.exact)[0],
            "p_turn": turning_p(self.x, self.y, self.basis.shape[1]),
        }

    def _reason_for_no_test(self, task: str, task_runs: pd.DataFrame) -> str:
        outcome = self.question.outcome_names.get(task, self.question.outcome)
        for column, name in ((self.question.outcome, outcome), (self.column, self.metric)):
            if task_runs[column].isna().all():
                return f"{task} has no {name}"
        if self.n_free < MIN_UNITS:
            needed = MIN_UNITS + self.basis.shape[1]
            controls = f" with {self.basis.shape[1]} controlled" * bool(self.basis.shape[1])
            return f"{len(self.x)} unit(s), at least {needed} are needed{controls}"
        named = zip((self.metric, outcome), self._raw, (self.x, self.y), self.ranks, strict=True)
        for name, raw, values, ranks in named:
            if is_constant(raw):
                return f"{name} is constant"
            if is_constant(values) or is_constant(ranks):
                return f"{name} is explained entirely by {', '.join(self.question.controls)}"
        return ""

    def _estimates(self) -> dict[str, Any]:
        from scipy.stats import kendalltau, pearsonr, spearmanr

        r = float(np.clip(pearsonr(self.x, self.y).statistic, -1, 1))
        low, high = self._interval()
        left_out = self._each_left_out()
        known = [r_without for r_without in left_out if r_without is not None]
        moves = [0.0 if r_without is None else abs(r_without - r) for r_without in left_out]
        kept = (self.points["placement"] != "none").to_numpy()
        return {
            "pearson": r,
            "low": low,
            "high": high,
            "spearman": correlation(*self.ranks)
            if self.controls.size
            else float(spearmanr(self.x, self.y).statistic),
            # Ranks of residuals are no partial tau, so there is none with controls.
            "kendall": None if self.controls.size else float(kendalltau(self.x, self.y).statistic),
            "p_parametric": parametric_p(r, self.n_free),
            "without_none": None if kept.all() else self._over(kept),
            "leave_one_out_low": min(known, default=None),
            "leave_one_out_high": max(known, default=None),
            "leave_one_out_unit": self.points["unit"].iloc[int(np.argmax(moves))],
        }

    def left_out(self) -> pd.DataFrame:
        """Return r without each unit in turn: ``unit``, ``pearson``, ``task``, ``metric``."""
        rows = [
            {"unit": unit, "pearson": r}
            for unit, r in zip(self.points["unit"], self._each_left_out(), strict=True)
        ]
        return pd.DataFrame(rows).assign(task=self.row["task"], metric=self.metric)

    def _interval(self) -> tuple[float | None, float | None]:
        if self.n_free < MIN_UNITS_INTERVAL:
            return None, None
        return correlation_interval(self.x, self.y, self.basis.shape[1])

    def _equivalence(self) -> dict[str, Any]:
        """Return whether r lies within the margin, and the Bayes factor for no association."""
        margin, n, r = self.question.margin, self.n_free, self.row["pearson"]
        if n < MIN_UNITS_INTERVAL:
            return {"margin": margin, "absence": "not testable"}
        least = smallest_margin(n)
        # As for the interval of r: the jackknife follows the data where tails are heavy.
        error = max(1 / math.sqrt(n - 3), jackknife_error(self.x, self.y))
        p = equivalence_p(r, error, margin)
        testable = n >= MIN_UNITS and least < margin and self.question.unit != "run"
        shown = "absent" if p < LEVEL else "not shown"
        return {
            "margin": margin,
            "smallest_margin": least,
            "p_equivalence": p,
            "absence": shown if testable else "not testable",
            "bayes_factor": bayes_factor(r, n),
        }

    def _each_left_out(self) -> list[float | None]:
        """Return r without each unit in turn."""
        n = len(self.x)
        return [self._over(np.arange(n) != i) for i in range(n)]

    def _over(self, kept: np.ndarray) -> float | None:
        """Return r over some of the units, controls fitted anew."""
        basis = orthonormal(self.controls[kept])
        if kept.sum() - basis.shape[1] < 3:
            return None
        return correlation(*(adjusted(values[kept], basis) for values in self._raw))

    def _over_seeds(self) -> dict[str, Any]:
        """Return the correlation within placements, that without noise of seeds, and the ICC."""
        # By placement even where runs are the units: seeds are repetitions of a placement.
        groups = "placement" if self.question.unit == "run" else "_unit"
        x, y = (self.runs[c].to_numpy(float) for c in (self.column, self.question.outcome))
        labels = self.runs[groups].to_numpy()
        within = repeated_measures(x, y, labels) if len(self.runs) else None
        names = ("r", "low", "high", "p", "n")
        keys = ("within", "within_low", "within_high", "p_within", "within_n")
        row = {key: getattr(within, name, None) for key, name in zip(keys, names, strict=True)}
        icc = intraclass_correlation(x, labels)
        row["icc"] = icc[0] if icc else None
        # Where runs are the units, they have no means to correct; with controls, r is another.
        has_means = groups == "_unit" and len(self.runs) > 0 and not self.controls.size
        latent = disattenuated(x, y, labels) if has_means else None
        ends = (("", "r"), ("_low", "low"), ("_high", "high"))
        return row | {f"disattenuated{end}": getattr(latent, name, None) for end, name in ends}

    def _compare_values(self, kind: str) -> list[str]:
        """Add r of the raw or calibrated values; return what speaks against the correlation."""
        column = self.question.other_values[kind].get(self.metric)
        self.row[f"pearson_{kind}"] = None
        if column is None or self.runs.empty:
            return []
        means = self.runs.groupby("_unit", sort=True)[column].mean()
        without_controls = adjusted(means.to_numpy(float), self.basis)
        other = self.row[f"pearson_{kind}"] = correlation(without_controls, self.y)
        doubts = []
        r = self.row["pearson"]
        if None not in (r, other) and r * self.sign * other * self._sign(column) <= 0:
            doubts.append(f"r of {kind} values goes the other way ({other:+.2f})")
        if kind == "calibrated" and means.mean() <= CHANCE:
            doubts.append("alignment is not above chance")
        return doubts

    def _sign(self, column: str) -> int:
        """Return the sign of r if more alignment is associated with better performance."""
        is_distance = column in self.question.lower_is_better
        return -1 if is_distance != self.question.is_loss(self.task) else 1


def _points(runs: pd.DataFrame, task: str, metric: str, column: str, outcome: str) -> pd.DataFrame:
    """Return means and standard deviations over the runs of each unit."""
    grouped = runs.groupby("_unit", sort=True)
    points = pd.DataFrame(
        {
            "placement": grouped["placement"].agg(placements_of),
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


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return Pearson's r; None with fewer than three pairs, missing values, or a constant.

    Parameters
    ----------
    x, y : ndarray (n,)
    """
    if len(x) < 3 or np.isnan(x).any() or np.isnan(y).any() or is_constant(x) or is_constant(y):
        return None
    return float(np.corrcoef(x, y)[0, 1])
