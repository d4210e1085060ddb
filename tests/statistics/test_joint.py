"""Max-T: against loops, across tasks whose units differ, and its family-wise error."""

import itertools

import numpy as np
import pytest
import scipy.stats

from alignkit.statistics.joint import CorrelationTest, JointTest, joint_p, least_max_t, max_t
from alignkit.statistics.permutation import UnitPermutations


def _family(rng, groups=("a",), tests=3, df=6, m=40):
    return [
        JointTest(float(rng.normal() + 1), rng.normal(size=m), df, group, True)
        for group in groups
        for _ in range(tests)
    ]


def test_step_down_is_the_definition_of_westfall_and_young():
    family = _family(np.random.default_rng(0), tests=4)
    order = sorted(range(4), key=lambda i: -family[i].evidence)
    expected, floor = {}, 0.0
    for rank, i in enumerate(order):
        weaker = np.max([family[j].null for j in order[rank:]], axis=0)
        floor = max(floor, float(np.mean(weaker >= family[i].evidence)))
        expected[i] = floor
    assert max_t(family) == pytest.approx([expected[i] for i in range(4)])


def test_a_copy_of_a_test_costs_nothing():
    (test,) = _family(np.random.default_rng(1), tests=1)
    assert max_t([test, test, test]) == pytest.approx([joint_p(test)] * 3)


def test_unrelated_groups_are_combined_as_if_independent():
    first, second = _family(np.random.default_rng(2), ("a", "b"), tests=1)
    strongest = max((first, second), key=lambda test: test.evidence)
    shares = [np.mean(test.null >= strongest.evidence) for test in (first, second)]
    corrected = dict(zip(("a", "b"), max_t([first, second]), strict=True))
    assert corrected[strongest.group] == pytest.approx(1 - (1 - shares[0]) * (1 - shares[1]))


def test_statistics_with_other_degrees_of_freedom_are_compared_at_equal_p():
    null = np.linspace(-3, 3, 99)
    few, many = JointTest(2.5, null, 3, "a", True), JointTest(2.5, null, 60, "b", True)
    p = joint_p(many)
    assert max_t([few, many])[1] == pytest.approx(p), "t = 3 is no match with 3 df"
    assert max_t([many, many])[1] == pytest.approx(p)
    alike = [few, JointTest(2.5, null, 3, "b", True)]
    assert max_t(alike)[1] == pytest.approx(1 - (1 - p) ** 2)


def test_a_drawn_null_never_gives_a_p_of_zero():
    test = JointTest(9.0, np.zeros(99), 5, "a", False)
    assert max_t([test, test]) == pytest.approx([0.01, 0.01])


def _tested(x, y, orders):
    return CorrelationTest(x, y, float(np.corrcoef(x, y)[0, 1]), orders)


def _by_loops(tests):
    """Algorithm 4.1 of Westfall and Young, written out."""
    rank = sorted(range(len(tests)), key=lambda i: -abs(tests[i].r))
    counts = np.zeros(len(tests))
    permutations = list(itertools.permutations(range(len(tests[0].x))))
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


def test_correlations_over_other_units_are_compared_at_equal_p():
    rng = np.random.default_rng(3)
    six, twelve = UnitPermutations("abcdef", 0, 0), UnitPermutations("abcdefghijkl", 999, 0)
    tests = [_tested(*rng.standard_normal((2, n)), p) for n, p in ((6, six), (12, twelve))]
    strong = min(tests, key=lambda test: _p(test.evidence, len(test.x)))
    limit = _p(strong.evidence, len(strong.x)) * (1 + 1e-9)
    counts = [(_p(test.null, len(test.x)) <= limit).sum() for test in tests]
    p = counts[0] / 720, (1 + counts[1]) / 1000
    adjusted = max_t(tests)[tests.index(strong)]
    assert adjusted == pytest.approx(1 - (1 - p[0]) * (1 - p[1]))


def _p(r, n):
    return 2 * scipy.stats.t.sf(r * np.sqrt((n - 2) / (1 - r * r)), n - 2)


def test_least_p_is_that_of_the_best_arrangement():
    rng = np.random.default_rng(6)
    six, seven = UnitPermutations("abcdef", 0, 0), UnitPermutations("abcdefg", 0, 0)
    x = np.arange(6.0)
    tied = _tested(x, np.array([0.0, 0, 0, 1, 1, 1]), six)
    assert least_max_t([tied]) == pytest.approx([2 * 36 / 720]), "ties are arrangements too"
    perfect = _tested(x, x + 1e-6 * rng.standard_normal(6), six)
    assert least_max_t([perfect, perfect]) == pytest.approx(max_t([perfect, perfect]))
    apart = [perfect, _tested(*rng.standard_normal((2, 7)), seven)]
    assert all(p >= least for p, least in zip(max_t(apart), least_max_t(apart), strict=True))


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
