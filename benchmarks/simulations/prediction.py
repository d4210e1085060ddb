"""Prediction of the score of a placement that was left out, and when "predicts" is said.

R^2 is that against the mean of the other placements; "predicts" needs R^2 above 0, a permutation
p below 0.05, and the robust tests of a verdict. ``before`` is what the first two would say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from alignkit.statistics.correlation.prediction import left_out_r2
from alignkit.statistics.correlation.robust import weaknesses
from alignkit.statistics.multiple_testing import min_p
from alignkit.statistics.permutation import UnitPermutations
from simulations.robust import Pair, Permuted, gaussian, outlier, rows_of, square, unequal_seeds
from simulations.rows import SEED, Row

UNITS = (8, 12, 16, 30)
PERMUTATIONS = 499
_CHUNK = 250


def predicted(
    design: Callable[..., Pair], units: int, studies: int, seed: int = SEED, **options: float
) -> tuple[int, int, int]:
    """Return how many studies predict, would without robust tests, and have p below 0.05."""
    rng = np.random.default_rng([seed, units])
    permutations = UnitPermutations([str(i) for i in range(units)], PERMUTATIONS, seed)
    if permutations.exact:  # a sample of them is enough here
        permutations.indices = rng.permuted(np.tile(np.arange(units), (PERMUTATIONS, 1)), axis=1)
        permutations.exact = False
    permuted = Permuted.of(units, PERMUTATIONS)
    says = unconfirmed = small = 0
    for start in range(0, studies, _CHUNK):
        xs, ys = design(rng, (min(_CHUNK, studies - start), units), **options)
        for x, y, row in zip(xs, ys, rows_of([xs], ys, permuted)[0], strict=True):
            r2 = left_out_r2(x, y, permutations)
            significant = min_p([(r2, permutations)])[0][0] < 0.05
            small += significant
            unconfirmed += significant and r2[0] > 0
            says += significant and r2[0] > 0 and not weaknesses(row)
    return int(says), int(unconfirmed), int(small)


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    nulls: tuple[tuple[str, Callable[..., Pair], dict[str, float], str], ...] = (
        ("no association", gaussian, {}, "at most 0.06"),
        ("an outlier of 5 SD", outlier, {}, "at most 0.06"),
        ("unequal seeds", unequal_seeds, {}, "at most 0.06"),
        ("y = x^2 with noise", square, {"noise": 1.0}, "at most 0.08"),
    )
    for case, design, options, limit in nulls:
        for n in UNITS:
            says, unconfirmed, small = predicted(design, n, studies, **options)
            yield Row(f"{case}; {n}", "predicts", says, studies, limit, unconfirmed / studies)
            if design is gaussian:
                yield Row(f"{case}; {n}", "p < 0.05", small, studies, "0.04 to 0.06")
    for r in (0.5, 0.7, 0.8):
        for n in UNITS:
            says, unconfirmed, _ = predicted(gaussian, n, studies, r=r)
            yield Row(f"true r {r}; {n}", "predicts", says, studies, "", unconfirmed / studies)
