"""The quadratic term and the verdict "supported" of the question on an optimal alignment.

No curve: a straight line with noise of one size, or in proportion to abs(x). Monotone curves: a
logarithm, saturating curves, a plateau, and the monotone curve that is hardest to tell from a
parabola with its optimum at 0.35, which bend but have no optimum within the range. True optima:
parabolas, whose rows give the power. Verdicts are of a single test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.quadratic import Optimum, quadratic_fit
from simulations.rows import SEED, Row

PERMUTATIONS = 499
Study = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Curve:
    """A curve of score on alignment, with its noise.

    Attributes
    ----------
    name : str
    score : callable
        Of alignment, and of standard normal noise of the same shape.
    alignment : callable
        Simulates n values, given a generator.
    """

    name: str
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    alignment: Callable[[np.random.Generator, int], np.ndarray]

    def study(self, n: int, rng: np.random.Generator) -> Study:
        """Simulate alignment and score of n units."""
        x = self.alignment(rng, n)
        return x, self.score(x, rng.standard_normal(n))


def uniform(rng: np.random.Generator, n: int) -> np.ndarray:
    """Simulate n values from 0 to 1."""
    return rng.uniform(0, 1, n)


def standard_normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Simulate n values around 0, with standard deviation 1."""
    return rng.standard_normal(n)


def normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Simulate n values around 0.5, with standard deviation 0.25."""
    return rng.normal(0.5, 0.25, n)


def _saturating(rate: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, e: 1 - np.exp(-rate * x) + 0.1 * e


def _parabola(at: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, e: -4 * (x - at) ** 2 + 0.18 * e


def _level_parabola(at: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the decreasing curve that is nearest to a parabola: level up to 1.5 times ``at``."""
    return lambda x, e: -4 * (np.maximum(x, 1.5 * at) - at) ** 2 + 0.18 * e


LINE = Curve("line, noise of one size", lambda x, e: x + e, standard_normal)
FAN = Curve("line, noise in proportion to abs(x)", lambda x, e: x + np.abs(x) * e, standard_normal)
LOGARITHM = Curve("logarithm of x + 0.05", lambda x, e: np.log(x + 0.05) / 3 + 0.1 * e, uniform)
SATURATING = Curve("1 - exp(-3 x)", _saturating(3), uniform)
FLAT = Curve("1 - exp(-5 x), flat from 0.6", _saturating(5), uniform)
NORMAL_FLAT = Curve("1 - exp(-5 x), normal x", _saturating(5), normal)
PLATEAU = Curve("plateau from 0.4", lambda x, e: np.minimum(x, 0.4) + 0.05 * e, uniform)
LEVEL_PARABOLA = Curve("level, then a parabola", _level_parabola(0.35), uniform)
PARABOLA = Curve("parabola", _parabola(0.5), uniform)
NORMAL_PARABOLA = Curve("parabola, normal x", _parabola(0.5), normal)
EARLY_PARABOLA = Curve("parabola, optimum at 0.35", _parabola(0.35), uniform)

# The former definition: plain permutation p, turning point (not its interval) within the range.
SIZES = (
    (LINE, 8, "0.04 to 0.06", 0.050),
    (LINE, 20, "0.04 to 0.06", 0.048),
    (FAN, 8, "at most 0.08", 0.193),
    (FAN, 20, "at most 0.08", 0.263),
)
VERDICTS = (
    (FAN, 8, "at most 0.06", 0.089),
    (FAN, 20, "at most 0.06", 0.115),
    (LOGARITHM, 8, "at most 0.08", 0.217),
    (LOGARITHM, 12, "at most 0.08", 0.384),
    (LOGARITHM, 20, "at most 0.08", 0.569),
    (LOGARITHM, 30, "at most 0.08", 0.648),
    (SATURATING, 8, "at most 0.08", 0.317),
    (SATURATING, 12, "at most 0.08", 0.535),
    (SATURATING, 20, "at most 0.08", 0.761),
    (SATURATING, 30, "at most 0.08", 0.846),
    (FLAT, 8, "at most 0.08", 0.455),
    (FLAT, 12, "at most 0.08", 0.753),
    (FLAT, 20, "at most 0.08", 0.940),
    (FLAT, 30, "at most 0.08", 0.991),
    (NORMAL_FLAT, 12, "at most 0.08", 0.593),
    (NORMAL_FLAT, 30, "at most 0.08", 0.950),
    (PLATEAU, 8, "at most 0.08", 0.556),
    (PLATEAU, 12, "at most 0.08", 0.838),
    (PLATEAU, 20, "at most 0.08", 0.982),
    (PLATEAU, 30, "at most 0.08", 1.0),
    (LEVEL_PARABOLA, 8, "at most 0.08", 0.675),
    (LEVEL_PARABOLA, 12, "at most 0.08", 0.900),
    (LEVEL_PARABOLA, 20, "at most 0.08", 0.993),
    (LEVEL_PARABOLA, 30, "at most 0.08", 1.0),
    (PARABOLA, 8, "power, at least 0.54", 0.738),
    (PARABOLA, 12, "power, at least 0.75", 0.951),
    (PARABOLA, 20, "power, at least 0.80", 0.998),
    (PARABOLA, 30, "power, at least 0.80", 1.0),
    (NORMAL_PARABOLA, 8, "power, at least 0.40", 0.604),
    (NORMAL_PARABOLA, 12, "power, at least 0.65", 0.852),
    (NORMAL_PARABOLA, 20, "power, at least 0.78", 0.981),
    (NORMAL_PARABOLA, 30, "power, at least 0.80", 1.0),
    (EARLY_PARABOLA, 8, "power, 0.54 not kept", 0.737),
    (EARLY_PARABOLA, 12, "power, 0.74 not kept", 0.943),
    (EARLY_PARABOLA, 20, "power, 0.80 not kept", 0.997),
    (EARLY_PARABOLA, 30, "power, at least 0.80", 1.0),
)


def fits(curve: Curve, n: int, studies: int, seed: int = SEED) -> list[Optimum]:
    """Simulate studies of a curve over n units and fit each."""
    rng = np.random.default_rng([seed, n, len(curve.name)])
    permutations = UnitPermutations(list(map(str, range(n))), PERMUTATIONS, seed)
    if permutations.exact:  # a sample of them, for speed
        drawn = rng.integers(len(permutations), size=PERMUTATIONS)
        permutations.indices, permutations.exact = permutations.indices[drawn], False
    return [quadratic_fit(*curve.study(n, rng), permutations) for _ in range(studies)]


def supported(fit: Optimum) -> bool:
    """Whether a fit alone would support an optimum."""
    return bool(
        fit.p is not None and fit.kind == "highest" and fit.bent and fit.within and fit.both_sides
    )


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for curve, n, limit, before in SIZES:
        times = sum(fit.p is not None and fit.p < 0.05 for fit in fits(curve, n, studies))
        yield Row(f"{curve.name}; n = {n}", "p < 0.05", times, studies, limit, before)
    for curve, n, limit, before in VERDICTS:
        times = sum(map(supported, fits(curve, n, studies)))
        yield Row(f"{curve.name}; n = {n}", "verdict supported", times, studies, limit, before)
