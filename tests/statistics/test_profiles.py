"""Profiles of models: what is exchanged is whole models, and depth is held fixed."""

from itertools import permutations

import numpy as np
import pytest

from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.profiles import correlation, pooled_profiles, profile_null
from simulations import profiles as simulated


def _units(n, m=199):
    return UnitPermutations([str(i) for i in range(n)], m, 0)


def test_what_is_described_is_what_numpy_says():
    x, y = simulated.study(np.random.default_rng(0), 6, 2.0, 0.7)
    found = pooled_profiles(x, y, _units(6))
    assert found.r == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    z = [np.arctanh(np.corrcoef(a, b)[0, 1]) for a, b in zip(x, y, strict=True)]
    assert found.within == pytest.approx(np.tanh(np.mean(z)))
    residuals = [(each - each.mean(axis=0)).ravel() for each in (x, y)]
    assert found.given_depth == pytest.approx(np.corrcoef(*residuals)[0, 1])
    assert found.low < found.r < found.high
    assert (found.models, found.layers) == (6, 12)


def test_p_counts_every_exchange_of_models():
    x, y = simulated.study(np.random.default_rng(1), 5, 1.0, 0.9)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    null = [correlation(a.ravel(), b[list(order)].ravel()) for order in permutations(range(5))]
    found = pooled_profiles(x, y, _units(5))
    extreme = np.abs(null) >= abs(found.given_depth) - 1e-12
    assert found.p == pytest.approx(np.mean(extreme), abs=1e-12)
    assert found.exact
    observed, shared = profile_null(x, y, _units(5))
    assert observed == pytest.approx(found.given_depth)
    assert np.sort(shared) == pytest.approx(np.sort(null))


def test_a_course_over_depth_that_all_share_is_no_association_given_depth():
    rng = np.random.default_rng(2)
    course = np.linspace(0, 1, 10)
    x = course + 1e-6 * rng.standard_normal((6, 10))
    y = course + 1e-6 * rng.standard_normal((6, 10))
    found = pooled_profiles(x, y, _units(6))
    assert found.r > 0.999
    assert abs(found.given_depth) < 0.5
    assert found.p > 0.05


def test_what_has_no_test_has_a_reason():
    x, y = simulated.study(np.random.default_rng(3), 2, 0.0, 0.0)
    assert pooled_profiles(x, y, _units(2)).reason == "fewer than 3 models"
    same = np.tile(x[:1], (5, 1))
    found = pooled_profiles(same, simulated.profiles(np.random.default_rng(4), 5), _units(5))
    assert (found.p, found.given_depth) == (None, None)
    assert found.reason == "no model differs from the others"
    assert correlation(np.ones(5), np.arange(5.0)) is None
    assert correlation(np.array([1.0]), np.array([2.0])) is None


STUDIES = 300


@pytest.mark.parametrize("trend", [0.0, 2.0])
def test_exchanging_models_keeps_its_level_where_points_do_not(trend):
    exchanged, points = simulated.rejections(6, trend, 0.0, STUDIES)
    assert exchanged / STUDIES <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / STUDIES)
    assert points / STUDIES > 0.3, "layers of one model are not independent"


def test_a_shared_profile_is_found():
    exchanged, _ = simulated.rejections(8, 2.0, 0.95, 40)
    assert exchanged > 30
