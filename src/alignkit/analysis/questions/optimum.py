"""Whether there is an optimal alignment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from alignkit.analysis.formatting import p_text
from alignkit.analysis.questions.answer import Answer, counted, why_not, with_holm
from alignkit.analysis.questions.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Is there an optimal alignment?"


def is_there_an_optimum(evidence: Evidence) -> Answer:
    """Fit score on alignment with a quadratic term, task by task."""
    import pandas as pd

    units = evidence.units(evidence.joined(), [*evidence.metrics, "score"])
    rows = with_holm(
        [
            _row(evidence, units, task, metric)
            for task in evidence.tasks
            for metric in evidence.metrics
        ]
    )
    for row in rows:
        row["verdict"] = _verdict(row)
    settings = evidence.settings | {
        "scheme": "residuals of the linear fit are permuted over placements; Fieller's interval"
    }
    shown = units.assign(score=units["score"])
    return Answer(
        "optimum",
        TITLE,
        _words(rows),
        {"quadratic": pd.DataFrame(rows)},
        settings,
        {"units": shown},
    )


def _row(evidence: Evidence, units: pd.DataFrame, task: str, metric: str) -> dict[str, Any]:
    from alignkit.statistics.quadratic import quadratic_fit

    part = units[units["task"] == task].dropna(subset=[metric, "score"])
    fitted = quadratic_fit(
        part[metric].to_numpy(float),
        evidence.outcome_sign(task) * part["score"].to_numpy(float),
        evidence.permutations,
        evidence.seed,
    )
    row = {"task": task, "metric": metric} | asdict(fitted)
    row["kind"] = {"highest": "best", "lowest": "worst"}.get(fitted.kind, "")
    row["seen_low"], row["seen_high"] = (
        (float(part[metric].min()), float(part[metric].max())) if len(part) else (None, None)
    )
    fit = row.pop("coefficients")
    return row | {f"b{i}": evidence.outcome_sign(task) * fit[i] if fit else None for i in range(3)}


def _verdict(row: dict[str, Any]) -> str:
    """Support the hypothesis only for a curve whose maximum is inside the observed range."""
    if row["verdict"] != "supported":
        return str(row["verdict"])
    return "supported" if row["kind"] == "best" and row["within"] else "contradicted"


def _words(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Whether there is an optimal alignment is not testable: {why_not(rows)}."
    most = min(tested, key=lambda row: row["p"])
    said = (
        f"The quadratic term explains most for {most['metric']} on {most['task']}, over "
        f"{counted(most['n'], 'placement')}: {most['gain']:.0%} of the variance of the score, "
        f"p {p_text(most['p'], True)}, p {p_text(most['p_holm'], True)} after Holm over "
        f"{counted(len(tested), 'test')}. {_where(most)} "
    )
    supported = [row for row in tested if row["verdict"] == "supported"]
    if supported:
        where = "; ".join(
            f"{row['metric']} on {row['task']} at {row['at']:.3f}" for row in supported
        )
        return said + f"There is an optimum within the observed range: {where}."
    return said + "No optimal alignment is shown; a straight line fits as well."


def _where(row: dict[str, Any]) -> str:
    if row["at"] is None:
        return "The curve has no turning point."
    interval = (
        "its confidence interval is unbounded"
        if row["low"] is None
        else f"95 % interval {row['low']:.3f} to {row['high']:.3f}"
    )
    inside = "within" if row["within"] else "outside"
    return (
        f"The curve has its {row['kind']} score at {row['at']:.3f} ({interval}), {inside} the "
        f"observed range, {row['seen_low']:.3f} to {row['seen_high']:.3f}."
    )
