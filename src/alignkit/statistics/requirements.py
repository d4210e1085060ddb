"""What every test of a correlation requires: a level, enough units, and values that vary."""

from __future__ import annotations

import numpy as np

LEVEL = 0.05  # significance level of every verdict
# Below six units no two-sided test by permutation is worth making.
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
