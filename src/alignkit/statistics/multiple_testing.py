"""Corrections for many tests: Holm, Benjamini and Hochberg, and max-T by permutation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from alignkit.statistics.permutation import NOTHING, TIE, UnitPermutations, p_value


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for the family-wise error rate (Holm 1979).

    Parameters
    ----------
    p : ndarray (tests,)
        NaN marks a test that was not made; it stays NaN and does not count.

    Returns
    -------
    ndarray (tests,)
        Corrected p-values, 0 to 1, in the order given.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for the false discovery rate (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p : ndarray (tests,)
        NaN marks a test that was not made; it stays NaN and does not count.

    Returns
    -------
    ndarray (tests,)
        Corrected p-values, 0 to 1, in the order given.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="bh")
    return adjusted


@dataclass(frozen=True, eq=False)
class CorrelationTest:
    """One member of a family of tests.

    Attributes
    ----------
    x, y : ndarray (n,)
        The two variables over units.
    r : float
        Their Pearson correlation.
    permutations : UnitPermutations
        Of these units; tests on the same units share one object.
    controls : ndarray (n, k), optional
        Centred orthonormal columns, of which x and y are independent.
    """

    x: np.ndarray
    y: np.ndarray
    r: float
    permutations: UnitPermutations
    controls: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of units, less that of controls."""
        return len(self.x) - (0 if self.controls is None else int(self.controls.shape[1]))

    def null(self) -> np.ndarray:
        """Return Pearson's r under every permutation, ``(m,)``."""
        return self.permutations.null(self.x, self.y, self.controls)


def max_t(family: Sequence[CorrelationTest]) -> list[float]:
    """Correct p-values by step-down max-T (Westfall and Young 1993, algorithm 4.1).

    Tests on the same units share their permutations, which preserves the (very strong)
    dependence between metrics, and between tasks with the same placements. Tests on other
    units have permutations of their own. Across such groups the nulls are combined as if
    independent, 1 - prod(1 - p of each group), so that unrelated permutations need not be
    paired; for two-sided tests, dependence could only make that p-value too large.
    The same |r| is stronger evidence with more units, so groups are compared at equal
    parametric p.

    Parameters
    ----------
    family : sequence of CorrelationTest

    Returns
    -------
    list of float
        One corrected p per test, in the order given.
    """
    weakest_first = sorted(family, key=_evidence)
    largest: dict[int, tuple[CorrelationTest, np.ndarray]] = {}
    adjusted: dict[int, float] = {}
    for test in weakest_first:
        null, key = np.abs(test.null()), id(test.permutations)
        if key in largest:
            null = np.maximum(null, largest[key][1])
        largest[key] = test, null
        adjusted[id(test)] = _p_of_maximum(test, list(largest.values()))
    floor = 0.0
    for test in reversed(weakest_first):
        floor = adjusted[id(test)] = max(floor, adjusted[id(test)])
    return [adjusted[id(test)] for test in family]


def least_max_t(family: Sequence[CorrelationTest]) -> list[float]:
    """Return the least p that max-T could give each test, were its units arranged at best.

    Several tests on the same units may be most extreme together, so a group counts once: the
    least corrected p is that of the most extreme arrangement of the test's own units, combined
    with the other groups as in ``max_t``.

    Parameters
    ----------
    family : sequence of CorrelationTest

    Returns
    -------
    list of float
        One p per test, in the order given; it depends on ties, on the number of units and on
        the number of permutations.
    """
    groups = {id(test.permutations): test for test in family}
    of_groups = {key: (test, np.abs(test.null())) for key, test in groups.items()}
    least = []
    for test in family:
        null = np.abs(test.null())
        mine = {id(test.permutations): (test, null)}
        best = replace(test, r=float(null.max()))
        least.append(_p_of_maximum(best, list((of_groups | mine).values())))
    return least


def _p_of_maximum(
    test: CorrelationTest, groups: Sequence[tuple[CorrelationTest, np.ndarray]]
) -> float:
    """Return the chance that the maximum of any group is as extreme as a test."""
    p_none = 1.0
    p_group: float | None = None
    for member, null in groups:
        r = at_equal_p(test.r, test.n, member.n)
        p_group, _ = p_value(r, null, member.permutations.exact)
        p_none *= 1 - p_group
    return p_group if len(groups) == 1 and p_group is not None else 1 - p_none


def _evidence(test: CorrelationTest) -> tuple[float, float]:
    """Return a sort key that grows with the evidence of |r| given its number of units."""
    return _minus_log_p(test.r, test.n), abs(test.r)


def _minus_log_p(r: float, n: int) -> float:
    from scipy.stats import t as student

    if abs(r) >= 1:
        return math.inf
    # Rounded, so that the last bit does not decide the order of equal correlations.
    return -round(float(student.logsf(_t_statistic(abs(r), n), n - 2)), 9)


def _t_statistic(r: float, n: int) -> float:
    return r * math.sqrt((n - 2) / (1 - r * r))


def at_equal_p(r: float, n: int, other_n: int) -> float:
    """Return the |r| over ``other_n`` units that has the parametric p of ``r`` over ``n`` units.

    Parameters
    ----------
    r : float
        From -1 to 1.
    n, other_n : int
        Numbers of units, at least 3.
    """
    from scipy.stats import t as student

    if n == other_n or abs(r) >= 1:
        return abs(r)
    t = float(student.isf(student.sf(_t_statistic(abs(r), n), n - 2), other_n - 2))
    return 1.0 if math.isinf(t) else t / math.sqrt(other_n - 2 + t * t)


class _Permutations(Protocol):
    """Permutations that several tests share."""

    @property
    def exact(self) -> bool:
        """Whether these are all permutations."""


def min_p(family: Sequence[tuple[np.ndarray, _Permutations]]) -> list[tuple[float, float]]:
    """Return the one-sided p of each test, and that corrected by min-p (Westfall and Young 1993).

    For statistics whose size does not tell their evidence: each is compared with its own null,
    and the smallest p of any test with that under the same permutation. Groups of tests on
    other units are combined as in ``max_t``.

    Parameters
    ----------
    family : sequence of (values, permutations)
        The observed statistic and, after it, that under every permutation, ``(1 + m,)``; larger
        is more extreme. Tests on the same units share their permutations.

    Returns
    -------
    list of (p, corrected p)
    """
    smallest: dict[int, np.ndarray] = {}
    counted = []
    for values, permutations in family:
        null = np.sort(values[1:])
        slack = np.maximum(np.abs(values) * TIE, NOTHING)
        beyond = len(null) - np.searchsorted(null, values - slack, side="left")
        counted.append(beyond[0])
        key = id(permutations)
        smallest[key] = np.minimum(smallest.get(key, beyond[1:]), beyond[1:])
    exact = {id(permutations): permutations.exact for _, permutations in family}
    result = []
    for (values, permutations), observed in zip(family, counted, strict=True):
        m = len(values) - 1
        p_groups = []
        for key, counts in smallest.items():
            # At equal shares, as groups may have other numbers of permutations.
            as_extreme = int((counts / len(counts) <= observed / m + NOTHING).sum())
            p_groups.append(_share(as_extreme, len(counts), exact[key]))
        p = _share(int(observed), m, permutations.exact)
        corrected = p_groups[0]
        if len(p_groups) > 1:
            corrected = 1 - math.prod(1 - p_group for p_group in p_groups)
        result.append((p, max(p, corrected)))
    return result


def _share(count: int, permutations: int, exact: bool) -> float:
    return count / permutations if exact else (1 + count) / (1 + permutations)
