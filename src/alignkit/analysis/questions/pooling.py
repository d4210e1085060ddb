"""Does ``cls`` tell the same as ``mean``?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.analysis.formatting import p_text
from alignkit.analysis.questions.answer import Answer, counted, why_not, with_holm
from alignkit.analysis.questions.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Does cls tell the same as mean?"


def does_pooling_matter(evidence: Evidence) -> Answer:
    """Compare both poolings over all runs and layers, and as predictors of the score."""
    import pandas as pd

    values = _paired(evidence)
    same = [_values_row(evidence, values, metric) for metric in evidence.metrics]
    joined = {pool: evidence.joined(pool=pool) for pool in ("cls", "mean")}
    scores = with_holm(
        [
            _score_row(evidence, joined, task, metric)
            for task in evidence.tasks
            for metric in evidence.metrics
        ]
    )
    settings = evidence.settings | {
        "scheme": "Williams for p, Zou for the interval, over placements",
        "pool": "cls, mean",
    }
    return Answer(
        "pooling",
        TITLE,
        f"{_values_words(same)} {_score_words(scores)}",
        {"values": pd.DataFrame(same), "scores": pd.DataFrame(scores)},
        settings,
        {"values": values},
    )


def _paired(evidence: Evidence) -> pd.DataFrame:
    """Both poolings of every run and layer."""
    keys = ["run", "task", "placement", "seed", "metric", "x", "y"]
    cls, mean = (evidence.values("same", pool=pool) for pool in ("cls", "mean"))
    return cls[[*keys, "value"]].merge(mean[[*keys, "value"]], on=keys, suffixes=("_cls", "_mean"))


def _values_row(evidence: Evidence, values: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Agreement of the two over all runs and layers; description, not a test."""
    from alignkit.statistics.variance.reliability import rank_agreement

    part = values[values["metric"] == metric].dropna(subset=["value_cls", "value_mean"])
    one, other = (part[f"value_{pool}"].to_numpy(float) for pool in ("cls", "mean"))
    within = [
        rank_agreement(run["value_cls"].to_numpy(float), run["value_mean"].to_numpy(float))
        for _, run in part.groupby("run")
    ]
    known = [r for r in within if r is not None]
    spearman = rank_agreement(one, other)
    return {
        "metric": metric,
        "n": len(part),
        "runs": part["run"].nunique(),
        "pearson": None if spearman is None else float(np.corrcoef(one, other)[0, 1]),
        "spearman": spearman,
        "within": float(np.mean(known)) if known else None,
        "cls": float(one.mean()) if len(part) else None,
        "mean": float(other.mean()) if len(part) else None,
        "reason": ""
        if spearman is not None
        else f"{len(part)} defined value(s), or no variation in one pooling",
    }


def _score_row(
    evidence: Evidence, joined: dict[str, pd.DataFrame], task: str, metric: str
) -> dict[str, Any]:
    """Does one pooling's alignment go with score more than the other's?"""
    from alignkit.statistics.comparison.overlapping import compare_overlapping

    both = joined["cls"].assign(other=joined["mean"][metric])
    units = evidence.units(both[both["task"] == task], [metric, "other", "score"]).dropna()
    sign = evidence.sign(metric)
    columns = units[[metric, "other", "score"]].to_numpy(float)
    found = compare_overlapping(*(columns * [sign, sign, evidence.outcome_sign]).T)
    return {
        "task": task,
        "metric": metric,
        "n": found.n,
        "r_cls": found.r_first,
        "r_mean": found.r_second,
        "r_between": found.r_between,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "reason": found.reason,
    }


def _values_words(rows: list[dict[str, Any]]) -> str:
    known = [row for row in rows if row["spearman"] is not None]
    if not known:
        return f"The two poolings cannot be compared: {why_not(rows)}."
    parts = []
    for row in known[:6]:
        within = "" if row["within"] is None else f", {row['within']:+.2f} within runs"
        parts.append(
            f"{row['metric']} {row['spearman']:+.2f}{within} (mean value "
            f"{row['cls']:.3f} against {row['mean']:.3f})"
        )
    first = known[0]
    return (
        f"Over {counted(first['runs'], 'run')} and {first['n']} pairs of layers, "
        f"Spearman's correlation of alignment under cls with that under mean is: "
        f"{'; '.join(parts)}."
    )


def _score_words(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Which goes more with score is not testable: {why_not(rows)}."
    most = min(tested, key=lambda row: row["p"])
    different = [row for row in tested if row["verdict"] == "supported"]
    return (
        f"With score they differ most for {most['metric']} on {most['task']}: r = "
        f"{most['r_cls']:+.2f} under cls, {most['r_mean']:+.2f} under mean, "
        f"p {p_text(most['p'], True)}, p {p_text(most['p_holm'], True)} after Holm. "
        + (
            f"They tell different things in {len(different)} of {counted(len(tested), 'test')}."
            if different
            else "That they tell different things about score is not shown."
        )
    )
