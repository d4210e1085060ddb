"""The optimum: against statsmodels, a slow permutation and a known curve."""

from itertools import permutations as orders

import numpy as np
import pytest
import statsmodels.api as sm

from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.quadratic import curvature_tests, quadratic_fit


def _fit(x, y, n_permutations=999):
    return quadratic_fit(x, y, UnitPermutations(list(map(str, range(len(x)))), n_permutations, 0))


def _curve(rng, n=16, noise=0.05, at=0.4):
    x = rng.uniform(0, 1, n)
    return x, -2 * (x - at) ** 2 + noise * rng.normal(size=n)


def test_coefficients_and_gain_are_those_of_least_squares():
    x, y = _curve(np.random.default_rng(0))
    fit = _fit(x, y)
    fits = [sm.OLS(y, sm.add_constant(np.column_stack(part))).fit() for part in ([x], [x, x**2])]
    assert fit.coefficients == pytest.approx(tuple(fits[1].params), rel=1e-8)
    assert fit.gain == pytest.approx(fits[1].rsquared - fits[0].rsquared, rel=1e-8)
    assert fit.at == pytest.approx(-fits[1].params[1] / (2 * fits[1].params[2]), rel=1e-8)


def test_the_optimum_of_a_known_curve_is_fit():
    fit = _fit(*_curve(np.random.default_rng(1)))
    assert fit.p < 0.01
    assert fit.kind == "highest"
    assert fit.within
    assert fit.low < 0.4 < fit.high


def test_fieller_covers_the_turning_point():
    rng = np.random.default_rng(2)
    fits = [_fit(*_curve(rng, noise=0.1), n_permutations=9) for _ in range(400)]
    covered = [fit.low is None or fit.low <= 0.4 <= fit.high for fit in fits]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_p_counts_the_permuted_residuals_of_the_linear_fit():
    rng = np.random.default_rng(3)
    x = rng.normal(size=6)
    y = x - 0.4 * x**2 + rng.normal(size=6)
    line = np.polyval(np.polyfit(x, y, 1), x)

    def statistic(y):
        fit = sm.OLS(y, sm.add_constant(np.column_stack([x, x**2]))).fit()
        hat = fit.get_influence().hat_matrix_diag
        scaled = fit.resid**2 / (1 - hat) ** np.minimum(4, 6 * hat / 3)
        inverse = np.linalg.inv(fit.model.exog.T @ fit.model.exog) @ fit.model.exog.T
        return fit.params[2] / np.sqrt((inverse[2] ** 2 * scaled).sum())

    null = np.array([statistic(line + (y - line)[list(order)]) for order in orders(range(6))])
    fit = _fit(x, y)
    assert fit.exact
    assert fit.t == pytest.approx(statistic(y))
    assert fit.p == pytest.approx(np.mean(null <= statistic(y) + 1e-9))
    assert fit.p_lowest == pytest.approx(np.mean(null >= statistic(y) - 1e-9))


def test_a_line_has_no_optimum_and_the_level_holds():
    rng = np.random.default_rng(4)
    rejected, unbounded, optima = 0, 0, 0
    for _ in range(200):
        x = rng.normal(size=7)
        fit = _fit(x, x + rng.normal(size=7))
        rejected += fit.p <= 0.05
        unbounded += fit.low is None
        optima += fit.bent and fit.within and fit.both_sides
    assert rejected <= 20
    assert unbounded > 100
    assert optima <= 12


def test_a_logarithm_bends_but_does_not_turn():
    x = np.linspace(0, 1, 30)
    y = np.log(x + 0.05) + 0.2 * np.random.default_rng(5).normal(size=30)
    fit = _fit(x, y)
    assert fit.p < 0.01
    assert fit.bent
    assert not fit.both_sides


def test_plateaus_seldom_fall_on_their_right_side():
    rng, x = np.random.default_rng(6), np.linspace(0, 1, 40)
    fits = [_fit(x, np.minimum(x, 0.4) + 0.05 * rng.normal(size=40), 9) for _ in range(200)]
    assert np.mean([fit.inside for fit in fits]) > 0.8, "the fitted curve turns"
    assert np.mean([fit.inside and fit.both_sides for fit in fits]) < 0.08 + 3 * 0.02


def test_a_lowest_score_is_the_mirror_image_of_a_highest():
    x, y = _curve(np.random.default_rng(7))
    fit, mirrored = _fit(x, y), _fit(x, -y)
    assert (fit.kind, mirrored.kind) == ("highest", "lowest")
    assert (fit.p, fit.p_lowest) == (mirrored.p_lowest, mirrored.p)
    for each in (fit, mirrored):
        assert (each.bent, each.within, each.inside, each.both_sides) == (True,) * 4


def test_the_ordinary_standard_error_is_that_of_least_squares():
    x, y = _curve(np.random.default_rng(9), n=8)
    y = (y - y.mean()) / y.std()
    _, (t, null) = curvature_tests(x, y, np.array([np.arange(8)]))
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, x**2]))).fit()
    assert t == pytest.approx(fit.tvalues[2])
    assert null[0] == pytest.approx(t)


def test_scale_and_shift_change_nothing():
    x, y = _curve(np.random.default_rng(8), n=7)
    some = np.array(list(orders(range(7))))[::100]
    before = curvature_tests(x, y, some)
    after = curvature_tests(3 * x - 5, 100 * y + 7, some)
    for (t, null), again in zip(before, after, strict=True):
        assert again == (pytest.approx(t), pytest.approx(null))


def test_what_cannot_be_tested_has_a_reason():
    assert "at least 6" in _fit(np.arange(5.0), np.arange(5.0)).reason
    assert "alignment is constant" in _fit(np.ones(8), np.arange(8.0)).reason
    assert "score is constant" in _fit(np.arange(8.0), np.ones(8)).reason
    far = np.array([0, 0.1, 0.2, 0.3, 0.4, 1e9])
    assert "a single unit" in _fit(far, np.arange(6.0) ** 2).reason
    assert "fewer than 4" in _fit(np.array([0, 0, 0, 1, 1, 1.0]), np.arange(6.0)).reason
