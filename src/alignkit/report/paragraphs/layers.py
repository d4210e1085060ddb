"""The paragraph on whether intermediate layers correlate more strongly than the last layer."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.formatting import p_text
from alignkit.report.paragraphs.phrases import (
    counted,
    counted_units,
    interval_words,
    p_phrase,
    testable,
    why_not,
)


def paragraph(answer: Answer) -> str:
    """Return the answer to question h2 as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    rules = _rules(answer.rows["against_last"], answer.settings)
    return f"{rules} {_best_layer(answer.rows['best_layer'])}"


def _rules(rows: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    tested = testable(rows)
    if not tested:
        question = "Whether intermediate layers correlate more strongly than the last"
        return f"{question} is not testable: {why_not(rows)}."
    supported = [row for row in tested if row["verdict"] == "supported"]
    contradicted = [row for row in tested if row["verdict"] == "contradicted"]
    stronger = sum(row["stronger_by"] > 0 for row in tested)
    clearest = min(tested, key=lambda row: row["p"])
    text = (
        f"In {stronger} of {counted(len(tested), 'comparison')} intermediate layers correlate more "
        f"strongly with the score than the last layer. The clearest difference is "
        f"{clearest['rule']} of {clearest['metric']} on {clearest['task']} over "
        f"{counted_units(clearest['n'], settings)}: r = {clearest['r_rule']:+.2f} against "
        f"{clearest['r_last']:+.2f}, difference {clearest['difference']:+.2f}"
        f"{interval_words(clearest['low'], clearest['high'])}, "
        f"test of equal strength: {p_phrase(clearest)}. "
    )
    if supported or contradicted:
        wins = []
        if supported:
            wins.append(f"intermediate layers correlate more strongly in {len(supported)}")
        if contradicted:
            wins.append(f"the last layer correlates more strongly in {len(contradicted)}")
        return text + f"After correction, {' and '.join(wins)} of {len(tested)}."
    return text + "No difference remains significant after correction."


def _best_layer(rows: list[dict[str, Any]]) -> str:
    """Say which single layer correlates most, against the null of choosing the maximum."""
    tested = testable(rows)
    if not tested:
        return ""
    text = "; ".join(
        f"{row['metric']} on {row['task']}: layer {row['layer']}, r = {row['r']:+.2f}, "
        f"p {p_text(row['p'], True)}"
        for row in sorted(tested, key=lambda row: row["p"])[:3]
    )
    return (
        f"The single layer with the largest r, tested against the largest of "
        f"{rows[0]['layers']} layers under permutation: {text}."
    )
