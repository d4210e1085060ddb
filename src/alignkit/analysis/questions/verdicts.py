"""From p-values to verdicts: corrected over a table, beside the least that could be attained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.statistics.attainable import least_corrected_p
from alignkit.statistics.requirements import LEVEL

if TYPE_CHECKING:
    from alignkit.statistics.joint import JointTest

Row = dict[str, Any]


def with_verdicts(
    rows: list[Row],
    directed: str = "",
    *,
    tests: Sequence[JointTest | None] | None = None,
    needed: Callable[[int], int] | None = None,
) -> list[Row]:
    """Add the corrected p, the least that it could be, and the verdict that follows.

    Parameters
    ----------
    rows : list of dict
        With ``p`` (None where there is no test), ``reason`` and, of a test that counts
        arrangements, ``least_p``.
    directed : str
        A column whose sign the hypothesis predicts: above 0 supports it, below 0
        contradicts it. Without one, a small p supports.
    tests : sequence of JointTest or None, optional
        Of each row, to correct by max-T over joint arrangements. Otherwise by Holm.
    needed : callable, optional
        Returns how many units a corrected p below the level takes, given the number of tests.

    Returns
    -------
    list of dict
        The rows, with ``p_adjusted``, ``adjustment``, ``p_holm``, ``least_p``,
        ``least_p_adjusted`` and ``verdict``; a row that could not succeed is ``not testable``,
        and its ``reason`` says so.
    """
    add_corrections(rows, tests)
    for row in rows:
        if row["p"] is None:
            row["verdict"] = "not testable"
        elif row["least_p_adjusted"] is not None and row["least_p_adjusted"] >= LEVEL:
            row["verdict"] = "not testable"
            row["reason"] = _cannot_succeed(row, rows, needed)
        else:
            row["verdict"] = _verdict(row, directed)
    return rows


def add_corrections(rows: list[Row], tests: Sequence[JointTest | None] | None = None) -> None:
    """Add ``p_adjusted``, ``adjustment``, ``p_holm`` and the least p, raw and corrected."""
    from alignkit.statistics.joint import least_max_t, max_t
    from alignkit.statistics.multiple_testing import holm

    p = np.array([np.nan if row["p"] is None else row["p"] for row in rows], dtype=float)
    corrected = holm(p)
    members = [test for test in tests or () if test is not None]
    jointly = iter(max_t(members))
    made = int((~np.isnan(p)).sum())
    for i, row in enumerate(rows):
        row["p_holm"] = None if np.isnan(p[i]) else float(corrected[i])
        joint = tests is not None and tests[i] is not None
        # A parametric p can be larger than that of the arrangements; the larger counts.
        row["p_adjusted"] = max(next(jointly), row["p"]) if joint else row["p_holm"]
        row["adjustment"] = "" if row["p"] is None else "max-T" if joint else "Holm"
        least = row.setdefault("least_p", None)
        test = tests[i] if tests is not None else None
        if least is not None:
            row["least_p_adjusted"] = least_corrected_p(least, made, joint=joint)
        else:  # a parametric p has no least, but arrangements correct it
            row["least_p_adjusted"] = None if test is None else least_max_t([test])[0]


def with_power(rows: list[Row], detects: str, power: Callable[[Row], float | None]) -> list[Row]:
    """Add the ``power`` of a single test to detect an effect, and in words what it ``detects``."""
    for row in rows:
        row["power"] = power(row)
        row["detects"] = detects
    return rows


def _verdict(row: Row, directed: str) -> str:
    if row["p_adjusted"] >= LEVEL:
        return "inconclusive"
    return "contradicted" if directed and row[directed] < 0 else "supported"


def _cannot_succeed(row: Row, rows: list[Row], needed: Callable[[int], int] | None) -> str:
    made = sum(other["p"] is not None for other in rows)
    larger = row["least_p"] is None or row["least_p_adjusted"] > row["least_p"]
    corrected = f", corrected for {made} tests" if larger and made > 1 else ""
    reason = f"p cannot be below {row['least_p_adjusted']:.2g} here{corrected}"
    return reason if needed is None else f"{reason}; {needed(made)} placements are needed"
