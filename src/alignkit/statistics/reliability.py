"""Would the same measurement come out again? Rank agreement and split halves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def rank_agreement(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation over layers; None with fewer than 3, or where one is constant."""
    from scipy.stats import spearmanr

    a, b = np.asarray(one, float), np.asarray(other, float)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def spearman_brown(r: float, times: float = 2) -> float:
    """Reliability of a measurement ``times`` as long as those that correlate with r.

    Spearman 1910, Brown 1910: times r / (1 + (times - 1) r). The correlation of two halves
    becomes the reliability of the whole.
    """
    return times * r / (1 + (times - 1) * r)


def split_half(halves: np.ndarray) -> float | None:
    """Reliability of layer profiles from two halves of the samples, mean over splits.

    Parameters
    ----------
    halves : ndarray (splits, 2, layers)
        Values of each half on every layer.

    Returns
    -------
    float or None
        Mean over splits of Pearson's r over layers, stepped up to the whole by Spearman and
        Brown; None with fewer than 3 layers or constant profiles. Where the halves disagree
        it is their correlation as it is, below 0: there is nothing to step up.
    """
    halves = np.asarray(halves, float)
    if halves.ndim != 3 or halves.shape[2] < 3 or not np.isfinite(halves).all():
        return None
    centred = halves - halves.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2)
    size = np.abs(halves).max(axis=2)
    if (lengths <= 1e-12 * np.maximum(size, 1e-300)).any():
        return None
    r = float(((centred[:, 0] * centred[:, 1]).sum(axis=1) / lengths.prod(axis=1)).mean())
    return spearman_brown(r) if r > 0 else r
