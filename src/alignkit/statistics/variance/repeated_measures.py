"""Correlation within placements: whether seeds that align more also perform better."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.intervals import fisher_interval


@dataclass(frozen=True)
class RepeatedMeasures:
    """A repeated-measures correlation.

    Attributes
    ----------
    r, p : float
        The correlation and its two-sided parametric p-value.
    low, high : float or None
        95 % interval by Fisher's z on the degrees of freedom; None where there is only one.
    n, groups : int
        Number of runs, and of the placements that they belong to.
    degrees_of_freedom : int
        n - groups - 1.
    """

    r: float
    p: float
    low: float | None
    high: float | None
    n: int
    groups: int
    degrees_of_freedom: int


def repeated_measures(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> RepeatedMeasures | None:
    """Compute the repeated-measures correlation of x with y.

    After Bland and Altman (1995) and Bakdash and Marusich (2017): the correlation that is
    left once the means of the groups are removed.

    Parameters
    ----------
    x, y : ndarray (runs,)
    groups : ndarray (runs,)
        The placement of each run.

    Returns
    -------
    RepeatedMeasures or None
        None where no group has two runs that differ.
    """
    from scipy.stats import t

    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    dx, dy = (v - (np.bincount(index, v) / counts)[index] for v in (x, y))
    n, df = len(x), len(x) - len(names) - 1
    if df < 1 or not (_varies(dx, x) and _varies(dy, y)):
        return None
    r = float(np.clip(dx @ dy / np.linalg.norm(dx) / np.linalg.norm(dy), -1, 1))
    p = 0.0 if abs(r) == 1 else float(2 * t.sf(abs(r) * math.sqrt(df / (1 - r * r)), df))
    # df + 2 is the number of independent pairs that would have these degrees of freedom.
    low, high = fisher_interval(r, df + 2) if df > 1 else (None, None)
    return RepeatedMeasures(r, p, low, high, n, len(names), df)


def _varies(deviations: np.ndarray, values: np.ndarray) -> bool:
    return bool(np.linalg.norm(deviations) > 1e-12 * max(1e-300, float(np.abs(values).max())))
