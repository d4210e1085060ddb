"""Intervals of correlations: against scipy, and their coverage."""

import numpy as np
import pytest
import scipy.stats

from alignkit.statistics.intervals import correlation_interval, fisher_interval


def test_fishers_interval_equals_scipys():
    x, y = np.random.default_rng(0).standard_normal((2, 9))
    found = scipy.stats.pearsonr(x, y)
    for level in (0.8, 0.95):
        oracle = tuple(found.confidence_interval(level))
        assert fisher_interval(found.statistic, 9, level) == pytest.approx(oracle, abs=1e-12)


def test_the_interval_of_a_correlation_covers_it_where_tails_are_heavy():
    rng = np.random.default_rng(0)
    covered = {"fisher": 0, "jackknife": 0}
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 30).T
        scale = np.sqrt(3 / rng.chisquare(3, 30))  # Student's t with 3 degrees of freedom
        x, y = x * scale, y * scale
        fisher = fisher_interval(float(np.corrcoef(x, y)[0, 1]), 30)
        for name, (low, high) in (("fisher", fisher), ("jackknife", correlation_interval(x, y))):
            covered[name] += low <= 0.6 <= high
    assert covered["fisher"] < 0.85 * 400
    assert covered["jackknife"] >= 400 * 0.93 - 3 * (400 * 0.93 * 0.07) ** 0.5


def test_the_interval_of_normal_data_is_hardly_wider_than_fishers():
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 12).T
        low, high = fisher_interval(float(np.corrcoef(x, y)[0, 1]), 12)
        wider = correlation_interval(x, y)
        assert wider[0] <= low
        assert wider[1] >= high
        widths.append((wider[1] - wider[0]) / (high - low))
    assert np.median(widths) < 1.1


def test_nothing_is_known_where_one_unit_alone_makes_the_data_vary():
    assert correlation_interval(np.array([0.0, 0, 0, 0, 9]), np.array([1.0, 2, 1, 3, 9])) == (-1, 1)
    assert correlation_interval(np.arange(6.0), 2 * np.arange(6.0)) == pytest.approx((1, 1))
