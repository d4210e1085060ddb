"""The paragraph on whether cls and mean pooling agree."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.paragraphs.phrases import counted, p_phrase, testable, why_not


def paragraph(answer: Answer) -> str:
    """Return the answer to question pooling as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return f"{_values(answer.rows['values'])} {_scores(answer.rows['scores'])}"


def _values(rows: list[dict[str, Any]]) -> str:
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


def _scores(rows: list[dict[str, Any]]) -> str:
    tested = testable(rows)
    if not tested:
        return f"Which of them correlates more with the score is not testable: {why_not(rows)}."
    clearest = min(tested, key=lambda row: row["p"])
    different = [row for row in tested if row["verdict"] == "supported"]
    return (
        f"Their correlations with the score differ most for {clearest['metric']} on "
        f"{clearest['task']}: r = {clearest['r_cls']:+.2f} under cls, "
        f"{clearest['r_mean']:+.2f} under mean, {p_phrase(clearest)}. "
        + (
            f"They differ significantly in {len(different)} of {counted(len(tested), 'test')}."
            if different
            else "No difference between the poolings is shown."
        )
    )
