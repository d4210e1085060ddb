"""The verdict on a correlation, by rules that were fixed before any numbers were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from alignkit.statistics.correlation.robust import Weakness, weaknesses
from alignkit.statistics.requirements import LEVEL

Verdict = Literal[
    "supported", "contradicted", "suggestive", "absent", "inconclusive", "not testable"
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def judge(
    row: Mapping[str, Any], sign: int, why_not: str, doubts: Sequence[str] = ()
) -> tuple[Verdict, str]:
    """Judge one correlation.

    Parameters
    ----------
    row : mapping
        A row of the table of correlations, with its corrected p.
    sign : int
        The sign of r if more alignment is associated with better performance.
    why_not : str
        Why there is no test; empty where there is one.
    doubts : sequence of str
        Further reasons against it, from raw or calibrated values.

    Returns
    -------
    (verdict, reason)
        ``not testable``: too few units, a constant, no values, or no arrangement of the
        units could give a corrected p below 0.05. ``supported``: a primary metric with
        corrected p below 0.05 whose r has the expected sign and keeps it whichever unit is
        left out, which robust tests confirm (see ``weaknesses``), and which is above chance
        (where chance is known); ``contradicted``: the same with the opposite sign.
        ``suggestive``: the expected sign with a corrected p below 0.05 that the studentised
        and the rank test confirm, but another condition fails. ``absent``: p is not below
        0.05, and r lies within the margin (``p_equivalence`` below 0.05). Everything else is
        ``inconclusive``, which does not show that there is no association.
    """
    if why_not:
        return "not testable", why_not
    if row["p_adjusted"] >= LEVEL:
        if row.get("absence") == "absent" and row["p"] >= LEVEL:
            return "absent", f"r lies within ±{row['margin']:g}"
        only_raw = row["p"] < LEVEL
        return "inconclusive", f"p is not below {LEVEL}{' after correction' * only_raw}"
    expected = row["pearson"] * sign > 0
    weak = weaknesses(row)
    against = [*_doubts(row), *(_WEAK[weakness] for weakness in weak), *doubts]
    wrong_way = [] if expected else ["more alignment is associated with worse performance"]
    if row["family"] == "primary" and not against:
        return ("supported", "") if expected else ("contradicted", wrong_way[0])
    confirmed = expected and not {"studentised", "ranks"} & set(weak)
    verdict: Verdict = "suggestive" if confirmed else "inconclusive"
    return verdict, "; ".join([*against, *wrong_way]) or "exploratory"


_WEAK: dict[Weakness, str] = {
    "studentised": "a few units carry it: the studentised test does not confirm it",
    "ranks": "the rank correlation does not confirm it",
    "turns": "the relation turns within the range of alignment",
}


def _doubts(row: Mapping[str, Any]) -> list[str]:
    """Return what speaks against a correlation whatever its p."""
    r = row["pearson"]
    doubts = []
    if r * row["spearman"] <= 0:
        doubts.append("the rank correlation disagrees")
    low, high = row["leave_one_out_low"], row["leave_one_out_high"]
    if low is None or low * high <= 0:
        doubts.append("the sign changes when one unit is left out")
    return doubts
