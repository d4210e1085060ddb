"""One variable against another over units: r, its interval and a permutation p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import null_correlations, orders, p_value

LEAST_UNITS = 6


@dataclass(frozen=True)
class Association:
    """Pearson's r over units; ``reason`` says why what is None is not there."""

    n: int
    pearson: float | None = None
    low: float | None = None
    high: float | None = None
    spearman: float | None = None
    p: float | None = None
    reason: str = ""


def associate(x: np.ndarray, y: np.ndarray, drawn: int = 9999, seed: int = 0) -> Association:
    """Correlate over units, with a permutation p where there are at least six.

    Parameters
    ----------
    x, y : ndarray (n,)
        Units in which either is missing are left out.
    drawn, seed : int
        Where there are more than nine units.
    """
    from scipy.stats import pearsonr, spearmanr

    x, y = np.asarray(x, float), np.asarray(y, float)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    n = len(x)
    if n < 3:
        return Association(n, reason=f"{n} unit(s), at least {LEAST_UNITS} are needed")
    if _constant(x) or _constant(y):
        return Association(n, reason="constant over units")
    found = pearsonr(x, y)
    low = high = None
    if n > 3:
        low, high = (float(end) for end in found.confidence_interval(0.95))
    r, rho = float(found.statistic), float(spearmanr(x, y).statistic)
    if n < LEAST_UNITS:
        return Association(
            n, r, low, high, rho, reason=f"{n} units, at least {LEAST_UNITS} are needed"
        )
    order, exact = orders(n, drawn, np.random.default_rng(seed))
    p, _ = p_value(r, null_correlations(x[:, None], y, order)[:, 0], exact)
    return Association(n, r, low, high, rho, p)


def best_of(
    layers: np.ndarray, y: np.ndarray, drawn: int = 9999, seed: int = 0
) -> tuple[int, float, float]:
    """The column with the largest |r|, against the null of the largest of all.

    Choosing the best of many after seeing the outcome needs the null of the choice: in every
    permutation the best column is chosen anew.

    Parameters
    ----------
    layers : ndarray (n, columns)
        None of them constant.
    y : ndarray (n,)

    Returns
    -------
    (column, r, p)
    """
    order, exact = orders(len(y), drawn, np.random.default_rng(seed))
    r = null_correlations(layers, y, np.arange(len(y))[None])[0]
    best = int(np.argmax(np.abs(r)))
    null = np.abs(null_correlations(layers, y, order)).max(axis=1)
    return best, float(r[best]), p_value(float(r[best]), null, exact)[0]


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())))
