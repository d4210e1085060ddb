"""What every test of a correlation requires: a level, enough units, and values that vary."""

from __future__ import annotations

import numpy as np

LEVEL = 0.05  # significance level of every verdict
# Fewest units for a test of a correlation. Five units have only 120 permutations: the smallest
# two-sided p is 2/120 = 0.017, which does not survive a correction for four tests.
MIN_UNITS = 6
# The standard error of Fisher's z is 1 / sqrt(n - 3), so an interval exists from four units.
MIN_UNITS_INTERVAL = 4
_ROUNDING = 1e-12  # relative to the largest value


def is_constant(values: np.ndarray) -> bool:
    """Return whether values differ from each other by no more than rounding.

    Parameters
    ----------
    values : ndarray (n,)
        At least one value; a NaN makes the answer False.
    """
    return bool(np.ptp(values) <= _ROUNDING * max(1e-300, float(np.abs(values).max())))
