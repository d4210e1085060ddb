"""A verdict in words, by rules that were stated before the numbers were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LEVEL = 0.05
VERDICTS = ("supported", "contradicted", "suggestive", "inconclusive", "not testable")


def verdict(
    row: Mapping[str, Any], sign: int, why_not: str, doubts: Sequence[str] = ()
) -> tuple[str, str]:
    """Judge one correlation.

    Parameters
    ----------
    row : mapping
        Of the table of correlations, with its corrected p.
    sign : int
        The sign that r has if more alignment goes with better performance.
    why_not : str
        Why there is no test; empty where there is one.
    doubts : sequence of str
        What else speaks against it, from calibrated values.

    Returns
    -------
    (verdict, reason)
        ``not testable``: too few units, a constant, no values. ``supported``: a primary
        metric with corrected p below 0.05, whose r keeps its sign whichever unit is left out,
        whose rank correlation agrees, that is above chance (where known), and whose r has the
        expected sign; ``contradicted`` with the other sign. ``suggestive``: the expected sign
        with a p below 0.05 that is not enough for more, for exploratory metrics after
        correction. Everything else is ``inconclusive``, which is not absence.
    """
    if why_not:
        return "not testable", why_not
    expected = row["pearson"] * sign > 0
    doubts = [*_doubts(row), *doubts]
    if row["family"] == "primary" and row["p_adjusted"] < LEVEL and not doubts:
        if expected:
            return "supported", ""
        return "contradicted", "more alignment goes with worse performance"
    found = row["p"] < LEVEL if row["family"] == "primary" else row["p_adjusted"] < LEVEL
    if not found:
        return "inconclusive", f"p is not below {LEVEL}"
    if not expected:
        doubts.append("more alignment goes with worse performance")
    if row["family"] == "primary" and row["p_adjusted"] >= LEVEL:
        doubts.append(f"not below {LEVEL} after correction")
    ranks_agree = row["pearson"] * row["spearman"] > 0
    word = "suggestive" if expected and ranks_agree else "inconclusive"
    return word, "; ".join(doubts) or "exploratory"


def _doubts(row: Mapping[str, Any]) -> list[str]:
    """What speaks against a correlation whatever its p."""
    r = row["pearson"]
    doubts = []
    if r * row["spearman"] <= 0:
        doubts.append("the rank correlation disagrees")
    low, high = row["leave_one_out_low"], row["leave_one_out_high"]
    if low is None or low * high <= 0:
        doubts.append("the sign changes when one unit is left out")
    return doubts
