"""The power of each kind of test to detect an effect of a stated size, for normal data.

Approximations by the parametric test of the same hypothesis, whose power a permutation test
attains; all are for a single test at the level of every verdict.
"""

from __future__ import annotations

import math

from alignkit.statistics.correlation.tasks import LIKELY_R
from alignkit.statistics.power import power
from alignkit.statistics.requirements import LEVEL, MIN_UNITS

SHARE = 0.5  # of variance, which groups or a curve account for


def power_of_correlation(n: int) -> float | None:
    """Return the power to detect r = 0.7 over n units; None where there is no test."""
    return power(n, LIKELY_R, LEVEL) if n >= MIN_UNITS else None


def power_of_difference(n: int) -> float | None:
    """Return the power to tell r = 0.7 from r = 0, over n units each; None without a test.

    By the difference of Fisher's z of two correlations that are independent of each other.
    """
    from scipy.stats import norm

    if n < MIN_UNITS:
        return None
    shift = math.atanh(LIKELY_R) / math.sqrt(2 / (n - 3))
    critical = float(norm.isf(LEVEL / 2))
    return float(norm.sf(critical - shift) + norm.cdf(-critical - shift))


def power_of_groups(groups: int, n: int, dimensions: int = 1) -> float | None:
    """Return the power to detect that groups account for half of the variance.

    Parameters
    ----------
    groups : int
        Number of groups.
    n : int
        Number of observations of all groups; None is returned unless there are more.
    dimensions : int
        Number of entries of every observation.
    """
    from scipy.stats import f, ncf

    if groups < 2 or n <= groups or dimensions < 1:
        return None
    between, within = (groups - 1) * dimensions, (n - groups) * dimensions
    shift = n * dimensions * SHARE / (1 - SHARE)
    value = float(ncf.sf(f.isf(LEVEL, between, within), between, within, shift))
    return min(1.0, value) if math.isfinite(value) else 1.0


def power_of_curve(n: int) -> float | None:
    """Return the power to detect a curve that explains half of what a line leaves, one-sided.

    Parameters
    ----------
    n : int
        Number of units; None is returned below six.
    """
    return power(n - 1, math.sqrt(SHARE), 2 * LEVEL) if n >= MIN_UNITS else None


def power_of_contrast(first: int, second: int) -> float | None:
    """Return the power to detect a difference of one standard deviation between two groups.

    Parameters
    ----------
    first, second : int
        Numbers of units of each group; None is returned where one has none.
    """
    from scipy.stats import nct, t

    if min(first, second) < 1 or first + second < 3:
        return None
    free = first + second - 2
    shift = 1 / math.sqrt(1 / first + 1 / second)
    critical = t.isf(LEVEL / 2, free)
    return float(nct.sf(critical, free, shift) + nct.cdf(-critical, free, shift))
