"""Whether alignment rises across fusions, in a sentence per task for the head of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.formatting import p_text

Row = Mapping[str, Any]

_OPENINGS = {
    "supported": "alignment is higher after a fusion than before it",
    "contradicted": "alignment is lower after a fusion than before it",
}
_INCONCLUSIVE = "it is not shown that alignment differs before and after a fusion"


def rise_sentences(answer: Answer) -> list[str]:
    """Return the answer to question h3 under its first metric, one sentence per task.

    Parameters
    ----------
    answer : Answer
    """
    pairs = list(zip(answer.rows["across"], answer.rows["against_none"], strict=True))
    first = pairs[0][0]["metric"]
    return [_sentence(across, against) for across, against in pairs if across["metric"] == first]


def _sentence(across: Row, against: Row) -> str:
    if across["verdict"] == "not testable":
        return (
            f"{across['task']}: whether alignment rises across fusions cannot be tested "
            f"({across['reason']})."
        )
    opening = _OPENINGS.get(across["verdict"], _INCONCLUSIVE)
    said = (
        f"{across['task']}: {opening}. Across fusions, {across['metric']} changes by "
        f"{_numbers(across)}, over {across['placements']} placements"
    )
    if against["verdict"] == "not testable":
        return f"{said}."
    return (
        f"{said}; across a layer that follows a fusion, it changes by {_numbers(against)} more "
        "than at the same depth without a fusion."
    )


def _numbers(row: Row) -> str:
    interval = (
        "" if row["low"] is None else f"95 % interval {row['low']:+.2f} to {row['high']:+.2f}, "
    )
    p = f"p {p_text(row['p'], sign=True)}"
    if row["p_adjusted"] > row["p"]:
        p += f", corrected p {p_text(row['p_adjusted'], sign=True)}"
    return f"{row['change']:+.2f} ({interval}{p})"
