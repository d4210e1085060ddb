"""Repeated-measures correlation, against a published example and statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from alignkit.statistics.variance.repeated_measures import repeated_measures

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


def _flat(nested):
    groups = np.repeat(np.arange(len(nested)), [len(one) for one in nested])
    return np.concatenate([np.asarray(one, float) for one in nested]), groups


def test_repeated_measures_on_bland_and_altman():
    """rmcorr and pingouin print -0.50677, 38 df, p = 0.000847 and [-0.71, -0.23]."""
    x, groups = _flat(PH)
    y, _ = _flat(PACO2)
    found = repeated_measures(x, y, groups)
    assert (found.n, found.groups, found.degrees_of_freedom) == (47, 8, 38)
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
    assert found.degrees_of_freedom == freedom
    assert found.r == pytest.approx(t / np.sqrt(t * t + freedom), abs=1e-8)
    assert found.p == pytest.approx(fitted.pvalues["x"], abs=1e-8)


def test_one_run_per_placement_has_nothing_within():
    assert repeated_measures(np.arange(5.0), np.arange(5.0), np.arange(5)) is None
