"""Two profiles over layers of every model: are they associated, beyond what depth does to both?

The layers of a model depend on each other, so that not they but models are units: they are
resampled and exchanged as a whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignkit.statistics.permutation import UnitPermutations, p_value

COVERAGE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Pooled:
    """The association of two profiles over models.

    Attributes
    ----------
    models, layers : int
    r : float or None
        Pearson's r over all points, models times layers.
    low, high : float or None
        Its 95 % interval by resampling models (percentiles); too narrow for few models.
    within : float or None
        The mean over models of Pearson's r over the layers of each, by Fisher's z.
    given_depth : float or None
        Pearson's r over all points after the mean over models is taken from every layer.
    p : float or None
        Two-sided p of ``given_depth``: models' profiles are exchanged as a whole.
    exact : bool
        Whether every permutation was counted.
    reason : str
        Why there is no test; empty where there is one.
    """

    models: int
    layers: int
    r: float | None = None
    low: float | None = None
    high: float | None = None
    within: float | None = None
    given_depth: float | None = None
    p: float | None = None
    exact: bool = False
    reason: str = ""


def pooled_profiles(
    x: np.ndarray,
    y: np.ndarray,
    permutations: UnitPermutations,
    seed: int = 0,
    interval: bool = True,
) -> Pooled:
    """Return the association of two profiles over models.

    Parameters
    ----------
    x, y : ndarray (models, layers)
        All finite.
    permutations : UnitPermutations
        Of the models.
    seed : int
        Of the resampled models.
    interval : bool
        Whether to resample models.
    """
    models, layers = x.shape
    described: dict[str, Any] = {
        "r": correlation(x.ravel(), y.ravel()),
        "within": _mean_within(x, y),
        "given_depth": correlation(_less_depth(x).ravel(), _less_depth(y).ravel()),
    }
    if interval and models >= 3:
        described["low"], described["high"] = _interval(x, y, seed)
    if models < 3 or described["given_depth"] is None:
        why = "fewer than 3 models" if models < 3 else "no model differs from the others"
        return Pooled(models, layers, reason=why, **described)
    observed, null = profile_null(x, y, permutations)
    p, _ = p_value(observed, null, permutations.exact)
    return Pooled(models, layers, p=p, exact=permutations.exact, **described)


def profile_null(
    x: np.ndarray, y: np.ndarray, permutations: UnitPermutations
) -> tuple[float, np.ndarray]:
    """Return r given depth, and the same with the profiles of models exchanged, ``(m,)``.

    Exchanged profiles keep the means over models of every layer, so that what depth does to all
    models alike is the same in all of them.

    Parameters
    ----------
    x, y : ndarray (models, layers)
        Not constant over models in all layers.
    permutations : UnitPermutations
        Of the models.
    """
    a, b = _less_depth(x), _less_depth(y)
    terms = a @ b.T / (np.linalg.norm(a) * np.linalg.norm(b))
    null = terms[np.arange(len(terms)), permutations.indices].sum(axis=1)
    return float(np.trace(terms)), null


def correlation(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return Pearson's r; None where a side is constant, but for rounding, or has one value.

    Parameters
    ----------
    x, y : ndarray (n,)
    """
    a, b = x - x.mean(), y - y.mean()
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    sizes = (float(np.linalg.norm(x)), float(np.linalg.norm(y)))
    if len(x) < 2 or any(n <= 1e-12 * s or n == 0 for n, s in zip(lengths, sizes, strict=True)):
        return None
    return float(np.clip(a @ b / (lengths[0] * lengths[1]), -1, 1))


def _less_depth(profiles: np.ndarray) -> np.ndarray:
    rest: np.ndarray = profiles - profiles.mean(axis=0)
    # What is left of equal values by rounding is nothing.
    return np.where(np.abs(rest) <= 1e-12 * np.abs(profiles).max(initial=0), 0.0, rest)


def _mean_within(x: np.ndarray, y: np.ndarray) -> float | None:
    found = [correlation(a, b) for a, b in zip(x, y, strict=True)]
    z = [math.atanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)) for r in found if r is not None]
    return math.tanh(float(np.mean(z))) if z else None


def _interval(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    rng = np.random.default_rng(seed)
    drawn = []
    for rows in rng.integers(0, len(x), (RESAMPLES, len(x))):
        r = correlation(x[rows].ravel(), y[rows].ravel())
        if r is not None:
            drawn.append(r)
    if len(drawn) < 2:
        return None, None
    low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)
