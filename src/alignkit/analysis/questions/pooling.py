"""Whether ``cls`` and ``mean`` pooling agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.questions.answer import Answer
from alignkit.analysis.questions.evidence import Evidence
from alignkit.analysis.questions.verdicts import with_power, with_verdicts
from alignkit.statistics.detection import power_of_difference

if TYPE_CHECKING:
    import pandas as pd

    from alignkit.statistics.joint import JointTest

TITLE = "Do cls and mean pooling agree?"


def does_pooling_matter(evidence: Evidence) -> Answer:
    """Compare both poolings over all runs and layers, and as predictors of the score."""
    values = _paired(evidence)
    same = [_values_row(values, metric) for metric in evidence.metrics]
    joined = {pool: evidence.joined(pool=pool) for pool in ("cls", "mean")}
    made = [
        _score_row(evidence, joined, task, metric)
        for task in evidence.tasks
        for metric in evidence.metrics
    ]
    scores = with_power(
        with_verdicts([row for row, _ in made], tests=[test for _, test in made]),
        "r = 0.7 of one against r = 0 of the other",
        lambda row: power_of_difference(row["n"]),
    )
    settings = evidence.settings | {
        "scheme": "Williams for p, Zou for the interval, over units",
        "pool": "cls, mean",
    }
    return Answer(
        "pooling", TITLE, {"values": same, "scores": scores}, settings, {"values": values}
    )


def _paired(evidence: Evidence) -> pd.DataFrame:
    """Return the values under both poolings of every run and layer."""
    keys = ["run", "task", "placement", "seed", "metric", "x", "y"]
    cls, mean = (evidence.values(pool) for pool in ("cls", "mean"))
    return cls[[*keys, "value"]].merge(mean[[*keys, "value"]], on=keys, suffixes=("_cls", "_mean"))


def _values_row(values: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Describe the agreement of the two over all runs and layers; this is not a test."""
    from alignkit.statistics.variance.reliability import rank_agreement

    part = values[values["metric"] == metric].dropna(subset=["value_cls", "value_mean"])
    cls, mean = (part[f"value_{pool}"].to_numpy(float) for pool in ("cls", "mean"))
    within = [
        rank_agreement(run["value_cls"].to_numpy(float), run["value_mean"].to_numpy(float))
        for _, run in part.groupby("run")
    ]
    known = [r for r in within if r is not None]
    spearman = rank_agreement(cls, mean)
    return {
        "metric": metric,
        "n": len(part),
        "runs": part["run"].nunique(),
        "pearson": None if spearman is None else float(np.corrcoef(cls, mean)[0, 1]),
        "spearman": spearman,
        "within": float(np.mean(known)) if known else None,
        "cls": float(cls.mean()) if len(part) else None,
        "mean": float(mean.mean()) if len(part) else None,
        "reason": ""
        if spearman is not None
        else f"{len(part)} defined value(s), or no variation in one pooling",
    }


def _score_row(
    evidence: Evidence, joined: dict[str, pd.DataFrame], task: str, metric: str
) -> tuple[dict[str, Any], JointTest | None]:
    """Test whether one pooling's alignment correlates with the score more than the other's."""
    from alignkit.analysis.questions.jointly import joint_comparison
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    both = joined["cls"].assign(other=joined["mean"][metric])
    units = evidence.units(both[both["task"] == task], [metric, "other", "score"]).dropna()
    sign = evidence.sign(metric)
    columns = units[[metric, "other", "score"]].to_numpy(float)
    columns = columns * [sign, sign, evidence.outcome_sign(task)]
    first, second, score = columns.T
    comparison = compare_overlapping(first, second, score)
    row = {
        "task": task,
        "metric": metric,
        "n": comparison.n,
        "r_cls": comparison.r_first,
        "r_mean": comparison.r_second,
        "r_between": comparison.r_between,
        "difference": comparison.difference,
        "low": comparison.low,
        "high": comparison.high,
        "p": comparison.p,
        "reason": comparison.reason,
    }
    permutations = evidence.arrangements(list(units["unit"]))
    t = comparison.t
    return row, None if t is None else joint_comparison(t, first, second, score, permutations)
