"""Permutation p: exact against scipy and loops, ties, draws that depend on nothing else."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from alignkit.statistics.permutation import (
    UnitPermutations,
    critical_r,
    null_correlations,
    null_kendall,
    p_value,
    unit_permutations,
)


def test_all_orders_are_there_once():
    order, exact = unit_permutations(5, 0, np.random.default_rng(0))
    assert exact
    assert {tuple(row) for row in order} == set(itertools.permutations(range(5)))
    assert len(order) == math.factorial(5)


def test_nine_units_are_counted_and_ten_drawn():
    assert UnitPermutations([str(i) for i in range(9)], 99, 0).exact
    ten = UnitPermutations([str(i) for i in range(10)], 99, 0)
    assert (len(ten), ten.exact) == (99, False)
    assert ten.seeds[0] == 0


def test_draws_depend_on_units_and_seed_alone():
    names = [f"p{i}" for i in range(12)]
    one, again = UnitPermutations(names, 50, 1), UnitPermutations(names, 50, 1)
    assert (one.indices == again.indices).all()
    assert (one.indices != UnitPermutations(names, 50, 2).indices).any()
    assert (one.indices != UnitPermutations([*names[:-1], "q"], 50, 1).indices).any()


def test_ties_are_counted_in_spite_of_rounding():
    x = np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    order, exact = unit_permutations(6, 0, np.random.default_rng(0))
    null = null_correlations(x[:, None], x * 3 + 0.1, order)
    _, extreme = p_value(float(np.corrcoef(x, x * 3 + 0.1)[0, 1]), null[:, 0], exact)
    assert extreme == 2 * 8  # equal values may swap (2^3 ways); and r = -1 exists too


def test_no_correlation_has_p_one():
    x, y = np.array([-2.0, -1, 0, 0, 1, 2]), np.array([0.4, 0.1, 0.2, 0.2, 0.1, 0.4])
    order, exact = unit_permutations(6, 0, np.random.default_rng(0))
    null = null_correlations(x[:, None], y, order)[:, 0]
    assert p_value(float(np.corrcoef(x, y)[0, 1]), null, exact)[0] == 1


@pytest.mark.parametrize("seed", range(3))
def test_exact_p_of_ranks_equals_scipys(seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 7))
    units = UnitPermutations("abcdefg", 0, 0)
    tau = scipy.stats.kendalltau(x, y, method="exact")
    mine = p_value(float(tau.statistic), null_kendall(x, y, units.indices), True)[0]
    assert mine == pytest.approx(tau.pvalue, abs=1e-12)
    rho = scipy.stats.spearmanr(x, y).statistic
    null = units.null(scipy.stats.rankdata(x), scipy.stats.rankdata(y))
    oracle = scipy.stats.permutation_test(
        (x,),
        lambda x: scipy.stats.spearmanr(x, y).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
    ).null_distribution
    assert p_value(float(rho), null, True)[0] == pytest.approx(
        (np.abs(oracle) >= abs(rho) - 1e-12).mean(), abs=1e-12
    )


def test_kendall_with_ties_is_tau_b():
    x, y = np.array([1, 1, 2, 3, 3, 4.0]), np.array([2, 1, 1, 5, 4, 4.0])
    null = null_kendall(x, y, np.arange(6)[None])
    assert null[0] == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-12)


@given(st.lists(st.integers(-50, 50), min_size=6, max_size=6, unique=True), st.floats(0.1, 9))
def test_p_is_invariant_to_scale_and_order(values, scale):
    x, y = np.array(values, float), np.array([3.0, 1, 4, 1.5, 9, 2.6])
    units = UnitPermutations("abcdef", 0, 0)

    def p(x, y):
        return p_value(float(np.corrcoef(x, y)[0, 1]), units.null(x, y), True)[0]

    assert p(x, y) == p(scale * x + 3, y) == p(-x, y) == p(y, x)


def test_critical_is_where_p_reaches_the_level():
    x, y = np.random.default_rng(0).standard_normal((2, 8))
    null = UnitPermutations("abcdefgh", 0, 0).null(x, y)
    least = critical_r(null)
    assert p_value(least, null, True)[0] >= 0.05
    assert p_value(least + 1e-6, null, True)[0] <= 0.05
