"""Two correlations without a shared variable: alignment with score on one task and on another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from alignkit.statistics.attainable import EXACT_FLIPS
from alignkit.statistics.permutation import p_value
from alignkit.statistics.requirements import MIN_UNITS


@dataclass(frozen=True)
class NonoverlappingComparison:
    """The difference of two correlations over the same units.

    Attributes
    ----------
    n : int
        Units present in both tasks.
    r_first, r_second : float or None
        The correlations; None where there is no test.
    difference, low, high : float or None
        First minus second, and its 95 % interval (Zou 2007).
    p : float or None
        Two-sided p-value over swaps of the two tasks within units.
    exact : bool
        Whether every swap was counted.
    reason : str
        Why there is no test; empty where there is one.
    """

    n: int
    r_first: float | None = None
    r_second: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    exact: bool = False
    reason: str = ""


def compare_nonoverlapping(
    first: np.ndarray, second: np.ndarray, n_permutations: int = 9999, seed: int = 0
) -> NonoverlappingComparison:
    """Compare the correlation of alignment with score between two tasks.

    Both variables are standardised within their task, so that only the correlation can
    differ; then the tasks of a placement are swapped. The null hypothesis is that tasks are
    exchangeable.

    Parameters
    ----------
    first, second : ndarray (n, 2)
        Alignment and score of the same placements in two tasks.
    n_permutations, seed : int
        Size and seed of the sample of swaps where there are more than ``EXACT_FLIPS`` units.

    Returns
    -------
    NonoverlappingComparison
    """
    tasks = np.stack([np.asarray(first, float), np.asarray(second, float)])
    n = tasks.shape[1]
    if n < MIN_UNITS:
        return NonoverlappingComparison(
            n, reason=f"{n} placement(s) in common, at least {MIN_UNITS} are needed"
        )
    deviation = tasks.std(axis=1, keepdims=True)
    largest = np.abs(tasks).max(axis=1, keepdims=True)
    if (deviation <= 1e-12 * np.maximum(largest, 1e-300)).any():
        return NonoverlappingComparison(
            n, reason="alignment or score is constant in one of the tasks"
        )
    tasks = (tasks - tasks.mean(axis=1, keepdims=True)) / deviation
    r = _correlations(tasks[None])[0]
    low, high = zou_interval_of_tasks(tasks[0], tasks[1])
    swaps, exact = _swaps(n, n_permutations, seed)
    swapped = np.where(swaps[:, None, :, None], tasks[None, ::-1], tasks[None])
    null = np.abs(np.diff(_fisher_z(_correlations(swapped)), axis=1)[:, 0])
    observed = abs(float(_fisher_z(r)[0] - _fisher_z(r)[1]))
    p, _ = p_value(observed, null, exact)
    return NonoverlappingComparison(
        n, float(r[0]), float(r[1]), float(r[0] - r[1]), low, high, p, exact
    )


def zou_interval_of_tasks(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two non-overlapping correlations (Zou 2007).

    The correlation between the two estimates is that of Pearson and Filon (Steiger 1980).

    Parameters
    ----------
    first, second : ndarray (n, 2)
        The two variables of each task, over the same units.

    Returns
    -------
    (low, high)
        Of the first correlation minus the second.
    """
    n = len(first)
    r = np.corrcoef(np.hstack([first, second]), rowvar=False)
    r1, r2 = r[0, 1], r[2, 3]
    (low1, high1), (low2, high2) = _interval(r1, n), _interval(r2, n)
    c = _correlation_of_estimates(r)
    below = (r1 - low1) ** 2 + (high2 - r2) ** 2 - 2 * c * (r1 - low1) * (high2 - r2)
    above = (high1 - r1) ** 2 + (r2 - low2) ** 2 - 2 * c * (high1 - r1) * (r2 - low2)
    return (float(r1 - r2 - np.sqrt(max(0.0, below))), float(r1 - r2 + np.sqrt(max(0.0, above))))


def _interval(r: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval by Fisher's z, also for a perfect correlation."""
    from scipy.stats import norm

    half = norm.ppf(0.975) / np.sqrt(n - 3)
    z = _fisher_z(np.array(r))
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def _correlation_of_estimates(r: np.ndarray) -> float:
    """Return the correlation of the estimates of r01 and r23, given all six correlations."""
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


def _swaps(n: int, n_permutations: int, seed: int) -> tuple[np.ndarray, bool]:
    if n <= EXACT_FLIPS:
        return np.array(list(product([False, True], repeat=n))), True
    return np.random.default_rng(seed).random((n_permutations, n)) < 0.5, False


def _correlations(tasks: np.ndarray) -> np.ndarray:
    """Return Pearson's r of ``(m, tasks, n, 2)`` as ``(m, tasks)``."""
    centred = tasks - tasks.mean(axis=2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2).prod(axis=2)
    products = centred.prod(axis=3).sum(axis=2)
    r: np.ndarray = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 1e-12)
    return r


def _fisher_z(r: np.ndarray) -> np.ndarray:
    z: np.ndarray = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return z
