"""Is a correlation absent? Equivalence to zero within a margin, and a Bayes factor."""

from __future__ import annotations

import math

from alignkit.errors import UsageError
from alignkit.statistics.requirements import LEVEL, MIN_UNITS

MARGIN = 0.3


def check_margin(margin: float) -> None:
    """Refuse a margin outside 0 to 1.

    Raises
    ------
    UsageError
    """
    if not 0 < margin < 1:
        raise UsageError(f"`margin` is {margin:g}; a margin of r must be between 0 and 1")


def equivalence_p(r: float, error: float, margin: float = MARGIN) -> float:
    """Return the p of two one-sided tests that a correlation lies within a margin of zero.

    The larger p of the tests against -margin and +margin, on Fisher's z (Goertzen and Cribbie
    2010). Below 0.05, the 90 % interval lies within the margin.

    Parameters
    ----------
    r : float
        From -1 to 1.
    error : float
        Standard error of Fisher's z.
    margin : float
        Between 0 and 1.
    """
    from scipy.stats import norm

    check_margin(margin)
    if abs(r) >= 1:
        return 1.0
    return float(norm.sf((math.atanh(margin) - abs(math.atanh(r))) / error))


def smallest_margin(n: int, level: float = LEVEL) -> float:
    """Return the smallest margin that n units could show, if r were exactly 0.

    Parameters
    ----------
    n : int
        Number of units, less that of controlled variables; at least 4.
    level : float
        Significance level of each one-sided test.
    """
    from scipy.stats import norm

    return math.tanh(float(norm.isf(level)) / math.sqrt(n - 3))


def least_units_for(margin: float = MARGIN, level: float = LEVEL) -> int:
    """Return the least number of units that can show a margin: 32 for 0.3.

    Parameters
    ----------
    margin : float
        Between 0 and 1.
    level : float
        Significance level of each one-sided test.
    """
    from scipy.stats import norm

    check_margin(margin)
    n = math.floor((float(norm.isf(level)) / math.atanh(margin)) ** 2 + 3) + 1
    return max(n, MIN_UNITS)


def bayes_factor(r: float, n: int, width: float = 1.0) -> float:
    """Return the Bayes factor for no correlation against any, BF01 (Ly et al. 2016).

    Under the alternative, the correlation has a stretched beta distribution over -1 to 1: with
    width 1 it is uniform, with less it is denser around 0.

    Parameters
    ----------
    r : float
        The observed correlation, -1 to 1.
    n : int
        Number of units, less that of controlled variables; at least 3.
    width : float
        Of the prior, above 0.

    Returns
    -------
    float
        Above 1 the data favour no correlation: 3 means that they are three times as likely
        without one.
    """
    from scipy.special import betaln, gammaln

    if abs(r) >= 1:
        return 0.0
    free = (2 + n * width) / (2 * width)
    log = (
        (width - 2) / width * math.log(2)
        + 0.5 * math.log(math.pi)
        - betaln(1 / width, 1 / width)
        + gammaln((2 + width * (n - 1)) / (2 * width))
        - gammaln(free)
    )
    # Euler's transformation, which does not overflow where r is large.
    power = free - (n - 1)
    series = _gauss_series(1 / width + 0.5, free, r * r)
    return float(math.exp(-log - power * math.log1p(-r * r)) / series)


def _gauss_series(a: float, c: float, z: float) -> float:
    """Return the hypergeometric function 2F1(a, a; c; z) for z from 0 to 1."""
    import numpy as np
    from scipy.special import hyp2f1

    value = float(hyp2f1(a, a, c, z))
    if math.isfinite(value):
        return value
    k = np.arange(5000)  # scipy gives up where c is large, and there the series is short
    return float(1 + np.cumprod((a + k) ** 2 / ((c + k) * (k + 1)) * z).sum())
