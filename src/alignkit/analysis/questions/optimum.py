"""Whether there is an optimal alignment."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from alignkit.analysis.questions.answer import Answer, with_holm
from alignkit.analysis.questions.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Is there an optimal alignment?"


def is_there_an_optimum(evidence: Evidence) -> Answer:
    """Fit score on alignment with a quadratic term, task by task."""
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
        "scheme": "residuals of the linear fit are permuted over units; Fieller's interval"
    }
    shown = units.assign(score=units["score"])
    return Answer("optimum", TITLE, {"quadratic": rows}, settings, {"units": shown})


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
