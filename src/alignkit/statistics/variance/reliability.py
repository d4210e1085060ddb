"""Reliability of a measurement over layers: rank agreement and split halves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def rank_agreement(
    first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray
) -> float | None:
    """Return Spearman's rank correlation of two measurements over layers.

    Parameters
    ----------
    first, second : sequence of float (layers,)
        Layers where either value is missing are left out.

    Returns
    -------
    float or None
        None where fewer than 3 layers are left, or one measurement is constant.
    """
    from scipy.stats import spearmanr

    a, b = np.asarray(first, float), np.asarray(second, float)
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(spearmanr(a, b).statistic)


def spearman_brown(r: float, times: float = 2) -> float:
    """Return the reliability of a measurement ``times`` as long (Spearman 1910, Brown 1910).

    The correlation of two halves becomes the reliability of the whole:
    times r / (1 + (times - 1) r).

    Parameters
    ----------
    r : float
        Correlation of two measurements of the present length.
    times : float
        Length of the new measurement relative to these.
    """
    return times * r / (1 + (times - 1) * r)


def split_half(halves: np.ndarray) -> float | None:
    """Return the split-half reliability of layer profiles, averaged over splits.

    Parameters
    ----------
    halves : ndarray (splits, 2, layers)
        Values measured on each half of the samples, on every layer.

    Returns
    -------
    float or None
        Mean over splits of Pearson's r over layers, corrected to full length by the
        Spearman-Brown formula; None with fewer than 3 layers or constant profiles. A
        negative correlation is returned uncorrected: the halves disagree.
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
