"""The paragraph on whether alignment depends on placement."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.analysis.questions.placement import DESCRIPTORS
from alignkit.report.formatting import p_text
from alignkit.report.paragraphs.phrases import counted, listed, testable, why_not


def paragraph(answer: Answer) -> str:
    """Return the answer to question placement as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return f"{_variance(answer.rows['variance'])} {_descriptors(answer.rows['descriptors'])}"


def _variance(rows: list[dict[str, Any]]) -> str:
    tested = [row for row in testable(rows) if row["metric"] != "score"]
    if not tested:
        alignment = [row for row in rows if row["metric"] != "score"]
        return f"Whether alignment depends on placement is not testable: {why_not(alignment)}."
    parts = []
    for row in tested[:6]:
        icc = "" if row["icc"] is None else f", ICC {row['icc']:.2f}"
        parts.append(
            f"{row['metric']} on {row['task']} {row['eta_squared']:.0%} ({row['chance']:.0%} at "
            f"chance{icc}, p {p_text(row['p'], True)})"
        )
    different = [row for row in tested if row["verdict"] == "supported"]
    return (
        f"Of the variance of alignment between runs, placement accounts for: {'; '.join(parts)}. "
        f"After Holm correction, placements differ by more than their seeds in {len(different)} of "
        f"{counted(len(tested), 'test')}."
    )


def _descriptors(rows: list[dict[str, Any]]) -> str:
    tested = testable(rows)
    if not tested:
        return f"Alignment cannot be tested against descriptors of placements: {why_not(rows)}."
    clearest = min(tested, key=lambda row: (row["p"], -abs(row["pearson"])))
    kept = [row for row in tested if row["verdict"] == "supported"]
    names = listed(f"{row['metric']} with {row['descriptor']} on {row['task']}" for row in kept)
    return (
        f"Of the descriptors of a placement, {clearest['descriptor']} "
        f"({DESCRIPTORS[clearest['descriptor']]}) is most strongly associated with alignment: "
        f"{clearest['metric']} on {clearest['task']}, r = {clearest['pearson']:+.2f} over "
        f"{counted(clearest['n'], 'placement')}, p {p_text(clearest['p'], True)}. "
        + (
            f"Significant after Holm correction over {counted(len(tested), 'test')}: {names}."
            if kept
            else f"None is significant after Holm correction over {counted(len(tested), 'test')}."
        )
    )
