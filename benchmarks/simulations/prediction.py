"""Prediction of the score of a placement that was left out, and when "predicts" is said.

R^2 is that against the mean of the other placements; "predicts" needs R^2 above 0, a permutation
p below 0.05, and the robust tests of a verdict. ``before`` is what the first two would say. With a
control, alignment and performance are as in ``control``: half of either is the size of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import rankdata

from alignkit.statistics.controls import adjusted, orthonormal
from alignkit.statistics.correlation.prediction import left_out_r2
from alignkit.statistics.correlation.robust import turning_p, weaknesses
from alignkit.statistics.multiple_testing import min_p
from alignkit.statistics.permutation import UnitPermutations, p_value, studentised
from alignkit.statistics.requirements import is_constant
from simulations import control
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
    permutations = _permutations(units, rng, seed)
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


def predicted_with_control(
    units: int, studies: int, r: float = 0.0, seed: int = SEED
) -> tuple[int, int, int]:
    """Return the same, where the size of the model is controlled for."""
    rng = np.random.default_rng([seed, units, 1])
    permutations = _permutations(units, rng, seed)
    says = unconfirmed = small = 0
    metrics, ys, sizes = control.drawn(rng, (studies, units), r)
    for raw in zip(metrics[0], ys, sizes, strict=True):
        basis, ranks = (orthonormal(z[:, None]) for z in (raw[2], rankdata(raw[2])))
        x, y = (adjusted(values, basis) for values in raw[:2])
        by_rank = [adjusted(rankdata(values), ranks) for values in raw[:2]]
        if any(map(is_constant, by_rank)):  # not tested: the size explains all ranks
            continue
        r2 = left_out_r2(x, y, permutations, basis)
        significant = min_p([(r2, permutations)])[0][0] < 0.05
        small += significant
        unconfirmed += significant and r2[0] > 0
        if significant and r2[0] > 0:
            rho = float(np.corrcoef(*by_rank)[0, 1])
            spearman = permutations.null(*by_rank, ranks)
            by_error = permutations.studentised_null(x, y, basis)
            says += not weaknesses(
                {
                    "p_studentised": p_value(studentised(x, y), by_error, False)[0],
                    "p_spearman_adjusted": p_value(rho, spearman, False)[0],
                    "p_turn": turning_p(x, y, 1),
                }
            )
    return int(says), int(unconfirmed), int(small)


def _permutations(units: int, rng: np.random.Generator, seed: int) -> UnitPermutations:
    permutations = UnitPermutations([str(i) for i in range(units)], PERMUTATIONS, seed)
    if permutations.exact:  # a sample of them is enough here
        permutations.indices = rng.permuted(np.tile(np.arange(units), (PERMUTATIONS, 1)), axis=1)
        permutations.exact = False
    return permutations


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
    for n in UNITS:
        says, unconfirmed, small = predicted_with_control(n, studies)
        case = f"size explains half of both, controlled; {n}"
        yield Row(case, "predicts", says, studies, "at most 0.06", unconfirmed / studies)
        yield Row(case, "p < 0.05", small, studies, "0.04 to 0.06")
    for n in UNITS:
        says, unconfirmed, _ = predicted_with_control(n, studies, 0.7)
        case = f"true partial r 0.7, size controlled; {n}"
        yield Row(case, "predicts", says, studies, "", unconfirmed / studies)
