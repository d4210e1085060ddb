"""Correction of tests that share their arrangements: step-down max-T on any statistic."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alignkit.statistics.permutation import UnitPermutations, one_sided_p


class ArrangedTest(Protocol):
    """One member of a family of tests whose units are rearranged jointly."""

    @property
    def evidence(self) -> float:
        """The observed statistic: larger is stronger."""

    @property
    def null(self) -> np.ndarray:
        """The same under each arrangement, ``(m,)``."""

    @property
    def df(self) -> int:
        """Degrees of freedom of the statistic, at least 1."""

    @property
    def group(self) -> Hashable:
        """Tests of one group have the same arrangements, in the same order."""

    @property
    def exact(self) -> bool:
        """Whether these are all arrangements."""

    def as_t(self, statistic: np.ndarray) -> np.ndarray:
        """Return statistics of this test on the scale of Student's t."""


@dataclass(frozen=True, eq=False)
class JointTest:
    """A test by Student's t.

    Attributes
    ----------
    evidence : float
        The observed t; its absolute value for a two-sided test, signed for a one-sided one.
    null : ndarray (m,)
        The same under each arrangement.
    df : int
        Degrees of freedom, at least 1.
    group : hashable
        Tests of one group have the same arrangements, in the same order.
    exact : bool
        Whether these are all arrangements.
    """

    evidence: float
    null: np.ndarray
    df: int
    group: Hashable
    exact: bool

    def as_t(self, statistic: np.ndarray) -> np.ndarray:
        """Return the statistics as they are."""
        return statistic


@dataclass(frozen=True, eq=False)
class CorrelationTest:
    """A two-sided test of Pearson's r, whose null is computed each time it is asked for.

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
    def evidence(self) -> float:
        """The observed |r|."""
        return abs(self.r)

    @property
    def null(self) -> np.ndarray:
        """|r| under every permutation, ``(m,)``."""
        size: np.ndarray = np.abs(self.permutations.null(self.x, self.y, self.controls))
        return size

    @property
    def df(self) -> int:
        """Units less two and the number of controls."""
        return len(self.x) - 2 - (0 if self.controls is None else int(self.controls.shape[1]))

    @property
    def group(self) -> int:
        """Identity of the permutations."""
        return id(self.permutations)

    @property
    def exact(self) -> bool:
        """Whether these are all permutations."""
        return self.permutations.exact

    def as_t(self, statistic: np.ndarray) -> np.ndarray:
        """Return the t of correlations; beyond the largest number where |r| is 1."""
        with np.errstate(divide="ignore"):
            t: np.ndarray = statistic * np.sqrt(self.df / np.maximum(1 - statistic**2, 0))
        return t


def joint_p(test: ArrangedTest) -> float:
    """Return the p of one test: the share of arrangements with at least as much evidence.

    With all m arrangements p is b / m; with a sample of m it is (1 + b) / (1 + m).
    """
    return one_sided_p(test.evidence, test.null, test.exact)


def max_t(family: Sequence[ArrangedTest]) -> list[float]:
    """Correct p-values by step-down max-T (Westfall and Young 1993, algorithm 4.1).

    One arrangement of the units serves all tests of a group, which keeps their (very strong)
    dependence: the least corrected p is the least raw one, and tests that repeat each other
    cost nothing. Tests on other units have arrangements of their own. Across such groups the
    nulls are combined as if independent, 1 - prod(1 - p of each group), so that unrelated
    arrangements need not be paired; for two-sided tests, dependence could only make that p too
    large. The same statistic is weaker evidence with fewer degrees of freedom, so tests that
    differ in them are compared at equal parametric p.

    Parameters
    ----------
    family : sequence of JointTest or CorrelationTest

    Returns
    -------
    list of float
        One corrected p per test, in the order given, never below its raw p.
    """
    on_one_scale = _scale(family)
    evidence = [on_one_scale(test, np.array([test.evidence]))[0] for test in family]
    weakest_first = sorted(range(len(family)), key=lambda i: (evidence[i], family[i].evidence))
    largest: dict[Hashable, tuple[np.ndarray, bool]] = {}
    raw, adjusted = np.zeros(len(family)), np.zeros(len(family))
    for i in weakest_first:
        test = family[i]
        null = test.null
        raw[i] = one_sided_p(test.evidence, null, test.exact)
        null = on_one_scale(test, null)
        if test.group in largest:
            null = np.maximum(null, largest[test.group][0])
        largest[test.group] = null, test.exact
        adjusted[i] = _p_of_maximum(evidence[i], largest.values())
    strongest_first = weakest_first[::-1]
    adjusted[strongest_first] = np.maximum.accumulate(adjusted[strongest_first])
    # At equal parametric p, a test can be ranked above another whose permutation p is smaller.
    return [float(p) for p in np.maximum(adjusted, raw)]


def least_max_t(family: Sequence[ArrangedTest]) -> list[float]:
    """Return the least p that ``max_t`` could give each test, were its units arranged at best.

    Several tests on the same units may be most extreme together, so a group counts once: the
    least corrected p is that of the most extreme arrangement of the test's own units, combined
    with the other groups.

    Parameters
    ----------
    family : sequence of JointTest or CorrelationTest

    Returns
    -------
    list of float
        One p per test, in the order given; it depends on ties, on the number of units and on
        the number of arrangements.
    """
    on_one_scale = _scale(family)
    groups = {test.group: test for test in family}
    of_groups = {key: (on_one_scale(test, test.null), test.exact) for key, test in groups.items()}
    least = []
    for test in family:
        null = test.null
        alone = one_sided_p(float(np.nanmax(null)), null, test.exact)
        null = on_one_scale(test, null)
        groups_with_mine = of_groups | {test.group: (null, test.exact)}
        joint = _p_of_maximum(float(np.nanmax(null)), groups_with_mine.values())
        least.append(max(joint, alone))
    return least


class _Scale(Protocol):
    def __call__(self, test: ArrangedTest, statistic: np.ndarray) -> np.ndarray:
        """Return statistics of a test on a scale that the whole family shares."""


def _scale(family: Sequence[ArrangedTest]) -> _Scale:
    """Return normal deviates of equal p where tests differ in kind or degrees of freedom."""
    if len({(type(test), test.df) for test in family}) < 2:
        return lambda _test, statistic: statistic
    return lambda test, statistic: _deviates(test.as_t(statistic), test.df)


def _deviates(t: np.ndarray, df: int) -> np.ndarray:
    from scipy.special import ndtri, stdtr

    # By the lower tail of -|t|, which keeps its digits; beyond the smallest number, by |t|.
    size = np.minimum(np.abs(t), 1e6)
    tail = np.maximum(stdtr(df, -size), 1e-300)
    deviates: np.ndarray = -np.sign(t) * ndtri(tail)
    return deviates


def _p_of_maximum(evidence: float, groups: Iterable[tuple[np.ndarray, bool]]) -> float:
    """Return the chance that the maximum of any group shows at least as much evidence."""
    shares = [one_sided_p(evidence, null, exact) for null, exact in groups]
    return shares[0] if len(shares) == 1 else 1 - float(np.prod([1 - p for p in shares]))
