"""What a task's runs can show: units, seeds, likeness of seeds, power; and what to warn of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from alignkit.statistics.consistency import possible_range
from alignkit.statistics.hypothesis import LEAST_UNITS, Hypothesis, Question, correlation
from alignkit.statistics.power import power
from alignkit.statistics.shares import intraclass
from alignkit.statistics.verdict import LEVEL

LIKELY_R = 0.7  # the association whose power is printed
ENOUGH_UNITS = 16
EXPLORATORY = (
    "EXPLORATORY: seeds of a placement are treated as independent; a true null is "
    "rejected about three times in ten"
)
LEVERAGE = 0.3


def describe_tasks(
    runs: pd.DataFrame, hypotheses: Sequence[Hypothesis], question: Question
) -> pd.DataFrame:
    """One row per task.

    Returns
    -------
    DataFrame
        ``task``, ``n`` (units), ``runs``, ``seeds_low`` and ``seeds_high`` (per placement),
        ``missing`` (runs without outcome), ``icc`` of the outcome with its interval,
        ``effective_n`` (independent runs that its runs are worth), ``tests`` (of the primary
        family over all tasks) and the ``power`` to find r = 0.7, alone and after a Bonferroni
        correction for these tests.
    """
    tests = max(1, sum(h.primary and h.testable for h in hypotheses))
    rows = []
    for task in sorted(runs["task"].unique()):
        mine = runs[runs["task"] == task]
        known = mine.dropna(subset=[question.outcome])
        groups = known["placement" if question.unit == "run" else "_unit"]
        n = known["_unit"].nunique()
        seeds = groups.value_counts()
        icc = intraclass(known[question.outcome].to_numpy(float), groups.to_numpy())
        rows.append(
            {
                "task": task,
                "n": n,
                "runs": len(known),
                "seeds_low": int(seeds.min()) if n else 0,
                "seeds_high": int(seeds.max()) if n else 0,
                "missing": len(mine) - len(known),
                "tests": tests,
                "icc": icc[0] if icc else None,
                "icc_low": icc[1] if icc else None,
                "icc_high": icc[2] if icc else None,
                "effective_n": effective_n(seeds.to_numpy(), icc[0]) if icc else None,
                "power": power(n, LIKELY_R, LEVEL) if n >= LEAST_UNITS else None,
                "power_corrected": power(n, LIKELY_R, LEVEL / tests) if n >= LEAST_UNITS else None,
            }
        )
    return pd.DataFrame(rows)


def effective_n(sizes: np.ndarray, icc: float) -> float:
    """Independent runs that clustered ones are worth: n / (1 + (m - 1) icc) (Kish 1965).

    Parameters
    ----------
    sizes : ndarray (groups,)
        Runs per placement; m is their mean as a run sees it, sum of squares over sum.
    icc : float
        Below 0 it counts as 0.
    """
    n = float(sizes.sum())
    size = float((sizes**2).sum()) / n
    return n / (1 + (size - 1) * max(0.0, icc))


def warnings_of(
    tasks: pd.DataFrame, hypotheses: Sequence[Hypothesis], question: Question
) -> list[str]:
    """What a reader should know before trusting the numbers."""
    lines = [EXPLORATORY] if question.unit == "run" else []
    lines += [
        f"{task.task}: {task.n} unit(s); {LEAST_UNITS} or more are needed for a test"
        for task in tasks[tasks["n"] < LEAST_UNITS].itertuples()
    ]
    few = tasks[(tasks["n"] >= LEAST_UNITS) & (tasks["n"] < ENOUGH_UNITS)]
    if len(few) and question.unit != "run":
        low, high = few["n"].min(), few["n"].max()
        lines.append(
            f"{', '.join(few['task'])}: {low if low == high else f'{low} to {high}'} units find "
            "only strong associations; no finding is not absence"
        )
    if not question.joint:
        for h in hypotheses:
            lines += _leverage(h)
        lines += _impossible(hypotheses)
    return lines


def _leverage(h: Hypothesis) -> list[str]:
    """Whether one unit makes the correlation; 'none' is the usual one."""
    row = h.row
    if not h.testable:
        return []
    if row["without_none"] is not None and abs(row["without_none"] - row["pearson"]) > LEVERAGE:
        return [
            f"{row['task']}, {row['metric']}: r is {row['pearson']:+.2f}, but "
            f"{row['without_none']:+.2f} without the placement 'none'"
        ]
    unit, distance = most_influential(h.x, h.y, h.points["unit"].to_list())
    if distance > 1 and row["p"] < LEVEL:
        left = h.left_out().set_index("unit")["pearson"]
        without = f", {left[unit]:+.2f} without it" if pd.notna(left[unit]) else ""
        return [
            f"{row['task']}, {row['metric']}: {unit} has a Cook's distance of {distance:.1f}; r is "
            f"{row['pearson']:+.2f}{without}"
        ]
    return []


def most_influential(x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> tuple[str, float]:
    """The unit with the largest Cook's distance in the regression of y on x (Cook 1977)."""
    centred = x - x.mean()
    leverage = 1 / len(x) + centred**2 / (centred**2).sum()
    slope = float(centred @ y / (centred**2).sum())
    residual = y - y.mean() - slope * centred
    spread = float((residual**2).sum()) / (len(x) - 2)
    if spread <= 1e-24 * float((y**2).sum()) or (leverage >= 1).any():
        return names[int(np.argmax(leverage))], 0.0
    distance = residual**2 * leverage / (2 * spread * (1 - leverage) ** 2)
    most = int(np.argmax(distance))
    return names[most], float(distance[most])


def _impossible(hypotheses: Sequence[Hypothesis]) -> list[str]:
    """Pairs of metrics whose r with the outcome contradict their r with each other.

    Impossible from one set of units; missing values can bring it about.
    """
    lines = []
    known = [h for h in hypotheses if h.row["pearson"] is not None]
    for one, other in combinations(known, 2):
        if one.row["task"] != other.row["task"] or one.key == other.key:
            continue
        both = one.points.merge(other.points, on="unit", suffixes=("", "_other"))
        shared = correlation(both["x"].to_numpy(float), both["x_other"].to_numpy(float))
        low, high = possible_range(one.row["pearson"], other.row["pearson"])
        if shared is not None and not low <= shared <= high:
            lines.append(
                f"{one.row['task']}: no data have r = {one.row['pearson']:+.2f} for {one.metric}, "
                f"{other.row['pearson']:+.2f} for {other.metric} and {shared:+.2f} between them; "
                "they were computed on different units (missing values)"
            )
    return lines


def power_line(task: Any) -> str:
    """The power of a task's units in words."""
    if task.power is None or np.isnan(task.power):
        return f"power: none, {LEAST_UNITS} units or more are needed"
    corrected = f" ({task.power_corrected:.2f} corrected for {task.tests} tests)"
    return (
        f"power: {task.power:.2f} to find r = {LIKELY_R} at {LEVEL}"
        f"{corrected if task.tests > 1 else ''}; no finding is not absence"
    )
