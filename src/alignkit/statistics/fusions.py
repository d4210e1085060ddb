"""Change of alignment across co-attention: steps with a fusion against steps without one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from alignkit.statistics.attainable import EXACT_FLIPS
from alignkit.statistics.intervals import mean_interval
from alignkit.statistics.permutation import p_value, unit_permutations


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


def mean_change(changes: np.ndarray, n_permutations: int = 9999, seed: int = 0) -> MeanChange:
    """Test a mean change against zero by flipping the signs of placements.

    Parameters
    ----------
    changes : ndarray (placements,)
        After minus before, one mean per placement.
    n_permutations, seed : int
        Size and seed of the sample of signs where there are more than ``EXACT_FLIPS``
        placements.

    Returns
    -------
    MeanChange
    """
    changes = np.asarray(changes, dtype=float)
    n = len(changes)
    if n < 2:
        reason = f"{n} placement(s) with a fusion, 2 are needed"
        return MeanChange(n, _mean(changes), reason=reason)
    if n <= EXACT_FLIPS:
        signs, exact = np.array(list(product([1.0, -1.0], repeat=n))), True
    else:
        rng = np.random.default_rng(seed)
        signs, exact = rng.choice([1.0, -1.0], (n_permutations, n)), False
    p, _ = p_value(float(changes.mean()), signs @ changes / n, exact)
    return MeanChange(n, *mean_interval(changes), p, exact)


def fusion_contrast(
    steps: np.ndarray,
    fused: np.ndarray,
    free: np.ndarray | None = None,
    n_permutations: int = 9999,
    seed: int = 0,
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
        Whether the step has a fusion in both streams, or in none. Without ``free``, every
        step that is not fused is free; a step that is neither is left out.
    n_permutations, seed : int
        Size and seed of the sample of permutations where there are more than nine placements.

    Returns
    -------
    MeanChange
        ``mean`` is the change with a fusion minus the change without one.
    """
    steps, fused = np.asarray(steps, float), np.asarray(fused, bool)
    free = ~fused if free is None else np.asarray(free, bool)
    weights = contrast_weights(fused, free)
    used = weights.any(axis=1)
    n = int((weights > 0).any(axis=1).sum())
    if n == 0:
        reason = "no step has placements with a fusion and placements without one"
        return MeanChange(0, reason=reason)
    differences = contrast_per_placement(steps, fused, free)
    if used.sum() < 3:
        reason = f"{int(used.sum())} placements, 3 are needed"
        return MeanChange(n, _mean(differences), reason=reason)
    weights, steps = weights[used], steps[used]
    # The contrast is linear: entry (p, q) is what placement p adds with the changes of q.
    terms = weights @ steps.T
    permutations, exact = unit_permutations(len(steps), n_permutations, np.random.default_rng(seed))
    null = terms[np.arange(len(steps)), permutations].sum(axis=1)
    p, _ = p_value(float(np.trace(terms)), null, exact)
    return MeanChange(n, *mean_interval(differences), p, exact)


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
