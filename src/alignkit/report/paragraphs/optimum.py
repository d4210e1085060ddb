"""The paragraph on whether there is an optimal alignment."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.paragraphs.phrases import counted, counted_units, p_phrase, why_not


def paragraph(answer: Answer) -> str:
    """Return the answer to question optimum as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return _quadratic(answer.rows["quadratic"], answer.settings)


def _quadratic(rows: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    tested = [row for row in rows if row["p"] is not None]
    if not tested:
        return f"Whether there is an optimal alignment is not testable: {why_not(rows)}."
    clearest = min(tested, key=lambda row: row["p"])
    text = (
        f"The quadratic term explains most for {clearest['metric']} on {clearest['task']}, over "
        f"{counted_units(clearest['n'], settings)}: {clearest['gain']:.0%} of the variance of the "
        f"score, {p_phrase(clearest)} over {counted(len(tested), 'test')}. "
        f"{_turning_point(clearest)} "
    )
    supported = [row for row in tested if row["verdict"] == "supported"]
    if supported:
        where = "; ".join(
            f"{row['metric']} on {row['task']} at {row['at']:.3f}" for row in supported
        )
        return text + f"There is an optimum within the observed range: {where}."
    return text + "No optimal alignment is shown; a straight line fits as well."


def _turning_point(row: dict[str, Any]) -> str:
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
