"""Variance between groups, against scipy, statsmodels and slow definitions."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import f_oneway

from alignkit.statistics.variance.decomposition import intraclass_correlation, permutation_anova

# Shrout and Fleiss 1979, table 2: four judges rate six targets.
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def _groups(rng, sizes, spread=1.0):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=len(sizes))[groups] * spread + rng.normal(size=len(groups)), groups


@pytest.mark.parametrize("sizes", [(3, 3, 3), (2, 4, 3, 1)])
def test_f_is_that_of_an_analysis_of_variance(sizes):
    values, groups = _groups(np.random.default_rng(0), sizes)
    share = permutation_anova(values, groups, n_permutations=99)
    f = f_oneway(*(values[groups == g] for g in range(len(sizes)))).statistic
    assert share.f == pytest.approx(f, rel=1e-10)
    k, n = len(sizes), len(values)
    assert share.eta_squared == pytest.approx((k - 1) * f / ((k - 1) * f + n - k), rel=1e-10)


def test_p_and_chance_are_those_of_all_permutations():
    values, groups = _groups(np.random.default_rng(3), (2, 2, 2))
    share = permutation_anova(values, groups, n_permutations=20_000, seed=1)
    every = [
        permutation_anova(values[list(o)], groups, n_permutations=1).eta_squared
        for o in permutations(range(6))
    ]
    exact = np.mean(np.array(every) >= share.eta_squared - 1e-12)
    assert share.p == pytest.approx(exact, abs=0.015)
    assert share.chance == pytest.approx(np.mean(every), rel=1e-10)


def test_groups_that_differ_are_found_and_equal_ones_are_not():
    rng = np.random.default_rng(0)
    values, groups = _groups(rng, [3] * 8, spread=5.0)
    assert permutation_anova(values, groups).p < 0.01
    assert permutation_anova(rng.normal(size=24), groups).p > 0.05


def test_intraclass_correlation_of_a_published_table():
    """ICC(1,1) is .17, with -.13 to .72, in table 4 and text of Shrout and Fleiss."""
    values = np.ravel(RATINGS).astype(float)
    icc, low, high = intraclass_correlation(values, np.repeat(np.arange(6), 4))
    assert (round(icc, 2), round(low, 2), round(high, 2)) == (0.17, -0.13, 0.72)
    assert icc == pytest.approx(0.1657, abs=1e-4)
    assert (low, high) == pytest.approx((-0.1329, 0.7226), abs=1e-3)


def test_what_cannot_be_tested_has_a_reason():
    assert "at least 2" in permutation_anova(np.arange(3.0), np.zeros(3)).reason
    assert "one run" in permutation_anova(np.arange(3.0), np.arange(3)).reason
    assert "constant" in permutation_anova(np.ones(4), np.array([0, 0, 1, 1])).reason
    assert intraclass_correlation(np.arange(3.0), np.arange(3)) is None


def test_intraclass_correlation_equals_an_analysis_of_variance():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(7), [3, 3, 2, 3, 4, 3, 1])
    values = rng.standard_normal(7)[groups] + 0.4 * rng.standard_normal(19)
    fitted = smf.ols("v ~ C(g)", pd.DataFrame({"v": values, "g": groups})).fit()
    between = fitted.ess / fitted.df_model
    within = fitted.mse_resid
    sizes = np.bincount(groups)
    size = (19 - (sizes**2).sum() / 19) / 6
    oracle = (between - within) / (between + (size - 1) * within)
    assert intraclass_correlation(values, groups)[0] == pytest.approx(oracle, abs=1e-8)
