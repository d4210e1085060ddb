"""Against independent implementations (statsmodels) and worked examples that were published."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.formula.api as smf
from statsmodels.stats.multitest import multipletests

from alignkit.errors import UsageError
from alignkit.statistics.adjust import benjamini_hochberg, holm
from alignkit.statistics.consistency import parametric_p
from alignkit.statistics.dependent import fisher_interval, williams, zou
from alignkit.statistics.shares import intraclass
from alignkit.statistics.tasks import effective_n, most_influential
from alignkit.statistics.within import repeated_measures

# Bland and Altman 1995: intramural pH and PaCO2 of eight subjects.
PH = [
    [6.68, 6.53, 6.43, 6.33],
    [6.85, 7.06, 7.13, 7.17],
    [7.40, 7.42, 7.41, 7.37, 7.34, 7.35, 7.28, 7.30, 7.34],
    [7.36, 7.33, 7.29, 7.30, 7.35],
    [7.35, 7.30, 7.30, 7.37, 7.27, 7.28, 7.32, 7.32],
    [7.38, 7.30, 7.29, 7.33, 7.31, 7.33],
    [6.86, 6.94, 6.92],
    [7.19, 7.29, 7.21, 7.25, 7.20, 7.19, 6.77, 6.82],
]
PACO2 = [
    [3.97, 4.12, 4.09, 3.97],
    [5.27, 5.37, 5.41, 5.44],
    [5.67, 3.64, 4.32, 4.73, 4.96, 5.04, 5.22, 4.82, 5.07],
    [5.67, 5.10, 5.53, 4.75, 5.51],
    [4.28, 4.44, 4.32, 3.23, 4.46, 4.72, 4.75, 4.99],
    [4.78, 4.73, 5.12, 4.93, 5.03, 4.93],
    [6.85, 6.44, 6.52],
    [5.28, 4.56, 4.34, 4.32, 4.41, 3.69, 6.09, 5.58],
]
# Shrout and Fleiss 1979, table 2: four judges rate six targets.
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def _flat(nested):
    groups = np.repeat(np.arange(len(nested)), [len(one) for one in nested])
    return np.concatenate([np.asarray(one, float) for one in nested]), groups


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


@pytest.mark.parametrize("n", [4, 8, 24])
def test_parametric_p_equals_scipys_for_pearson_and_spearman(n):
    x, y = np.random.default_rng(n).standard_normal((2, n))
    for test in (scipy.stats.pearsonr, scipy.stats.spearmanr):
        found = test(x, y)
        assert parametric_p(found.statistic, n) == pytest.approx(found.pvalue, abs=1e-10)


def test_fishers_interval_equals_scipys():
    x, y = np.random.default_rng(0).standard_normal((2, 9))
    found = scipy.stats.pearsonr(x, y)
    for level in (0.8, 0.95):
        oracle = tuple(found.confidence_interval(level))
        assert fisher_interval(found.statistic, 9, level) == pytest.approx(oracle, abs=1e-12)


def test_repeated_measures_on_bland_and_altman():
    """rmcorr and pingouin print -0.50677, 38 df, p = 0.000847 and [-0.71, -0.23]."""
    x, groups = _flat(PH)
    y, _ = _flat(PACO2)
    found = repeated_measures(x, y, groups)
    assert (found.n, found.groups, found.freedom) == (47, 8, 38)
    assert round(found.r, 5) == -0.50677
    assert round(found.p, 6) == 0.000847
    assert (round(found.low, 2), round(found.high, 2)) == (-0.71, -0.23)


@pytest.mark.parametrize("seed", range(3))
def test_repeated_measures_equals_an_analysis_of_covariance(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(6), [2, 3, 3, 4, 1, 3])
    x = rng.standard_normal(16) + 10 * groups
    y = 0.8 * (x - 10 * groups) + rng.standard_normal(16) - 20 * groups
    found = repeated_measures(x, y, groups)
    frame = pd.DataFrame({"x": x, "y": y, "g": groups})
    fitted = smf.ols("y ~ x + C(g)", frame).fit()
    t, freedom = fitted.tvalues["x"], fitted.df_resid
    assert found.freedom == freedom
    assert found.r == pytest.approx(t / np.sqrt(t * t + freedom), abs=1e-8)
    assert found.p == pytest.approx(fitted.pvalues["x"], abs=1e-8)


def test_one_run_per_placement_has_nothing_within():
    assert repeated_measures(np.arange(5.0), np.arange(5.0), np.arange(5)) is None


def test_intraclass_correlation_of_shrout_and_fleiss():
    """ICC(1,1) is .17, with -.13 to .72, in their table 4 and text."""
    values, groups = _flat(RATINGS)
    icc, low, high = intraclass(values, groups)
    assert (round(icc, 2), round(low, 2), round(high, 2)) == (0.17, -0.13, 0.72)


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
    assert intraclass(values, groups)[0] == pytest.approx(oracle, abs=1e-8)


def test_effective_n_between_units_and_runs():
    assert effective_n(np.full(8, 3), 1.0) == pytest.approx(8)
    assert effective_n(np.full(8, 3), 0.0) == pytest.approx(24)
    assert effective_n(np.full(5, 3), 0.72) == pytest.approx(15 / 2.44)
    assert effective_n(np.full(8, 3), -0.2) == pytest.approx(24)


def test_cooks_distance_equals_statsmodels():
    x, y = np.random.default_rng(3).standard_normal((2, 9))
    fitted = smf.ols("y ~ x", pd.DataFrame({"x": x, "y": y})).fit()
    oracle = fitted.get_influence().cooks_distance[0]
    name, distance = most_influential(x, y, [str(i) for i in range(9)])
    assert int(name) == oracle.argmax()
    assert distance == pytest.approx(oracle.max(), abs=1e-8)


def test_williams_on_published_numbers():
    """DEPCOR (Silver, Hittner and May 2006) prints t = -1.0767, p = .2843 for this input."""
    t, p = williams(0.3, 0.4, 0.5, 100)
    assert (round(t, 4), round(p, 4)) == (-1.0767, 0.2843)


def test_williams_holds_its_level_over_ten_units():
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(2000):
        z, x, y = rng.standard_normal((3, 10))
        y = 0.8 * x + 0.6 * y
        r = np.corrcoef([x, y, z])
        sizes.append(williams(r[0, 2], r[1, 2], r[0, 1], 10)[1] < 0.05)
    assert 0.035 < np.mean(sizes) < 0.065


def test_zou_on_published_numbers():
    """Zou 2007, example 2: -.093 to .517."""
    low, high = zou(0.396, 0.179, 0.088, 66)
    assert (round(low, 3), round(high, 3)) == (-0.093, 0.517)
    # An example with .83, .16, .19 and n = 30 has .32 to 1.04 in R's cocor.
    low, high = zou(0.83, 0.16, 0.19, 30)
    assert (round(low, 2), round(high, 2)) == (0.32, 1.04)


def test_zous_interval_covers():
    """95 % intervals of a difference hold the true one about 95 times in 100."""
    rng = np.random.default_rng(1)
    cov = np.array([[1, 0.7, 0.6], [0.7, 1, 0.3], [0.6, 0.3, 1]])
    root = np.linalg.cholesky(cov)
    held = 0
    for _ in range(2000):
        r = np.corrcoef(root @ rng.standard_normal((3, 20)))
        low, high = zou(r[0, 2], r[1, 2], r[0, 1], 20)
        held += low <= 0.3 <= high
    assert 0.93 < held / 2000 < 0.97


def test_the_same_metric_twice_does_not_differ():
    assert williams(0.6, 0.6, 1.0, 8) == (0.0, 1.0)
    assert zou(0.6, 0.6, 1.0, 8) == pytest.approx((0, 0), abs=1e-7)


@pytest.mark.parametrize(
    ("r", "n", "message"),
    [
        ((0.9, 0.9, -0.9), 10, "no data have the correlations"),
        ((0.1, 0.2, 0.3), 3, "needs at least 4"),
        ((1.1, 0.2, 0.3), 9, "between -1 and 1"),
    ],
)
def test_impossible_input(r, n, message):
    for test in (williams, zou):
        with pytest.raises(UsageError, match=message):
            test(*r, n)
