"""Correlation of two variables over units: r, its interval and a permutation p-value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignkit.statistics.intervals import correlation_interval
from alignkit.statistics.permutation import null_correlations, p_value, unit_permutations
from alignkit.statistics.requirements import MIN_UNITS, is_constant


@dataclass(frozen=True)
class Association:
    """Correlation of two variables over units.

    Attributes
    ----------
    n : int
        Units with both values.
    pearson, low, high : float or None
        Pearson's r and its 95 % interval, see ``correlation_interval``.
    spearman : float or None
        Spearman's rank correlation.
    p : float or None
        Two-sided permutation p-value of Pearson's r.
    least_p : float or None
        The least p that these values could attain in any arrangement.
    reason : str
        Why a missing value could not be computed; empty where nothing is missing.
    """

    n: int
    pearson: float | None = None
    low: float | None = None
    high: float | None = None
    spearman: float | None = None
    p: float | None = None
    reason: str = ""
    least_p: float | None = None


def associate(
    x: np.ndarray, y: np.ndarray, n_permutations: int = 9999, seed: int = 0
) -> Association:
    """Correlate two variables over units; test the correlation from six units on.

    Parameters
    ----------
    x, y : ndarray (n,)
        Units where either value is missing are left out.
    n_permutations, seed : int
        Size and seed of the sample of permutations where there are more than nine units.

    Returns
    -------
    Association
    """
    from scipy.stats import pearsonr, spearmanr

    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    n = len(x)
    if n < 3:
        return Association(n, reason=f"{n} unit(s), at least {MIN_UNITS} are needed")
    if is_constant(x) or is_constant(y):
        return Association(n, reason="constant over units")
    pearson = pearsonr(x, y)
    low = high = None
    if n > 3:
        low, high = correlation_interval(x, y)
    r, rho = float(pearson.statistic), float(spearmanr(x, y).statistic)
    if n < MIN_UNITS:
        return Association(
            n, r, low, high, rho, reason=f"{n} units, at least {MIN_UNITS} are needed"
        )
    permutations, exact = unit_permutations(n, n_permutations, np.random.default_rng(seed))
    null = null_correlations(x[:, None], y, permutations)[:, 0]
    p, _ = p_value(r, null, exact)
    least, _ = p_value(float(np.abs(null).max()), null, exact)
    return Association(n, r, low, high, rho, p, least_p=min(p, least))


def strongest_column(
    columns: np.ndarray, y: np.ndarray, n_permutations: int = 9999, seed: int = 0
) -> tuple[int, float, float]:
    """Find the column with the largest |r| with y, and test it against the null of that choice.

    Choosing the strongest of many after seeing the outcome requires the null distribution of
    the choice: under every permutation the strongest column is chosen anew.

    Parameters
    ----------
    columns : ndarray (n, columns)
        Values of the units, such as one layer per column; none of them constant.
    y : ndarray (n,)
        The outcome.
    n_permutations, seed : int
        Size and seed of the sample of permutations where there are more than nine units.

    Returns
    -------
    (column, r, p)
    """
    permutations, exact = unit_permutations(len(y), n_permutations, np.random.default_rng(seed))
    r = null_correlations(columns, y, np.arange(len(y))[None])[0]
    strongest = int(np.argmax(np.abs(r)))
    null = np.abs(null_correlations(columns, y, permutations)).max(axis=1)
    return strongest, float(r[strongest]), p_value(float(r[strongest]), null, exact)[0]
