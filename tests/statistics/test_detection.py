"""The power that stands beside a test is the share of simulated studies that it detects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alignkit.statistics.detection import (
    power_of_contrast,
    power_of_correlation,
    power_of_curve,
    power_of_difference,
    power_of_groups,
)
from alignkit.statistics.power import power

STUDIES = 2000
ERROR = 4 * np.sqrt(0.25 / STUDIES)


def test_of_a_correlation_it_is_that_of_r_07():
    assert power_of_correlation(8) == power(8, 0.7, 0.05)
    assert power_of_correlation(5) is None


def test_of_two_correlations():
    rng = np.random.default_rng(0)
    n = 30
    x, noise = rng.standard_normal((2, STUDIES, n))
    pairs = (x, 0.7 * x + np.sqrt(1 - 0.49) * noise), rng.standard_normal((2, STUDIES, n))
    z = [np.arctanh(_r(*pair)) for pair in pairs]
    detected = np.abs(z[0] - z[1]) / np.sqrt(2 / (n - 3)) > stats.norm.isf(0.025)
    assert detected.mean() == pytest.approx(power_of_difference(n), abs=ERROR)
    assert power_of_difference(5) is None


def test_of_groups():
    rng = np.random.default_rng(1)
    groups, seeds = 5, 2
    means = rng.standard_normal((groups, 1))
    means = (means - means.mean()) / means.std()  # as much variance as within groups
    values = means[None] + rng.standard_normal((STUDIES, groups, seeds))
    p = stats.f_oneway(*values.transpose(1, 2, 0)).pvalue
    assert (p < 0.05).mean() == pytest.approx(power_of_groups(groups, groups * seeds), abs=ERROR)
    assert power_of_groups(4, 4) is None


def test_of_a_contrast():
    rng = np.random.default_rng(2)
    first, second = rng.standard_normal((5, STUDIES)) + 1, rng.standard_normal((9, STUDIES))
    p = stats.ttest_ind(first, second).pvalue
    assert (p < 0.05).mean() == pytest.approx(power_of_contrast(5, 9), abs=ERROR)
    assert power_of_contrast(0, 9) is None


def test_it_grows_with_the_number_of_units():
    for of in (power_of_correlation, power_of_difference, power_of_curve):
        values = [of(n) for n in (6, 10, 20, 60)]
        assert values == sorted(values)
        assert values[-1] > 0.9


def _r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
