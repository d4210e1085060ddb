"""Changes across fusions: sign flips and exchanged placements, counted slowly."""

from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from alignkit.statistics.fusions import (
    contrast_per_placement,
    contrast_weights,
    fusion_contrast,
    mean_change,
)


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
    found = fusion_contrast(steps, fused)
    slow = _slow(steps, fused)
    assert contrast_per_placement(steps, fused, ~fused) == pytest.approx(slow)
    assert found.n == 5
    assert found.mean == pytest.approx(np.mean(slow))
    interval = ttest_1samp(slow, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(interval))


def test_p_counts_every_exchange_of_placements():
    steps, fused = _study(np.random.default_rng(0), effect=0.2)
    observed = np.mean(_slow(steps, fused))
    null = [np.mean(_slow(steps[list(o)], fused)) for o in permutations(range(6))]
    found = fusion_contrast(steps, fused)
    assert found.exact
    assert found.p == pytest.approx(np.mean(np.abs(null) >= abs(observed) - 1e-12), abs=1e-12)


def test_an_effect_is_found_and_chance_is_not():
    rng = np.random.default_rng(1)
    assert fusion_contrast(*_study(rng, effect=1.5)).p < 0.02
    rejected = sum(fusion_contrast(*_study(rng)).p <= 0.05 for _ in range(200))
    assert rejected <= 20


def test_a_step_where_every_placement_fuses_is_no_comparison():
    fused = np.array([[True, True], [True, False], [True, False]])
    assert (contrast_weights(fused, ~fused)[:, 0] == 0).all()
    everywhere = fusion_contrast(np.ones((3, 2)), np.ones((3, 2), bool))
    assert everywhere.mean is None
    assert "without one" in everywhere.reason
    few = fusion_contrast(np.array([[1.0], [0.0]]), np.array([[True], [False]]))
    assert few.mean == pytest.approx(1.0)
    assert few.p is None
    assert "3 are needed" in few.reason


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
    assert fusion_contrast(steps, fused, free).mean == pytest.approx((weights * steps).sum())


def test_sign_flips_are_counted():
    changes = np.array([0.3, 0.1, 0.25, -0.05, 0.4])
    found = mean_change(changes)
    null = [np.mean(changes * signs) for signs in product([1, -1], repeat=5)]
    assert found.p == pytest.approx(np.mean(np.abs(null) >= changes.mean() - 1e-12))
    assert found.exact
    assert not mean_change(np.linspace(0.1, 1, 20)).exact
    assert mean_change(np.linspace(0.1, 1, 20)).p == pytest.approx(1e-4)
    alone = mean_change(np.array([0.5]))
    assert (alone.mean, alone.p) == (0.5, None)
    assert "2 are needed" in alone.reason
