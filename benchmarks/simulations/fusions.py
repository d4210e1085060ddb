"""The change of alignment across fusions, tested by flipping signs of placements.

Two tasks and four metrics whose changes correlate about 0.8, that is eight tests, on the same
placements. A claim is a verdict in any of them: one arrangement of signs serves all (max-T), and
the former correction was Holm's. The least corrected p of n placements is 2 / 2^n; five cannot
succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from alignkit.statistics.fusions import change_t, sign_flips
from alignkit.statistics.joint import JointTest, max_t
from simulations.rows import SEED, Row

TESTS = 8
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def gaussian(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return standard normal changes."""
    return rng.standard_normal(shape)


def unequal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return normal changes whose standard deviation differs between placements, log-SD 1."""
    return rng.standard_normal(shape) * np.exp(rng.standard_normal((1, shape[-1])))


def heavy(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return changes with the heavy tails of Student's t with 3 degrees of freedom."""
    return rng.standard_t(3, shape) / np.sqrt(3)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return exponential changes with mean 0: flipped signs assume symmetry."""
    return rng.standard_exponential(shape) - 1


CASES: tuple[tuple[str, Noise, int, float, str, float], ...] = (
    ("no change, normal", gaussian, 5, 0.0, "cannot succeed", 0.0),
    ("no change, normal", gaussian, 6, 0.0, "attainable: 0.031", 0.0),
    ("no change, normal", gaussian, 8, 0.0, "0.04 to 0.06", 0.0),
    ("no change, normal", gaussian, 12, 0.0, "0.04 to 0.06", 0.029),
    ("no change, unequal noise", unequal, 8, 0.0, "at most 0.06", 0.0),
    ("no change, tails of t3", heavy, 8, 0.0, "at most 0.06", 0.0),
    ("no change, exponential", skewed, 8, 0.0, "assumption broken", 0.0),
    ("change of 1 SD", gaussian, 6, 1.0, "power", 0.0),
    ("change of 1 SD", gaussian, 8, 1.0, "power", 0.0),
    ("change of 1 SD", gaussian, 12, 1.0, "power", 0.819),
)


def claims(noise: Noise, n: int, effect: float, studies: int, seed: int = SEED) -> int:
    """Return in how many studies a change is claimed in any of the tests.

    Parameters
    ----------
    noise : callable
        Returns changes of placements, given a generator and a shape.
    n : int
        Number of placements.
    effect : float
        The true mean change, in standard deviations of placements.
    studies, seed : int
    """
    rng = np.random.default_rng([seed, n, len(noise.__name__)])
    signs, exact = sign_flips(n)
    claimed = 0
    for _ in range(studies):
        changes = 0.9 * noise(rng, (1, n)) + np.sqrt(1 - 0.81) * noise(rng, (TESTS, n)) + effect
        family = [JointTest(*change_t(row, signs), n - 1, "flips", exact) for row in changes]
        claimed += min(max_t(family)) < 0.05
    return claimed


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for name, noise, n, effect, limit, before in CASES:
        times = claims(noise, n, effect, studies)
        yield Row(f"{name}; n = {n}", "claim in any of 8 tests", times, studies, limit, before)
