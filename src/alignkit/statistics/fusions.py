"""Does alignment rise across co-attention? Steps with a fusion against steps without one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from alignkit.statistics.permutation import orders, p_value

EXACT_FLIPS = 13


@dataclass(frozen=True)
class Rise:
    """A mean change, and whether it is more than chance.

    Attributes
    ----------
    n : int
        Placements that enter.
    mean, low, high : float or None
        Mean over placements with its 95 % interval (Student's t over placements).
    p : float or None
    exact : bool
        Whether every rearrangement was counted.
    reason : str
        Why there is no test.
    """

    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    exact: bool = False
    reason: str = ""


def rise(changes: np.ndarray, drawn: int = 9999, seed: int = 0) -> Rise:
    """Test a mean change against zero by flipping the signs of placements.

    Parameters
    ----------
    changes : ndarray (placements,)
        After minus before, one mean per placement.
    """
    changes = np.asarray(changes, dtype=float)
    n = len(changes)
    if n < 2:
        return Rise(n, *_alone(changes), reason=f"{n} placement(s) with a fusion, 2 are needed")
    if n <= EXACT_FLIPS:
        signs, exact = np.array(list(product([1.0, -1.0], repeat=n))), True
    else:
        rng = np.random.default_rng(seed)
        signs, exact = rng.choice([1.0, -1.0], (drawn, n)), False
    p, _ = p_value(float(changes.mean()), signs @ changes / n, exact)
    return Rise(n, *_interval(changes), p, exact)


def contrast(
    steps: np.ndarray,
    fused: np.ndarray,
    free: np.ndarray | None = None,
    drawn: int = 9999,
    seed: int = 0,
) -> Rise:
    """Compare the change over a step where a fusion stands with the same step elsewhere.

    Each placement's steps with a fusion are compared with the mean of the placements that
    have none there, and averaged. If fusions do not matter, a placement's changes may belong
    to any placement: they are exchanged as a whole, over all of its steps.

    Parameters
    ----------
    steps : ndarray (placements, steps)
        Change of alignment over each step of depth, mean over seeds.
    fused, free : ndarray of bool (placements, steps)
        Whether a fusion stands in the step in both streams, or in none. ``free`` is all
        that is not fused if it is not given; what is neither is left out.

    Returns
    -------
    Rise
        ``mean`` is with a fusion less without one.
    """
    steps, fused = np.asarray(steps, float), np.asarray(fused, bool)
    free = ~fused if free is None else np.asarray(free, bool)
    weights = contrast_weights(fused, free)
    used = weights.any(axis=1)
    n = int((weights > 0).any(axis=1).sum())
    if n == 0:
        return Rise(0, reason="no step has placements with a fusion and placements without one")
    own = per_placement(steps, fused, free)
    if used.sum() < 3:
        return Rise(n, *_alone(own), reason=f"{int(used.sum())} placements, 3 are needed")
    weights, steps = weights[used], steps[used]
    # The contrast is linear: what placement p gives with the changes of placement q.
    gives = weights @ steps.T
    order, exact = orders(len(steps), drawn, np.random.default_rng(seed))
    null = gives[np.arange(len(steps)), order].sum(axis=1)
    p, _ = p_value(float(np.trace(gives)), null, exact)
    return Rise(n, *_interval(own), p, exact)


def per_placement(steps: np.ndarray, fused: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Of every placement with a fusion and a comparison: its mean difference."""
    usable = fused & (free.sum(axis=0) > 0)
    without = np.where(free, steps, 0).sum(axis=0) / np.maximum(free.sum(axis=0), 1)
    sums = np.where(usable, steps - without, 0).sum(axis=1)
    counts = usable.sum(axis=1)
    return sums[counts > 0] / counts[counts > 0]


def contrast_weights(fused: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Weights whose sum with the changes is the mean contrast, ``(placements, steps)``."""
    without = free.sum(axis=0)
    usable = fused & (without > 0)
    entering = usable.any(axis=1)
    if not entering.any():
        return np.zeros(fused.shape)
    per = np.divide(usable, usable.sum(axis=1, keepdims=True).clip(min=1)) / entering.sum()
    return per - free * (per.sum(axis=0) / np.maximum(without, 1))


def _interval(values: np.ndarray) -> tuple[float, float | None, float | None]:
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return mean, None, None
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def _alone(values: np.ndarray) -> tuple[float | None, None, None]:
    return (float(values.mean()) if len(values) else None), None, None
