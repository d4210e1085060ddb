"""The paragraph on whether placement effects and correlations depend on the task."""

from __future__ import annotations

from typing import Any

from alignkit.analysis.questions import Answer
from alignkit.report.formatting import p_text
from alignkit.report.paragraphs.phrases import (
    counted,
    interval_words,
    listed,
    p_phrase,
    testable,
    why_not,
)
from alignkit.statistics.requirements import LEVEL


def paragraph(answer: Answer) -> str:
    """Return the answer to question h1 as a paragraph.

    Parameters
    ----------
    answer : Answer
    """
    return f"{_interaction(answer)} {_correlations(answer.rows['correlations'])}"


def _interaction(answer: Answer) -> str:
    row = answer.rows["placement_x_task"][0]
    if row["verdict"] == "not testable":
        return f"Whether tasks prefer different placements is not testable: {row['reason']}."
    unit = (
        "in standard deviations of each task's runs"
        if answer.settings["standardise"]
        else "not standardised"
    )
    tasks = sorted(set(answer.data["scores"]["task"]))
    text = (
        f"Over {counted(row['placements'], 'placement')} on {listed(tasks)} "
        f"({counted(row['seeds'], 'placement and seed')} in common, scores {unit}), the "
        f"interaction of placement and task accounts for {row['eta_squared']:.0%} of "
        f"the variance that their main effects leave ({row['chance']:.0%} at chance), "
        f"p {p_text(row['p'], True)}: "
    )
    if row["p_adjusted"] >= LEVEL:
        text += "no difference in preference is shown, which does not mean that there is none."
    elif row["p_reversal"] is not None and row["p_reversal"] < LEVEL:
        text += "tasks prefer different placements."
    else:
        text += (
            "placement matters more for one task than for another; that they prefer different "
            "placements is not shown."
        )
    reversal = (
        ""
        if row["p_reversal"] is None
        else f" (p {p_text(row['p_reversal'], True)} that tasks rank them in opposite order)"
    )
    return (
        f"{text} {row['reversed_pairs']} of {row['pairs']} pairs of placements change order"
        f"{reversal}. {_best(answer)}"
    )


def _best(answer: Answer) -> str:
    best = answer.data["best"].itertuples()
    parts = [f"{row.placement} on {row.task} ({row.outcome} {row.score:.3f})" for row in best]
    return f"The best placement is {listed(parts)}."


def _correlations(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "With one task there are no correlations to compare."
    tested = testable(rows)
    if not tested:
        return f"Correlations of alignment with score cannot be compared: {why_not(rows)}."
    clearest = min(tested, key=lambda row: (row["p"], -abs(row["difference"])))
    text = (
        f"The correlation of alignment with the score differs most for {clearest['metric']}: "
        f"r = {clearest['r']:+.2f} on {clearest['task']} and {clearest['r_other']:+.2f} on "
        f"{clearest['other']}, difference {clearest['difference']:+.2f}"
        f"{interval_words(clearest['low'], clearest['high'])}, "
        f"{p_phrase(clearest)} over {counted(len(tested), 'comparison')}; "
    )
    different = [row for row in tested if row["verdict"] == "supported"]
    if different:
        names = listed(dict.fromkeys(row["metric"] for row in different))
        return text + f"the association differs between tasks for {names}."
    return text + "no metric shows a difference between tasks."
