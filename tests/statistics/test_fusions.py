"""Changes across fusions: sign flips and exchanged placements, counted slowly."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from alignkit.statistics.fusions import (
    change_t,
    compared,
    contrast_per_placement,
    contrast_weights,
    fusion_contrast,
    least_exchange_p,
    mean_change,
    power_of_change,
    sign_flips,
)
from alignkit.statistics.joint import JointTest, max_t
from alignkit.statistics.permutation import UnitPermutations


def _contrast(steps, fused, free=None):
    free = ~fused if free is None else free
    names = [str(i) for i in np.flatnonzero(compared(fused, free))]
    return fusion_contrast(steps, fused, free, UnitPermutations(names, 9999, 0))


def _change(changes, n_permutations=9999):
    return mean_change(changes, *sign_flips(len(changes), n_permutations))


def _study(rng, effect=0.0):
    fused = np.zeros((6, 8), bool)
    for row, at in enumerate([(), (0, 1), (3, 4), (6, 7), (1, 5), (2, 3, 7)]):
        fused[row, list(at)] = True
    return rng.normal(size=8) + 0.3 * rng.normal(size=(6, 8)) + effect * fused, fused


def _slow(steps, fused):
    """Mean over placements of the mean over their steps of with minus without."""
    per = []
    for p in range(len(steps)):
        differences = []
        for s in range(steps.shape[1]):
            others = [steps[q, s] for q in range(len(steps)) if not fused[q, s]]
            if fused[p, s] and others:
                differences.append(steps[p, s] - np.mean(others))
        if differences:
            per.append(np.mean(differences))
    return per


def test_the_contrast_is_the_mean_of_with_minus_without():
    steps, fused = _study(np.random.default_rng(0))
    result = _contrast(steps, fused)
    slow = _slow(steps, fused)
    assert contrast_per_placement(steps, fused, ~fused) == pytest.approx(slow)
    assert result.n == 5
    assert result.mean == pytest.approx(np.mean(slow))
    interval = ttest_1samp(slow, 0).confidence_interval()
    assert (result.low, result.high) == pytest.approx(tuple(interval))


def test_p_counts_every_exchange_of_placements():
    steps, fused = _study(np.random.default_rng(0), effect=0.2)
    observed = np.mean(_slow(steps, fused))
    null = [np.mean(_slow(steps[list(o)], fused)) for o in permutations(range(6))]
    result = _contrast(steps, fused)
    assert result.exact
    assert result.p == pytest.approx(np.mean(np.abs(null) >= abs(observed) - 1e-12), abs=1e-12)


def test_an_effect_is_found_and_chance_is_not():
    rng = np.random.default_rng(1)
    assert _contrast(*_study(rng, effect=1.5)).p < 0.02
    rejected = sum(_contrast(*_study(rng)).p <= 0.05 for _ in range(200))
    assert rejected <= 20


def test_a_step_where_every_placement_fuses_is_no_comparison():
    fused = np.array([[True, True], [True, False], [True, False]])
    assert (contrast_weights(fused, ~fused)[:, 0] == 0).all()
    everywhere = _contrast(np.ones((3, 2)), np.ones((3, 2), bool))
    assert everywhere.mean is None
    assert "without one" in everywhere.reason
    few = _contrast(np.array([[1.0], [0.0]]), np.array([[True], [False]]))
    assert few.mean == pytest.approx(1.0)
    assert few.p is None
    assert "5 are needed" in few.reason


def test_a_step_with_a_fusion_in_one_stream_only_is_left_out():
    steps, fused = _study(np.random.default_rng(2))
    free = ~fused
    free[0, 3] = False  # neither with nor without
    others = [steps[q, 3] for q in range(6) if free[q, 3]]
    one = steps[2, 3] - np.mean(others)
    two = steps[2, 4] - np.mean([steps[q, 4] for q in range(6) if free[q, 4]])
    assert contrast_per_placement(steps, fused, free)[1] == pytest.approx((one + two) / 2)
    weights = contrast_weights(fused, free)
    assert weights[0, 3] == 0
    assert (weights * steps).sum() == pytest.approx(
        contrast_per_placement(steps, fused, free).mean()
    )
    assert _contrast(steps, fused, free).mean == pytest.approx((weights * steps).sum())


def test_sign_flips_are_counted():
    changes = np.array([0.3, 0.1, 0.25, -0.05, 0.4])
    result = _change(changes)
    null = [np.mean(changes * signs) for signs in product([1, -1], repeat=5)]
    assert result.p == pytest.approx(np.mean(np.abs(null) >= changes.mean() - 1e-12))
    assert result.exact
    assert not _change(np.linspace(0.1, 1, 20)).exact
    assert _change(np.linspace(0.1, 1, 20)).p == pytest.approx(1e-4)
    alone = _change(np.array([0.5]))
    assert (alone.mean, alone.p) == (0.5, None)
    assert "6 are needed" in alone.reason


def test_joint_flips_of_six_placements_attain_their_raw_p_over_eight_tests():
    rng = np.random.default_rng(3)
    signs, exact = sign_flips(6)
    rises = rng.uniform(0.5, 1, (8, 6))
    family = [JointTest(*change_t(row, signs), 5, "flips", exact) for row in rises]
    assert max_t(family) == pytest.approx([2 / 2**6] * 8)


def test_t_under_flips_is_that_of_student():
    changes, (signs, _) = np.array([0.3, 0.1, 0.25, -0.05, 0.4]), sign_flips(5)
    t, null = change_t(changes, signs)
    assert t == pytest.approx(ttest_1samp(changes, 0).statistic)
    assert null == pytest.approx([abs(ttest_1samp(changes * s, 0).statistic) for s in signs])


def test_the_least_p_of_exchanges_is_attained_by_an_extreme_effect():
    fused = np.array([[True, False]] * 3 + [[False, True]] * 2 + [[False, False]] * 2)
    permutations = UnitPermutations(list("abcdefg"), 99, 0)
    steps = 0.001 * np.random.default_rng(4).normal(size=fused.shape) + fused
    least = least_exchange_p(fused, ~fused, permutations)
    assert least == pytest.approx(12 * 2 / 5040), "3!, 2! and 2! exchanges change nothing"
    assert fusion_contrast(steps, fused, ~fused, permutations).p == pytest.approx(least)
    halves = np.array([[True]] * 3 + [[False]] * 3)
    six = UnitPermutations(list("abcdef"), 99, 0)
    assert least_exchange_p(halves, ~halves, six) == pytest.approx(2 / 20)


def test_power_of_flips_is_that_of_simulated_studies():
    rng = np.random.default_rng(5)
    signs, exact = sign_flips(8)
    detected = [mean_change(rng.normal(1, 1, 8), signs, exact).p < 0.05 for _ in range(1000)]
    assert np.mean(detected) == pytest.approx(power_of_change(8), abs=0.05)
    assert power_of_change(5) == 0
