"""Max-T: against loops, across tasks whose units differ, and its family-wise error."""

import itertools

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from alignkit.statistics.multiple_testing import (
    CorrelationTest,
    at_equal_p,
    benjamini_hochberg,
    holm,
    max_t,
)
from alignkit.statistics.permutation import UnitPermutations


@pytest.mark.parametrize("seed", range(5))
def test_holm_and_benjamini_hochberg_equal_statsmodels(seed):
    p = np.random.default_rng(seed).random(23) ** 3
    p[3] = p[7]  # a tie
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def test_holm_and_benjamini_hochberg_on_a_worked_example():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    with_gap = np.array([0.01, np.nan, 0.03])
    assert holm(with_gap)[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(holm(with_gap)[1])


def _tested(x, y, orders):
    return CorrelationTest(x, y, float(np.corrcoef(x, y)[0, 1]), orders)


def _by_loops(tests):
    """Algorithm 4.1 of Westfall and Young, written out."""
    rank = sorted(range(len(tests)), key=lambda i: -abs(tests[i].r))
    counts = np.zeros(len(tests))
    permutations = list(itertools.permutations(range(tests[0].n)))
    for order in permutations:
        u = 0.0
        for i in reversed(rank):
            u = max(u, abs(np.corrcoef(tests[i].x, tests[i].y[list(order)])[0, 1]))
            counts[i] += u >= abs(tests[i].r) - 1e-9
    adjusted = counts / len(permutations)
    for before, after in itertools.pairwise(rank):
        adjusted[after] = max(adjusted[after], adjusted[before])
    return adjusted


def test_against_loops():
    rng = np.random.default_rng(0)
    orders = UnitPermutations("abcde", 0, 0)
    outcomes = rng.standard_normal((2, 5))
    tests = [
        _tested(x, y, orders) for x, y in itertools.product(rng.standard_normal((3, 5)), outcomes)
    ]
    assert max_t(tests) == pytest.approx(_by_loops(tests), abs=1e-12)


def test_one_test_keeps_its_p():
    x, y = np.random.default_rng(1).standard_normal((2, 6))
    orders = UnitPermutations("abcdef", 0, 0)
    null = np.abs(orders.null(x, y))
    test = _tested(x, y, orders)
    assert max_t([test]) == [pytest.approx((null >= abs(test.r) - 1e-9).mean())]


def test_a_copy_of_a_metric_costs_nothing():
    """Max-T knows that jaccard and mknn are one measurement; Holm does not."""
    x, y = np.random.default_rng(2).standard_normal((2, 7))
    orders = UnitPermutations("abcdefg", 0, 0)
    alone = max_t([_tested(x, y, orders)])
    both = max_t([_tested(x, y, orders), _tested(2 * x + 1, y, orders)])
    assert both == [alone[0], alone[0]]


def test_groups_of_other_units_are_combined_as_if_independent():
    rng = np.random.default_rng(3)
    six, twelve = UnitPermutations("abcdef", 0, 0), UnitPermutations("abcdefghijkl", 999, 0)
    one = _tested(*rng.standard_normal((2, 6)), six)
    other = _tested(*rng.standard_normal((2, 12)), twelve)
    adjusted = dict(zip("ab", max_t([one, other]), strict=True))
    strong, weak = sorted(
        (one, other), key=lambda t: -scipy.stats.pearsonr(t.x, t.y).pvalue, reverse=True
    )
    key = "a" if strong is one else "b"
    here = np.abs(strong.null())
    there = np.abs(weak.null())
    c = at_equal_p(strong.r, strong.n, weak.n)
    counts = [(here >= abs(strong.r) - 1e-9).sum(), (there >= c - 1e-9).sum()]
    p = [
        count / 720 if group.permutations.exact else (1 + count) / 1000
        for count, group in zip(counts, (strong, weak), strict=True)
    ]
    assert adjusted[key] == pytest.approx(1 - (1 - p[0]) * (1 - p[1]))


def test_no_corrected_p_is_zero_or_depends_on_the_order_given():
    rng = np.random.default_rng(4)
    x = np.arange(6.0)
    six, fourteen = UnitPermutations("abcdef", 0, 0), UnitPermutations("abcdefghijklmn", 99, 0)
    tests = [
        _tested(x, x + 1e-3 * rng.standard_normal(6), six),
        _tested(*rng.standard_normal((2, 14)), fourteen),
        _tested(*rng.standard_normal((2, 14)), fourteen),
    ]
    adjusted = max_t(tests)
    assert min(adjusted) >= 2 / 720
    assert max_t(tests[::-1]) == adjusted[::-1]


@pytest.mark.parametrize(("r", "n", "other"), [(0.7, 8, 14), (0.2, 14, 6), (-0.9, 6, 24)])
def test_equal_evidence_has_equal_p(r, n, other):
    def p(r, n):
        t = r * np.sqrt((n - 2) / (1 - r * r))
        return 2 * scipy.stats.t.sf(abs(t), n - 2)

    assert p(at_equal_p(r, n, other), other) == pytest.approx(p(r, n))


@pytest.mark.parametrize(("small", "large"), [(7, 7), (6, 8), (7, 12)])
def test_family_wise_error(small, large):
    """Two tasks, the second with more placements; four correlated metrics; no association."""
    rng = np.random.default_rng(5)
    names = [f"p{i}" for i in range(large)]
    few, many = UnitPermutations(names[:small], 0, 0), UnitPermutations(names, 399, 0)
    wrong, studies = 0, 300
    for _ in range(studies):
        common = rng.standard_normal(large)
        metrics = common + 0.5 * rng.standard_normal((4, large))
        y = rng.standard_normal(large)
        other = 0.7 * y + 0.7 * rng.standard_normal(large)
        tests = [_tested(m[:small], y[:small], few) for m in metrics]
        tests += [_tested(m, other, many if large != small else few) for m in metrics]
        wrong += min(max_t(tests)) < 0.05
    assert wrong / studies < 0.085  # 0.05 and three standard errors
