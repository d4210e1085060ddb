"""Change of alignment across co-attention: steps with a fusion against steps without one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from alignkit.statistics.attainable import (
    EXACT_FLIPS,
    least_flip_p,
    least_units_to_flip,
    least_units_to_permute,
)
from alignkit.statistics.intervals import mean_interval
from alignkit.statistics.permutation import TIE, UnitPermutations, p_value
from alignkit.statistics.requirements import LEVEL


@dataclass(frozen=True)
class MeanChange:
    """A mean change of alignment and its test.

    Attributes
    ----------
    n : int
        Placements that enter.
    mean, low, high : float or None
        Mean over placements with its 95 % interval (Student's t over placements).
    p : float or None
        Two-sided permutation p-value.
    exact : bool
        Whether every rearrangement was counted.
    reason : str
        Why there is no test; empty where there is one.
    """

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    exact: bool = False
    reason: str = ""


def sign_flips(units: int, n_permutations: int = 9999, seed: int = 0) -> tuple[np.ndarray, bool]:
    """Return combinations of signs of units: all of them up to ``EXACT_FLIPS`` units.

    Parameters
    ----------
    units : int
        Number of units.
    n_permutations, seed : int
        Size and seed of the sample where there are more units.

    Returns
    -------
    ndarray (m, units) of 1 and -1, bool
        One combination per row, and whether these are all.
    """
    if units <= EXACT_FLIPS:
        return np.array(list(product([1.0, -1.0], repeat=units))), True
    return np.random.default_rng(seed).choice([1.0, -1.0], (n_permutations, units)), False


def mean_change(changes: np.ndarray, signs: np.ndarray, exact: bool) -> MeanChange:
    """Test a mean change against zero by flipping the signs of placements.

    Parameters
    ----------
    changes : ndarray (placements,)
        After minus before, one mean per placement.
    signs : ndarray (m, placements)
        Combinations of signs, see ``sign_flips``.
    exact : bool
        Whether these are all combinations.

    Returns
    -------
    MeanChange
    """
    changes = np.asarray(changes, dtype=float)
    n = len(changes)
    if n < 2:
        reason = f"{n} placement(s) with a fusion, {least_units_to_flip()} are needed"
        return MeanChange(n, _mean(changes), reason=reason)
    p, _ = p_value(float(changes.mean()), signs @ changes / n, exact)
    return MeanChange(n, *mean_interval(changes), p, exact)


def change_t(changes: np.ndarray, signs: np.ndarray) -> tuple[float, np.ndarray]:
    """Return Student's t of a mean change, and the same under flipped signs, in absolute value.

    Parameters
    ----------
    changes : ndarray (placements,)
        At least two.
    signs : ndarray (m, placements)

    Returns
    -------
    (t, null)
        Null is an ndarray (m,). With n - 1 degrees of freedom.
    """
    n, length = len(changes), max(float(np.linalg.norm(changes)), 1e-300)
    cosine = np.abs(np.append(signs @ changes, changes.sum())) / (np.sqrt(n) * length)
    cosine = np.minimum(cosine, 1 - 1e-12)
    t = cosine * np.sqrt((n - 1) / (1 - cosine**2))
    return float(t[-1]), t[:-1]


def power_of_change(n: int, effect: float = 1.0, level: float = LEVEL) -> float:
    """Return the power of flipping the signs of n placements.

    Parameters
    ----------
    n : int
        Number of placements.
    effect : float
        The true mean change, in standard deviations of placements.
    level : float
        Significance level.

    Returns
    -------
    float
        That of Student's t for normal changes, which flipped signs attain; 0 where no
        combination of signs can be significant.
    """
    from scipy.stats import nct, t

    if n < 2 or least_flip_p(n) >= level:
        return 0.0
    critical, shift = t.isf(level / 2, n - 1), effect * np.sqrt(n)
    return float(nct.sf(critical, n - 1, shift) + nct.cdf(-critical, n - 1, shift))


def fusion_contrast(
    steps: np.ndarray, fused: np.ndarray, free: np.ndarray, permutations: UnitPermutations
) -> MeanChange:
    """Compare the change over a step that has a fusion with the same step without one.

    Each placement's steps with a fusion are compared with the mean of the placements that
    have none there, and averaged. If fusions have no effect, a placement's changes may belong
    to any placement: they are permuted as a whole, over all of its steps.

    Parameters
    ----------
    steps : ndarray (placements, steps)
        Change of alignment over each step of depth, mean over seeds.
    fused, free : ndarray of bool (placements, steps)
        Whether the step has a fusion in both streams, or in none; a step that is neither is
        left out.
    permutations : UnitPermutations
        Of the placements that enter the comparison, see ``compared``.

    Returns
    -------
    MeanChange
        ``mean`` is the change with a fusion minus the change without one.
    """
    steps, fused, free = np.asarray(steps, float), np.asarray(fused, bool), np.asarray(free, bool)
    weights = contrast_weights(fused, free)
    used = int(compared(fused, free).sum())
    n = int((weights > 0).any(axis=1).sum())
    if n == 0:
        reason = "no step has placements with a fusion and placements without one"
        return MeanChange(0, reason=reason)
    differences = contrast_per_placement(steps, fused, free)
    if used < 3:
        reason = f"{used} placements to exchange, {least_units_to_permute()} are needed"
        return MeanChange(n, _mean(differences), reason=reason)
    observed, null = contrast_null(steps, fused, free, permutations)
    p, _ = p_value(observed, null, permutations.exact)
    return MeanChange(n, *mean_interval(differences), p, permutations.exact)


def compared(fused: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return which placements enter the comparison, ``(placements,)`` of bool.

    Parameters
    ----------
    fused, free : ndarray of bool (placements, steps)
    """
    return np.asarray(contrast_weights(fused, free).any(axis=1))


def contrast_null(
    steps: np.ndarray, fused: np.ndarray, free: np.ndarray, permutations: UnitPermutations
) -> tuple[float, np.ndarray]:
    """Return the mean contrast, and the same with the changes of placements exchanged, ``(m,)``.

    Parameters
    ----------
    steps : ndarray (placements, steps)
    fused, free : ndarray of bool (placements, steps)
    permutations : UnitPermutations
        Of the placements that enter.
    """
    used = compared(fused, free)
    # The contrast is linear: entry (p, q) is what placement p adds with the changes of q.
    terms = contrast_weights(fused, free)[used] @ steps[used].T
    null = terms[np.arange(len(terms)), permutations.indices].sum(axis=1)
    return float(np.trace(terms)), null


def least_exchange_p(fused: np.ndarray, free: np.ndarray, permutations: UnitPermutations) -> float:
    """Return the least p that exchanging placements can attain, whatever their changes.

    Parameters
    ----------
    fused, free : ndarray of bool (placements, steps)
    permutations : UnitPermutations
        Of the placements that enter.

    Returns
    -------
    float
        The share of arrangements that differ only among placements with the same steps, which
        are one arrangement; twice this where fused and free steps mirror each other.
    """
    weights = contrast_weights(fused, free)
    weights = np.round(weights[weights.any(axis=1)] / np.abs(weights).max(), 9)
    _, counts = np.unique(weights, axis=0, return_counts=True)
    alike = math.prod(math.factorial(int(count)) for count in counts)
    order = np.lexsort(weights.T)
    mirrored = np.lexsort(-weights.T)
    sides = 2 if np.abs(weights[order] + weights[mirrored]).max() < TIE else 1
    least = min(1.0, sides * alike / math.factorial(len(weights)))
    return least if permutations.exact else max(least, 1 / (1 + len(permutations)))


def contrast_per_placement(steps: np.ndarray, fused: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the mean contrast of every placement that has a fusion and a comparison.

    Parameters
    ----------
    steps : ndarray (placements, steps)
        Change of alignment over each step.
    fused, free : ndarray of bool (placements, steps)

    Returns
    -------
    ndarray (placements with a comparison,)
        Change with a fusion minus the mean change of placements without one.
    """
    usable = fused & (free.sum(axis=0) > 0)
    without = np.where(free, steps, 0).sum(axis=0) / np.maximum(free.sum(axis=0), 1)
    sums = np.where(usable, steps - without, 0).sum(axis=1)
    counts = usable.sum(axis=1)
    means: np.ndarray = sums[counts > 0] / counts[counts > 0]
    return means


def contrast_weights(fused: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return the weights of the changes in the mean contrast.

    Parameters
    ----------
    fused, free : ndarray of bool (placements, steps)

    Returns
    -------
    ndarray (placements, steps)
        The sum of weights times changes is the mean contrast; all 0 where there is no
        comparison.
    """
    n_free = free.sum(axis=0)
    usable = fused & (n_free > 0)
    entering = usable.any(axis=1)
    if not entering.any():
        return np.zeros(fused.shape)
    positive = np.divide(usable, usable.sum(axis=1, keepdims=True).clip(min=1)) / entering.sum()
    weights: np.ndarray = positive - free * (positive.sum(axis=0) / np.maximum(n_free, 1))
    return weights


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
