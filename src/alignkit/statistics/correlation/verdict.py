"""The verdict on a correlation, by rules that were fixed before any numbers were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from alignkit.statistics.requirements import LEVEL

Verdict = Literal["supported", "contradicted", "suggestive", "inconclusive", "not testable"]
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
        ``not testable``: too few units, a constant, no values. ``supported``: a primary
        metric with corrected p below 0.05 whose r has the expected sign and keeps it whichever
        unit is left out, whose rank correlation agrees, and which is above chance (where
        chance is known); ``contradicted``: the same with the opposite sign. ``suggestive``:
        the expected sign with a p below 0.05 that does not suffice for more; for exploratory
        metrics after correction. Everything else is ``inconclusive``, which does not show
        that there is no association.
    """
    if why_not:
        return "not testable", why_not
    expected = row["pearson"] * sign > 0
    doubts = [*_doubts(row), *doubts]
    if row["family"] == "primary" and row["p_adjusted"] < LEVEL and not doubts:
        if expected:
            return "supported", ""
        return "contradicted", "more alignment is associated with worse performance"
    significant = row["p"] < LEVEL if row["family"] == "primary" else row["p_adjusted"] < LEVEL
    if not significant:
        return "inconclusive", f"p is not below {LEVEL}"
    if not expected:
        doubts.append("more alignment is associated with worse performance")
    if row["family"] == "primary" and row["p_adjusted"] >= LEVEL:
        doubts.append(f"not below {LEVEL} after correction")
    ranks_agree = row["pearson"] * row["spearman"] > 0
    verdict: Verdict = "suggestive" if expected and ranks_agree else "inconclusive"
    return verdict, "; ".join(doubts) or "exploratory"


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
