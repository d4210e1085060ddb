"""Corrections for many tests."""

from __future__ import annotations

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Step-down Bonferroni, family-wise (Holm 1979); NaN stays NaN and does not count."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Step-up control of the false discovery rate (Benjamini and Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="bh")
    return adjusted
