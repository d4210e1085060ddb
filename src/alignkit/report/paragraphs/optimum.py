"""The paragraph on whether there is an optimal alignment."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.paragraphs.phrases import (
    counted,
    counted_units,
    listed,
    out_of_reach,
    p_phrase,
    testable,
    why_not,
)
from alignkit.statistics.requirements import LEVEL


def paragraph(answer: Answer) -> str:
    """Return the answer to question optimum as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return _quadratic(answer.rows["quadratic"], answer.settings)


def _quadratic(rows: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    tested = testable(rows)
    if not tested:
        return f"Whether there is an optimal alignment is not testable: {why_not(rows)}."
    supported = [row for row in tested if row["verdict"] == "supported"]
    clearest = min(supported or tested, key=lambda row: min(row["p"], row["p_lowest"]))
    text = (
        f"The curve is clearest for {clearest['metric']} on {clearest['task']}, over "
        f"{counted_units(clearest['n'], settings)}: beyond a straight line, it explains "
        f"{clearest['gain']:.0%} of the variance of the score; one-sided test of a maximum, "
        f"allowing for unequal noise: {p_phrase(clearest)} over {counted(len(tested), 'test')}. "
        f"{_turning_point(clearest)} "
    )
    if supported:
        where = "; ".join(
            f"{row['metric']} on {row['task']} at {row['at']:.3f}" for row in supported
        )
        text += f"There is an optimum within the observed range: {where}."
        if any(row["p_adjusted"] >= LEVEL for row in supported):
            text += (
                " This rests on noise that is about equal in all placements, together with a rise "
                "before the optimum and a fall after it."
            )
    elif any(row["verdict"] == "contradicted" for row in tested):
        where = listed(
            f"{row['metric']} on {row['task']}"
            for row in tested
            if row["verdict"] == "contradicted"
        )
        text += f"Alignment in between goes with the worst scores, for {where}."
    else:
        text += f"No optimal alignment is shown: {_why_no_optimum(clearest)}."
    return text + out_of_reach(rows)


def _why_no_optimum(row: dict[str, Any]) -> str:
    if row["kind"] == "best" and not row["bent"]:
        return (
            "as much of a curve can arise by chance where the relation is a straight line, "
            "which does not show that it is one"
        )
    if row["kind"] == "worst":
        return "the curve has a lowest score, not a highest"
    if not row["within"]:
        return "the score bends, but its turning point lies outside the observed range"
    return (
        "the score bends, but does not clearly rise before the turning point and fall after it; a "
        "curve that only flattens looks the same"
    )


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
