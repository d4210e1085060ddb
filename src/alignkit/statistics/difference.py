"""Is a correlation another one on another task? Two correlations over the same placements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

# Up to so many units every swap is counted: 2^13 = 8,192.
EXACT_SWAPS = 13
LEAST_UNITS = 6
TIE = 1e-9


@dataclass(frozen=True)
class Difference:
    """The difference of two correlations.

    Attributes
    ----------
    n : int
        Units that both have.
    first, second : float or None
        The correlations; None where there is none, then ``reason`` says why.
    difference, low, high : float or None
        First minus second, and its 95 % interval (Zou 2007).
    p : float or None
        Over swaps of the two tasks within units.
    exact : bool
        Whether every swap was counted.
    """

    n: int
    first: float | None = None
    second: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    exact: bool = False
    reason: str = ""


def difference(
    first: np.ndarray, second: np.ndarray, drawn: int = 9999, seed: int = 0
) -> Difference:
    """Compare the correlation of alignment with score between two tasks.

    Parameters
    ----------
    first, second : ndarray (n, 2)
        Alignment and score of the same placements in two tasks. Both are standardised
        within their task, so that only the correlation can differ; then the tasks of a
        placement are swapped. The test is of the hypothesis that tasks are interchangeable.
    drawn, seed : int
        Swaps drawn where there are more than ``EXACT_SWAPS`` units.

    Returns
    -------
    Difference
    """
    sides = np.stack([np.asarray(first, float), np.asarray(second, float)])
    n = sides.shape[1]
    if n < LEAST_UNITS:
        return Difference(
            n, reason=f"{n} placement(s) in common, at least {LEAST_UNITS} are needed"
        )
    spread = sides.std(axis=1, keepdims=True)
    size = np.abs(sides).max(axis=1, keepdims=True)
    if (spread <= 1e-12 * np.maximum(size, 1e-300)).any():
        return Difference(n, reason="alignment or score is constant in one of the tasks")
    sides = (sides - sides.mean(axis=1, keepdims=True)) / spread
    r = _correlations(sides[None])[0]
    low, high = zou_of_tasks(sides[0], sides[1])
    swaps, exact = _swaps(n, drawn, seed)
    swapped = np.where(swaps[:, None, :, None], sides[None, ::-1], sides[None])
    null = np.abs(np.diff(_z(_correlations(swapped)), axis=1)[:, 0])
    observed = abs(float(_z(r)[0] - _z(r)[1]))
    extreme = int((null >= observed * (1 - TIE)).sum())
    p = extreme / len(null) if exact else (1 + extreme) / (1 + len(null))
    return Difference(n, float(r[0]), float(r[1]), float(r[0] - r[1]), low, high, p, exact)


def zou_of_tasks(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Interval of the difference of two correlations that share units but no variable.

    Zou 2007, with the correlation of the two estimates by Pearson and Filon (Steiger 1980).

    Parameters
    ----------
    first, second : ndarray (n, 2)
    """
    n = len(first)
    r = np.corrcoef(np.hstack([first, second]), rowvar=False)
    one, other = r[0, 1], r[2, 3]
    (low_1, high_1), (low_2, high_2) = _interval(one, n), _interval(other, n)
    c = _correlation_of_estimates(r)
    below = (one - low_1) ** 2 + (high_2 - other) ** 2 - 2 * c * (one - low_1) * (high_2 - other)
    above = (high_1 - one) ** 2 + (other - low_2) ** 2 - 2 * c * (high_1 - one) * (other - low_2)
    return (
        float(one - other - np.sqrt(max(0.0, below))),
        float(one - other + np.sqrt(max(0.0, above))),
    )


def _interval(r: float, n: int) -> tuple[float, float]:
    from scipy.stats import norm

    half = norm.ppf(0.975) / np.sqrt(n - 3)
    z = _z(np.array(r))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _correlation_of_estimates(r: np.ndarray) -> float:
    """Of r01 and r23 over samples, from the six correlations of the four variables."""
    j, k, h, m = range(4)
    squares = r[j, h] ** 2 + r[j, m] ** 2 + r[k, h] ** 2 + r[k, m] ** 2
    covariance = (
        r[j, k] * r[h, m] * squares / 2
        + r[j, h] * r[k, m]
        + r[j, m] * r[k, h]
        - r[j, k] * (r[j, h] * r[j, m] + r[k, h] * r[k, m])
        - r[h, m] * (r[j, h] * r[k, h] + r[j, m] * r[k, m])
    )
    scale = (1 - r[j, k] ** 2) * (1 - r[h, m] ** 2)
    return float(np.clip(covariance / scale, -1, 1)) if scale > 0 else 0.0


def _swaps(n: int, drawn: int, seed: int) -> tuple[np.ndarray, bool]:
    if n <= EXACT_SWAPS:
        return np.array(list(product([False, True], repeat=n))), True
    return np.random.default_rng(seed).random((drawn, n)) < 0.5, False


def _correlations(sides: np.ndarray) -> np.ndarray:
    """Pearson's r of ``(m, tasks, n, 2)`` as ``(m, tasks)``."""
    centred = sides - sides.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2).prod(axis=2)
    products = centred.prod(axis=3).sum(axis=2)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 1e-12)


def _z(r: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
