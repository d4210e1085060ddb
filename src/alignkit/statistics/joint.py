"""Family-wise p over metrics and tasks at once, by the largest statistic of each permutation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import Orders, p_value


@dataclass(frozen=True, eq=False)
class Correlated:
    """One correlation of a family: units' values, and the permutations of these units."""

    x: np.ndarray
    y: np.ndarray
    r: float
    orders: Orders

    @property
    def n(self) -> int:
        return len(self.x)

    def null(self) -> np.ndarray:
        return self.orders.null(self.x, self.y)


def max_t(family: Sequence[Correlated]) -> list[float]:
    """Step-down max-T (Westfall and Young 1993, algorithm 4.1).

    Tests on the same units share their permutations, which keeps the (very strong)
    dependence between metrics, and between tasks with the same placements. Tests on other
    units have permutations of their own. Over such groups the nulls are combined as if
    independent, 1 - prod(1 - p of each group), which needs no pairing of permutations that
    do not belong together; for two-sided tests, dependence could only make that too large.
    A given |r| says more with more units, so |r| is compared between groups at equal
    parametric p.

    Returns
    -------
    list of float
        One adjusted p per test, in the order given.
    """
    weakest_first = sorted(family, key=_evidence)
    largest: dict[int, tuple[Correlated, np.ndarray]] = {}
    adjusted: dict[int, float] = {}
    for test in weakest_first:
        null, key = np.abs(test.null()), id(test.orders)
        if key in largest:
            null = np.maximum(null, largest[key][1])
        largest[key] = test, null
        adjusted[id(test)] = _any_as_large(test, list(largest.values()))
    floor = 0.0
    for test in reversed(weakest_first):
        floor = adjusted[id(test)] = max(floor, adjusted[id(test)])
    return [adjusted[id(test)] for test in family]


def _any_as_large(test: Correlated, groups: Sequence[tuple[Correlated, np.ndarray]]) -> float:
    """Chance that the largest of any group is as extreme as this test."""
    none = 1.0
    only: float | None = None
    for member, null in groups:
        only, _ = p_value(at_equal_p(test.r, test.n, member.n), null, member.orders.exact)
        none *= 1 - only
    return only if len(groups) == 1 and only is not None else 1 - none


def _evidence(test: Correlated) -> tuple[float, float]:
    """Grows with what |r| says at its number of units."""
    return _log_odds(test.r, test.n), abs(test.r)


def _log_odds(r: float, n: int) -> float:
    from scipy.stats import t as student

    if abs(r) >= 1:
        return math.inf
    # Rounded, so that equal correlations are not put in order by their last bit.
    return -round(float(student.logsf(_t(abs(r), n), n - 2)), 9)


def _t(r: float, n: int) -> float:
    return r * math.sqrt((n - 2) / (1 - r * r))


def at_equal_p(r: float, n: int, other_n: int) -> float:
    """The |r| over ``other_n`` units that has the parametric p of ``r`` over ``n``."""
    from scipy.stats import t as student

    if n == other_n or abs(r) >= 1:
        return abs(r)
    t = float(student.isf(student.sf(_t(abs(r), n), n - 2), other_n - 2))
    return 1.0 if math.isinf(t) else t / math.sqrt(other_n - 2 + t * t)
