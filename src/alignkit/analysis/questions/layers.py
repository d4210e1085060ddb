"""H2: whether intermediate layers correlate more strongly with performance than the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence, layer_count
from alignkit.analysis.questions.verdicts import with_power, with_verdicts
from alignkit.statistics.attainable import least_permutation_p, least_units_to_permute
from alignkit.statistics.detection import power_of_correlation, power_of_difference

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

TITLE = "H2: do intermediate layers correlate more strongly with performance than the last?"
RULES = ("max", "mean", "half")


def do_intermediate_layers_tell_more(evidence: Evidence) -> Answer:
    """Compare dependent correlations with the same score: another rule against the last layer.

    The hypothesis is supported where the intermediate correlation is the stronger, whatever the
    signs; test and verdict are both about ``stronger_by``.
    """
    tables = {rule: evidence.joined(rule) for rule in ("last", *RULES)}
    made = [
        _row(evidence, task, metric, rule, tables)
        for task in evidence.tasks
        for metric in evidence.metrics
        for rule in RULES
    ]
    rows = with_verdicts(
        [row for row, _ in made], directed="stronger_by", tests=[test for _, test in made]
    )
    rows = with_power(
        rows, "r = 0.7 of one against r = 0 of the other", lambda row: power_of_difference(row["n"])
    )
    best = with_verdicts(_best_layers(evidence), needed=least_units_to_permute)
    best = with_power(best, "r = 0.7", lambda row: power_of_correlation(row["n"]))
    settings = evidence.settings | {
        "rules": list(RULES),
        "scheme": "p of equal strength whatever the signs: Williams's test against the last layer "
        "and against its opposite, both of which must be rejected, corrected jointly over "
        "permuted scores (max-T); Zou for the interval of the difference; the best layer against "
        "the best of every permutation of units",
    }
    return Answer("h2", TITLE, {"against_last": rows, "best_layer": best}, settings)


def _row(
    evidence: Evidence, task: str, metric: str, rule: str, tables: dict[str, pd.DataFrame]
) -> tuple[dict[str, Any], JointTest | None]:
    from alignkit.analysis.questions.jointly import joint_comparison
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    names, last, other, score = _units(evidence, task, metric, tables["last"], tables[rule])
    comparison = compare_overlapping(other, last, score)
    row = {
        "task": task,
        "metric": metric,
        "rule": rule,
        "n": comparison.n,
        "r_last": comparison.r_second,
        "r_rule": comparison.r_first,
        "r_between": comparison.r_between,
        "stronger_by": comparison.stronger_by,
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "t": comparison.t_stronger,
        "p": comparison.p_stronger,
        "reason": comparison.reason,
    }
    permutations = evidence.arrangements(names)
    t = comparison.t_stronger
    return row, None if t is None else joint_comparison(t, other, last, score, permutations)


def _units(
    evidence: Evidence, task: str, metric: str, last: pd.DataFrame, other: pd.DataFrame
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return units and means over seeds of both alignments and the score; higher is better."""
    both = last.assign(other=other[metric])
    units = evidence.units(both[both["task"] == task], [metric, "other", "score"]).dropna()
    sign = evidence.sign(metric)
    return (
        list(units["unit"]),
        sign * units[metric].to_numpy(float),
        sign * units["other"].to_numpy(float),
        evidence.outcome_sign(task) * units["score"].to_numpy(float),
    )


def _best_layers(evidence: Evidence) -> list[dict[str, Any]]:
    """Test the layer with the largest correlation against the null of that choice."""
    from alignkit.statistics.association import strongest_column
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    values = evidence.values()
    depth = values.groupby(["run", "metric"]).cumcount()
    wide = values.assign(depth=depth).pivot(
        index=["metric", "run"], columns="depth", values="value"
    )
    layers = list(range(layer_count(evidence.runs)))
    rows = []
    for task in evidence.tasks:
        for metric in evidence.metrics:
            by_layer = wide.loc[metric, layers].rename(columns=str)
            columns = list(by_layer)
            table = evidence.scores.join(by_layer, on="run")
            units = evidence.units(table[table["task"] == task], [*columns, "score"])
            units = units.dropna(subset=[*columns, "score"])
            row: dict[str, Any] = {
                "task": task,
                "metric": metric,
                "layers": len(layers),
                "n": len(units),
                "layer": None,
                "r": None,
                "p": None,
            }
            if len(units):
                row["least_p"] = least_permutation_p(len(units), evidence.permutations)
            x = evidence.sign(metric) * units[columns].to_numpy(float)
            y = evidence.outcome_sign(task) * units["score"].to_numpy(float)
            row["reason"] = next(
                (why for layer in x.T if (why := compare_overlapping(layer, layer, y).reason)), ""
            )
            if not row["reason"]:
                row["layer"], row["r"], row["p"] = strongest_column(
                    x, y, evidence.permutations, evidence.seed
                )
            rows.append(row)
    return rows
