"""Correction of tests that share their arrangements: step-down max-T on any statistic."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import NOTHING, TIE


@dataclass(frozen=True, eq=False)
class JointTest:
    """One member of a family of tests whose units are rearranged jointly.

    Attributes
    ----------
    evidence : float
        The observed statistic on the scale of Student's t: larger is stronger. Its absolute
        value for a two-sided test; signed for a one-sided one.
    null : ndarray (m,)
        The same under each arrangement.
    df : int
        Degrees of freedom of the statistic, at least 1. Tests with different ones are compared
        at equal parametric p, because the same t is weaker evidence with fewer units.
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


def joint_p(test: JointTest) -> float:
    """Return the p of one test: the share of arrangements with at least as much evidence.

    With all m arrangements p is b / m; with a sample of m it is (1 + b) / (1 + m).
    """
    return _share(test.evidence, test.null, test.exact)


def joint_max_t(family: Sequence[JointTest]) -> list[float]:
    """Correct p-values by step-down max-T (Westfall and Young 1993, algorithm 4.1).

    One arrangement of the units serves all tests of a group, which keeps their dependence: the
    least corrected p is the least raw one, and tests that repeat each other cost nothing.
    Groups are combined as if independent, 1 - prod(1 - p of each group).

    Parameters
    ----------
    family : sequence of JointTest

    Returns
    -------
    list of float
        One corrected p per test, in the order given, never below its raw p.
    """
    tests = _on_one_scale(family)
    order = sorted(range(len(tests)), key=lambda i: tests[i].evidence)
    exact = {test.group: test.exact for test in tests}
    largest: dict[Hashable, np.ndarray] = {}
    adjusted = np.zeros(len(tests))
    for i in order:
        test = tests[i]
        null = largest.get(test.group)
        largest[test.group] = test.null if null is None else np.maximum(null, test.null)
        shares = [_share(test.evidence, null, exact[key]) for key, null in largest.items()]
        adjusted[i] = shares[0] if len(shares) == 1 else 1 - np.prod(1 - np.array(shares))
    adjusted[order] = np.maximum.accumulate(adjusted[order][::-1])[::-1]
    # At equal parametric p, a test can be ranked above another whose permutation p is smaller.
    return [max(float(p), joint_p(test)) for p, test in zip(adjusted, tests, strict=True)]


def _share(evidence: float, null: np.ndarray, exact: bool) -> float:
    threshold = evidence - max(abs(evidence) * TIE, NOTHING)
    extreme = int((null >= threshold).sum())
    return extreme / len(null) if exact else (1 + extreme) / (1 + len(null))


def _on_one_scale(family: Sequence[JointTest]) -> Sequence[JointTest]:
    """Turn statistics with different degrees of freedom into normal deviates of equal p."""
    if len({test.df for test in family}) < 2:
        return family
    return [
        JointTest(
            float(_deviates(np.array([test.evidence]), test.df)[0]),
            _deviates(test.null, test.df),
            test.df,
            test.group,
            test.exact,
        )
        for test in family
    ]


def _deviates(t: np.ndarray, df: int) -> np.ndarray:
    from scipy.special import ndtri, stdtr

    # By the lower tail of -|t|, which keeps its digits; beyond the smallest number, by |t|.
    size = np.minimum(np.abs(t), 1e6)
    tail = np.maximum(stdtr(df, -size), 1e-300)
    deviates: np.ndarray = -np.sign(t) * ndtri(tail)
    return deviates


def least_joint_p(test: JointTest) -> float:
    """Return the least p that the arrangements of a test could give it, alone.

    Parameters
    ----------
    test : JointTest
    """
    return _share(float(np.nanmax(test.null)), test.null, test.exact)
