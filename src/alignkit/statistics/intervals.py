"""Confidence intervals of a correlation and of a mean."""

from __future__ import annotations

import math

import numpy as np

from alignkit.errors import UsageError
from alignkit.statistics.requirements import MIN_UNITS_INTERVAL


def fisher_interval(r: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of a Pearson correlation by Fisher's z (Fisher 1921).

    Parameters
    ----------
    r : float
        From -1 to 1. A perfect correlation has an interval without width.
    n : int
        Number of units; at least 4.
    level : float
        Confidence level, between 0 and 1.

    Raises
    ------
    UsageError
        If there are fewer than four units or the level is not between 0 and 1.
    """
    from scipy.stats import norm

    if not 0 < level < 1:
        raise UsageError(f"`level` is {level}; a confidence level must be between 0 and 1")
    if n < MIN_UNITS_INTERVAL:
        raise UsageError(
            f"{n} unit(s); the interval of a correlation needs at least {MIN_UNITS_INTERVAL}"
        )
    if abs(r) >= 1:
        return r, r
    z, half = math.atanh(r), norm.ppf((1 + level) / 2) / math.sqrt(n - 3)
    return math.tanh(z - half), math.tanh(z + half)


def mean_interval(values: np.ndarray) -> tuple[float, float | None, float | None]:
    """Return the mean of values and its 95 % interval by Student's t.

    Parameters
    ----------
    values : ndarray (n,)

    Returns
    -------
    (mean, low, high)
        Without an interval (None) for a single value.
    """
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return mean, None, None
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
