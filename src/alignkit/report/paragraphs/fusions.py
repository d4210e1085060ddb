"""The paragraph on whether alignment rises across co-attention."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.paragraphs.phrases import (
    corrected_phrase,
    counted,
    out_of_reach,
    p_phrase,
    testable,
    why_not,
)


def paragraph(answer: Answer) -> str:
    """Return the answer to question h3 as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return f"{_across(answer.rows['across'])} {_against_none(answer.rows['against_none'])}"


def _across(rows: list[dict[str, Any]]) -> str:
    tested = testable(rows)
    if not tested:
        return f"Whether alignment changes across a fusion is not testable: {why_not(rows)}."
    text = "; ".join(
        f"{row['metric']} on {row['task']} {row['change']:+.3f} "
        f"({row['before']:.3f} to {row['after']:.3f}, {corrected_phrase(row)})"
        for row in sorted(tested, key=lambda row: row["p"])[:4]
    )
    rises, falls = (
        sum(row["verdict"] == verdict for row in tested)
        for verdict in ("supported", "contradicted")
    )
    n = tested[0]["placements"]
    power = (
        ""
        if rises or falls
        else f" The power to detect a change of one standard deviation over {n} placements is "
        f"{tested[0]['power']:.2f} for a single test."
    )
    return (
        f"Change of alignment from just before to just after a fusion (positive: more aligned): "
        f"{text}. Over {counted(n, 'placement')}, the increase is "
        f"significant in {rises} and the decrease in {falls} of "
        f"{counted(len(tested), 'test')} after correction.{power}{out_of_reach(rows)}"
    )


def _against_none(rows: list[dict[str, Any]]) -> str:
    tested = testable(rows)
    if not tested:
        return (
            f"A comparison with the same depth without a fusion is not testable: {why_not(rows)}."
        )
    clearest = min(tested, key=lambda row: row["p"])
    text = (
        f"Compared with the same depth without a fusion (same task and seeds): across a layer that "
        f"follows a fusion, {clearest['metric']} on {clearest['task']} changes by "
        f"{clearest['with_fusion']:+.3f}, otherwise by {clearest['without']:+.3f}; mean "
        f"difference {clearest['change']:+.3f}"
        + (
            ""
            if clearest["low"] is None
            else f", 95 % interval {clearest['low']:+.3f} to {clearest['high']:+.3f}"
        )
        + f", {p_phrase(clearest)}. "
    )
    rises, falls = (
        sum(row["verdict"] == verdict for row in tested)
        for verdict in ("supported", "contradicted")
    )
    if rises or falls:
        text += (
            f"Fusions raise alignment in {rises} and lower it in {falls} of "
            f"{counted(len(tested), 'test')}."
        )
    else:
        text += "Fusions are not shown to raise alignment."
    return text + out_of_reach(rows)
