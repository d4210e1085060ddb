"""Correlation within placements: do seeds that align more perform better?"""

from __future__ import annotations

import numpy as np


def repeated_measures(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray
) -> tuple[float, float] | None:
    """Repeated-measures correlation (Bland and Altman 1995; Bakdash and Marusich 2017).

    Parameters
    ----------
    x, y, groups : ndarray (runs,)
        Groups are the placements, whose means are removed.

    Returns
    -------
    (r, p) or None
        None where no group has two runs that differ.
    """
    from scipy.stats import t

    names, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    dx, dy = (v - (np.bincount(index, v) / counts)[index] for v in (x, y))
    freedom = len(x) - len(names) - 1
    lengths = np.linalg.norm(dx) * np.linalg.norm(dy)
    scale = np.linalg.norm(x - x.mean()) * np.linalg.norm(y - y.mean())
    if freedom < 1 or lengths <= 1e-12 * scale or lengths == 0:
        return None
    r = float(np.clip(dx @ dy / lengths, -1, 1))
    if abs(r) == 1:
        return r, 0.0
    return r, float(2 * t.sf(abs(r) * np.sqrt(freedom / (1 - r * r)), freedom))
