"""The quadratic term and the verdict "supported" of the question on an optimal alignment.

No curve: a straight line with noise of one size, or in proportion to |x|. Monotone curves: a
logarithm and a saturating curve, which bend but have no optimum within the range. True optima: a
parabola, whose rows give the power. Verdicts are of a single test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.quadratic import Optimum, quadratic_fit
from simulations.rows import SEED, Row

PERMUTATIONS = 999
Study = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Curve:
    """A curve of score on alignment, with its noise.

    Attributes
    ----------
    name : str
    score : callable
        Of alignment, and of standard normal noise of the same shape.
    normal : bool
        Whether alignment is standard normal, rather than uniform from 0 to 1.
    """

    name: str
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    normal: bool = False

    def study(self, n: int, rng: np.random.Generator) -> Study:
        """Simulate alignment and score of n units."""
        x = rng.standard_normal(n) if self.normal else rng.uniform(0, 1, n)
        return x, self.score(x, rng.standard_normal(n))


LINE = Curve("line, noise of one size", lambda x, e: x + e, normal=True)
FAN = Curve("line, noise in proportion to abs(x)", lambda x, e: x + np.abs(x) * e, normal=True)
LOGARITHM = Curve("logarithm of x + 0.05", lambda x, e: np.log(x + 0.05) / 3 + 0.1 * e)
SATURATING = Curve("1 - exp(-3 x)", lambda x, e: 1 - np.exp(-3 * x) + 0.1 * e)
FLAT = Curve("1 - exp(-5 x), flat from 0.6", lambda x, e: 1 - np.exp(-5 * x) + 0.1 * e)
PARABOLA = Curve("parabola", lambda x, e: -4 * (x - 0.5) ** 2 + 0.18 * e)

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
    (FLAT, 12, "0.08, not kept", 0.753),
    (FLAT, 30, "0.08, not kept", 0.991),
    (PARABOLA, 8, "power, at least 0.54", 0.738),
    (PARABOLA, 12, "power, at least 0.75", 0.951),
    (PARABOLA, 20, "power, at least 0.80", 0.998),
    (PARABOLA, 30, "power, at least 0.80", 1.0),
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
        fit.p is not None
        and fit.p < 0.05
        and fit.kind == "highest"
        and fit.inside
        and fit.both_sides
    )


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for curve, n, limit, before in SIZES:
        times = sum(fit.p is not None and fit.p < 0.05 for fit in fits(curve, n, studies))
        yield Row(f"{curve.name}; n = {n}", "p < 0.05", times, studies, limit, before)
    for curve, n, limit, before in VERDICTS:
        times = sum(map(supported, fits(curve, n, studies)))
        yield Row(f"{curve.name}; n = {n}", "verdict supported", times, studies, limit, before)
