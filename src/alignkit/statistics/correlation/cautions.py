"""What a reader should know before trusting correlations: facts about the runs and their units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from alignkit.statistics.consistency import possible_range
from alignkit.statistics.correlation.hypothesis import Hypothesis, Question, correlation
from alignkit.statistics.correlation.units import repeated_numbers
from alignkit.statistics.requirements import LEVEL, MIN_UNITS

ENOUGH_UNITS = 16  # from here on, associations of moderate size are found too
_LEVERAGE = 0.3  # change of r without the placement 'none' that is reported
_COOK = 1.0  # Cook's distance from which a unit is reported

Kind = Literal[
    "rows_without_unit",
    "missing_values",
    "repeated_rows",
    "repeated_seeds",
    "repeated_numbers",
    "seeds_as_units",
    "too_few_units",
    "few_units",
    "leverage_of_none",
    "influential_unit",
    "impossible_correlations",
]
RunName = tuple[str, str, Any]  # task, placement, seed


@dataclass(frozen=True)
class Caution:
    """One fact that limits what correlations can show.

    Attributes
    ----------
    kind : str
        A stable code.
    values : mapping
        What the fact is about: names, counts, correlations.
    """

    kind: Kind
    values: Mapping[str, Any] = field(default_factory=dict)


def rows_without_unit(table: pd.DataFrame) -> list[Caution]:
    """Count the rows that name no task or placement.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    """
    count = int(table[["task", "placement"]].isna().any(axis=1).sum())
    return [Caution("rows_without_unit", {"rows": count})] if count else []


def missing_values(table: pd.DataFrame, columns: Sequence[str]) -> list[Caution]:
    """Count, for each column, the runs without a value.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    columns : sequence of str
        The outcome and the metrics.
    """
    cautions = []
    for column in columns:
        missing = table[column].isna()
        if missing.any():
            tasks = sorted(map(str, table.loc[missing, "task"].unique()))
            values = {"column": column, "missing": int(missing.sum()), "runs": len(table)}
            cautions.append(Caution("missing_values", values | {"tasks": tasks}))
    return cautions


def duplicates(
    table: pd.DataFrame, repeated: pd.Series, keys: Sequence[str], columns: Sequence[str]
) -> list[Caution]:
    """Report rows that repeat a run, and those that may.

    Parameters
    ----------
    table : DataFrame
        One row per run.
    repeated : Series of bool
        The rows that repeat a run, which are left out.
    keys : sequence of str
        The columns that name a run.
    columns : sequence of str
        The outcome and the metrics.
    """
    cautions = []
    if repeated.any():
        values = {"rows": int(repeated.sum()), "first": _run_name(table[repeated].iloc[0])}
        cautions.append(Caution("repeated_rows", values))
    kept = table[~repeated]
    again = kept.duplicated(keys, keep="first") & kept["seed"].notna()
    if again.any():
        values = {"rows": int(again.sum()), "first": _run_name(kept[again].iloc[0])}
        cautions.append(Caution("repeated_seeds", values))
    for copy, original in repeated_numbers(kept, columns):
        values = {"run": _run_name(kept.loc[copy]), "original": _run_name(kept.loc[original])}
        cautions.append(Caution("repeated_numbers", values))
    return cautions


def cautions_of(
    tasks: pd.DataFrame, hypotheses: Sequence[Hypothesis], question: Question
) -> list[Caution]:
    """Report few units, influential units and correlations that contradict each other.

    Parameters
    ----------
    tasks : DataFrame
        As by ``describe_tasks``.
    hypotheses : sequence of Hypothesis
    question : Question
    """
    cautions = [Caution("seeds_as_units")] if question.unit == "run" else []
    cautions += [
        Caution("too_few_units", {"task": task.task, "n": task.n})
        for task in tasks[tasks["n"] < MIN_UNITS].itertuples()
    ]
    few = tasks[(tasks["n"] >= MIN_UNITS) & (tasks["n"] < ENOUGH_UNITS)]
    if len(few) and question.unit != "run":
        values = {"tasks": list(few["task"]), "low": few["n"].min(), "high": few["n"].max()}
        cautions.append(Caution("few_units", values))
    if not question.layer_pairs:
        for hypothesis in hypotheses:
            cautions += _influence(hypothesis)
        cautions += _contradictions(hypotheses)
    return cautions


def most_influential(x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> tuple[str, float]:
    """Return the unit with the largest Cook's distance in the regression of y on x (Cook 1977).

    Parameters
    ----------
    x, y : ndarray (n,)
        Neither constant.
    names : sequence of str
        Names of the units.

    Returns
    -------
    (name, distance)
        The distance is 0 where it is not defined.
    """
    centred = x - x.mean()
    leverage = 1 / len(x) + centred**2 / (centred**2).sum()
    slope = float(centred @ y / (centred**2).sum())
    residual = y - y.mean() - slope * centred
    variance = float((residual**2).sum()) / (len(x) - 2)
    if variance <= 1e-24 * float((y**2).sum()) or (leverage >= 1).any():
        return names[int(np.argmax(leverage))], 0.0
    distance = residual**2 * leverage / (2 * variance * (1 - leverage) ** 2)
    largest = int(np.argmax(distance))
    return names[largest], float(distance[largest])


def _influence(hypothesis: Hypothesis) -> list[Caution]:
    """Report whether one unit makes the correlation; most often it is 'none'."""
    row = hypothesis.row
    if not hypothesis.testable:
        return []
    values = {"task": row["task"], "metric": row["metric"], "r": row["pearson"]}
    without_none = row["without_none"]
    if without_none is not None and abs(without_none - row["pearson"]) > _LEVERAGE:
        return [Caution("leverage_of_none", values | {"without": without_none})]
    unit, distance = most_influential(
        hypothesis.x, hypothesis.y, hypothesis.points["unit"].to_list()
    )
    if distance > _COOK and row["p"] < LEVEL:
        left_out = hypothesis.left_out().set_index("unit")["pearson"][unit]
        without = None if pd.isna(left_out) else float(left_out)
        values |= {"unit": unit, "distance": distance, "without": without}
        return [Caution("influential_unit", values)]
    return []


def _contradictions(hypotheses: Sequence[Hypothesis]) -> list[Caution]:
    """Report pairs of metrics whose r with the outcome contradict their r with each other.

    No set of units can have such correlations; missing values can bring them about.
    """
    cautions = []
    known = [h for h in hypotheses if h.row["pearson"] is not None]
    for first, second in combinations(known, 2):
        if first.row["task"] != second.row["task"] or first.key == second.key:
            continue
        both = first.points.merge(second.points, on="unit", suffixes=("", "_other"))
        between = correlation(both["x"].to_numpy(float), both["x_other"].to_numpy(float))
        low, high = possible_range(first.row["pearson"], second.row["pearson"])
        if between is not None and not low <= between <= high:
            values = {
                "task": first.row["task"],
                "metrics": (first.metric, second.metric),
                "r": (first.row["pearson"], second.row["pearson"]),
                "r_between": between,
            }
            cautions.append(Caution("impossible_correlations", values))
    return cautions


def _run_name(row: pd.Series) -> RunName:
    return row["task"], row["placement"], row["seed"]
