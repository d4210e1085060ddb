"""Which of two measurements of the same units goes more with an outcome?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignkit.errors import UsageError
from alignkit.statistics.dependent import williams, zou

LEAST_UNITS = 6


@dataclass(frozen=True)
class Comparison:
    """Two correlations with one outcome.

    Attributes
    ----------
    n : int
        Units.
    r_first, r_second, r_between : float or None
        Of each with the outcome, and of the two with each other.
    difference, low, high : float or None
        First minus second with its 95 % interval (Zou).
    t, p : float or None
        Williams's test.
    reason : str
        Why there is none.
    """

    n: int
    r_first: float | None = None
    r_second: float | None = None
    r_between: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    p: float | None = None
    reason: str = ""


def compare(first: np.ndarray, second: np.ndarray, outcome: np.ndarray) -> Comparison:
    """Compare the correlations of two measurements with an outcome over at least six units.

    Parameters
    ----------
    first, second, outcome : ndarray (n,)
    """
    n = len(outcome)
    if n < LEAST_UNITS:
        return Comparison(
            n, reason=f"{n} placement(s) with alignment and score, {LEAST_UNITS} are needed"
        )
    for name, values in (("alignment", first), ("alignment", second), ("the score", outcome)):
        if np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())):
            return Comparison(n, reason=f"{name} is constant over placements")
    r = np.corrcoef([first, second, outcome])
    one, other, between = float(r[0, 2]), float(r[1, 2]), float(r[0, 1])
    found = (n, one, other, between, one - other)
    try:
        t, p = williams(one, other, between, n)
        low, high = zou(one, other, between, n)
    except UsageError as error:
        return Comparison(*found, reason=str(error))
    return Comparison(*found, low, high, t, p)
