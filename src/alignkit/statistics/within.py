"""Correlation within placements: do seeds that align more perform better?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Within:
    """A repeated-measures correlation.

    Attributes
    ----------
    r, p : float
    low, high : float or None
        95 % interval by Fisher's z on the degrees of freedom; None with fewer than two.
    n, groups : int
        Runs, and the placements that they belong to.
    freedom : int
        n - groups - 1.
    """

    r: float
    p: float
    low: float | None
    high: float | None
    n: int
    groups: int
    freedom: int


def repeated_measures(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Within | None:
    """Repeated-measures correlation (Bland and Altman 1995; Bakdash and Marusich 2017).

    Parameters
    ----------
    x, y, groups : ndarray (runs,)
        Groups are the placements, whose means are removed.

    Returns
    -------
    Within or None
        None where no group has two runs that differ.
    """
    from scipy.stats import t

    from alignkit.statistics.dependent import fisher_interval

    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    dx, dy = (v - (np.bincount(index, v) / counts)[index] for v in (x, y))
    n, freedom = len(x), len(x) - len(names) - 1
    if freedom < 1 or not (_varies(dx, x) and _varies(dy, y)):
        return None
    r = float(np.clip(dx @ dy / np.linalg.norm(dx) / np.linalg.norm(dy), -1, 1))
    p = 0.0 if abs(r) == 1 else float(2 * t.sf(abs(r) * math.sqrt(freedom / (1 - r * r)), freedom))
    # freedom + 2 is the number of independent pairs that would have these degrees of freedom.
    low, high = fisher_interval(r, freedom + 2) if freedom > 1 else (None, None)
    return Within(r, p, low, high, n, len(names), freedom)


def _varies(deviations: np.ndarray, values: np.ndarray) -> bool:
    return bool(np.linalg.norm(deviations) > 1e-12 * max(1e-300, float(np.abs(values).max())))
