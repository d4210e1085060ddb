"""The optimum: against statsmodels, a slow permutation and a known curve."""

from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm

from alignkit.statistics.quadratic import quadratic_fit


def _curve(rng, n=16, noise=0.05, at=0.4):
    x = rng.uniform(0, 1, n)
    return x, -2 * (x - at) ** 2 + noise * rng.normal(size=n)


def test_coefficients_and_gain_are_those_of_least_squares():
    x, y = _curve(np.random.default_rng(0))
    found = quadratic_fit(x, y)
    fits = [sm.OLS(y, sm.add_constant(np.column_stack(part))).fit() for part in ([x], [x, x**2])]
    assert found.coefficients == pytest.approx(tuple(fits[1].params), rel=1e-8)
    assert found.gain == pytest.approx(fits[1].rsquared - fits[0].rsquared, rel=1e-8)
    assert found.at == pytest.approx(-fits[1].params[1] / (2 * fits[1].params[2]), rel=1e-8)


def test_the_optimum_of_a_known_curve_is_found():
    found = quadratic_fit(*_curve(np.random.default_rng(1)))
    assert found.p < 0.01
    assert found.kind == "highest"
    assert found.within
    assert found.low < 0.4 < found.high


def test_fieller_covers_the_turning_point():
    rng = np.random.default_rng(2)
    found = [quadratic_fit(*_curve(rng, noise=0.1), n_permutations=9) for _ in range(400)]
    covered = [o.low is None or o.low <= 0.4 <= o.high for o in found]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_p_counts_the_permuted_residuals_of_the_linear_fit():
    rng = np.random.default_rng(3)
    x = rng.normal(size=6)
    y = x + 0.4 * x**2 + rng.normal(size=6)
    line = np.polyval(np.polyfit(x, y, 1), x)

    def statistic(y):
        rss = [np.sum((y - np.polyval(np.polyfit(x, y, degree), x)) ** 2) for degree in (1, 2)]
        return (rss[0] - rss[1]) / rss[0]

    null = [statistic(line + (y - line)[list(o)]) for o in permutations(range(6))]
    found = quadratic_fit(x, y)
    assert found.exact
    assert found.p == pytest.approx(np.mean(np.array(null) >= statistic(y) - 1e-9))


def test_a_line_has_no_optimum_and_the_level_holds():
    rng = np.random.default_rng(4)
    rejected, unbounded = 0, 0
    for _ in range(200):
        x = rng.normal(size=7)
        found = quadratic_fit(x, x + rng.normal(size=7))
        rejected += found.p <= 0.05
        unbounded += found.low is None
    assert rejected <= 20
    assert unbounded > 100


def test_what_cannot_be_tested_has_a_reason():
    assert "at least 6" in quadratic_fit(np.arange(5.0), np.arange(5.0)).reason
    assert "alignment is constant" in quadratic_fit(np.ones(8), np.arange(8.0)).reason
    assert "score is constant" in quadratic_fit(np.arange(8.0), np.ones(8)).reason
    assert "fewer than 4" in quadratic_fit(np.array([0, 0, 0, 1, 1, 1.0]), np.arange(6.0)).reason
