"""Probes against alignment over layers: placements as units, against layers taken as independent.

Twelve layers; both profiles of a placement follow a course over depth that all placements share
(``trend``, in standard deviations), a level of the placement, and noise that neighbouring layers
share (AR(1), 0.8). ``shared`` is how much of a placement's own profile is the same in both.
Pearson's p over all points takes every layer of every placement for a unit of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import pearsonr

from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.profiles import pooled_profiles
from simulations.rows import SEED, Row

LAYERS = 12
CASES: tuple[tuple[str, int, float, float, str], ...] = (
    ("no association, no course over depth", 8, 0.0, 0.0, "0.04 to 0.06"),
    ("no association, one course over depth", 8, 2.0, 0.0, "0.04 to 0.06"),
    ("no association, one course over depth", 5, 2.0, 0.0, "at most 0.06"),
    ("half of the profile shared", 8, 2.0, 0.7, "power"),
    ("half of the profile shared", 16, 2.0, 0.7, "power"),
)


def profiles(rng: np.random.Generator, placements: int) -> np.ndarray:
    """Return smooth profiles around a level of each placement, ``(placements, layers)``."""
    noise = rng.standard_normal((placements, LAYERS))
    smooth = noise.copy()
    for layer in range(1, LAYERS):
        smooth[:, layer] = 0.8 * smooth[:, layer - 1] + 0.6 * noise[:, layer]
    level: np.ndarray = rng.standard_normal((placements, 1))
    return (level + smooth) / np.sqrt(2)


def study(
    rng: np.random.Generator, placements: int, trend: float, shared: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return alignment and scores of probes, both ``(placements, layers)``."""
    common = profiles(rng, placements)
    course = trend * np.linspace(0, 1, LAYERS)
    x, y = (
        shared * common + np.sqrt(1 - shared**2) * profiles(rng, placements) + course
        for _ in range(2)
    )
    return x, y


def rejections(
    placements: int, trend: float, shared: float, studies: int, seed: int = SEED
) -> tuple[int, int]:
    """Return in how many studies p < 0.05: of exchanged placements, and of all points.

    Parameters
    ----------
    placements : int
    trend, shared : float
    studies, seed : int
    """
    rng = np.random.default_rng([seed, placements, int(10 * trend), int(10 * shared)])
    names = [str(at) for at in range(placements)]
    exchanged = points = 0
    for number in range(studies):
        x, y = study(rng, placements, trend, shared)
        # Other permutations in every study where they are drawn: a few hundred suffice.
        few = UnitPermutations(names, 499, number) if placements > 9 else _all(names)
        p = pooled_profiles(x, y, few, interval=False).p
        exchanged += p is not None and p < 0.05
        points += pearsonr(x.ravel(), y.ravel()).pvalue < 0.05
    return exchanged, points


_KEPT: dict[int, UnitPermutations] = {}


def _all(names: list[str]) -> UnitPermutations:
    return _KEPT.setdefault(len(names), UnitPermutations(names, 499, 0))


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for name, placements, trend, shared, limit in CASES:
        exchanged, points = rejections(placements, trend, shared, studies)
        case = f"{name}; {placements}"
        yield Row(case, "p < 0.05, placements exchanged", exchanged, studies, limit)
        yield Row(case, "p < 0.05, all points", points, studies, "for comparison")
