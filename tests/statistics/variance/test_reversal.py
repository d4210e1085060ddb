"""Reversals between tasks: against scikit-learn's isotonic regression and all common orders."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from alignkit.statistics.variance.blocks import Blocks
from alignkit.statistics.variance.reversal import (
    LESSENED,
    agreeing,
    disagreement,
    isotonic_fit,
    reversal_p,
)


def _rest(values, weights):
    fit = isotonic_regression(values, sample_weight=weights)
    return float((weights * (values - fit) ** 2).sum())


def test_the_fit_is_that_of_isotonic_regression():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=(3, 7, 2)), rng.uniform(0.2, 3, (3, 7, 2))
    fit = isotonic_fit(values, weights)
    for i in range(3):
        for j in range(2):
            expected = isotonic_regression(values[i, :, j], sample_weight=weights[i, :, j])
            assert fit[i, :, j] == pytest.approx(expected)


def test_no_common_order_leaves_less_and_most_often_none_does():
    rng = np.random.default_rng(1)
    equal = 0
    for _ in range(20):
        means, weights = rng.normal(size=(5, 2)), rng.uniform(0.5, 2, (5, 2))
        least = min(
            sum(_rest(means[list(order), j], weights[list(order), j]) for j in (0, 1))
            for order in permutations(range(5))
        )
        value = disagreement(means, weights)
        assert value >= least - 1e-9
        equal += value == pytest.approx(least)
    assert equal >= 10


def test_tasks_of_one_order_do_not_disagree():
    means = np.array([[1.0, 10], [2, 20], [2, 30], [5, 30]])
    assert disagreement(means, np.ones((4, 2))) == 0


def test_weights_do_not_scramble_the_common_order():
    rank = np.arange(8.0) * 10
    means = np.stack([np.minimum(rank, 30), np.maximum(rank, 30)], axis=1)
    means += 0.01 * np.array([1, -1, 1, -1, 1, -1, 1, -1])[:, None]
    weights = np.array([0.01, 1, 100, 0.1, 1, 0.01, 100, 1])[:, None] * np.ones(2)
    assert disagreement(means, weights) < 1


def test_effects_that_agree_keep_what_is_clear_and_no_more():
    means = np.array([[0.0, 0], [10, 1], [20, 10], [30, 9]])
    effects = agreeing(means, np.ones((4, 2)))
    step = LESSENED * np.sqrt(2)
    assert effects[0, :, 0] == pytest.approx(means[:, 0])
    assert effects[1, :, 0] == pytest.approx(means[:, 0] - step * np.arange(4))
    assert effects[2, :, 0] == pytest.approx(effects[1, :, 0])
    top = 9.5 - 1 - LESSENED * np.sqrt(1 + 1 / 2)
    assert effects[0, :, 1] == pytest.approx([0, 0, top, top])
    assert effects[1, :, 1] == pytest.approx([0, 1, 9.5, 9.5])
    assert (disagreement(effects, np.ones((4, 2))) == 0).all()


def test_units_of_a_task_change_nothing_in_the_effects():
    rng = np.random.default_rng(5)
    means, weights = 3 * rng.normal(size=(7, 2)), rng.uniform(0.5, 2, (7, 2))
    scaled = agreeing(means * [1, 1000], weights / [1, 1e6])
    assert scaled == pytest.approx(agreeing(means, weights) * [1, 1000])


def test_tasks_that_prefer_within_different_placements_agree():
    rng = np.random.default_rng(6)
    placements, seeds = np.repeat(np.arange(8), 3), np.tile(np.arange(3), 8)
    blocks = Blocks.of(placements, seeds)
    effects = 5 * np.stack([np.minimum(placements, 3), np.maximum(placements, 3)], axis=1)
    claimed = 0
    for i in range(100):
        claimed += reversal_p(blocks, effects + rng.normal(size=(24, 2)), 99, i) <= 0.05
    assert claimed <= 12  # at 6 %, more has a chance of 1 %


def test_tasks_are_compared_relative_to_their_own_noise():
    rng = np.random.default_rng(2)
    placements, seeds = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    blocks = Blocks.of(placements, seeds)
    values = rng.normal(size=(18, 2)) + np.stack([placements, -placements], axis=1)
    p = reversal_p(blocks, values, 199)
    assert p == pytest.approx(1 / 200)
    assert reversal_p(blocks, values * [1, 100], 199) == p
    agreeing = values * [1, -1]
    assert reversal_p(blocks, agreeing, 199) > 0.2


def test_every_pair_of_tasks_costs():
    rng = np.random.default_rng(3)
    placements, seeds = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    blocks = Blocks.of(placements, seeds)
    values = 0.3 * rng.normal(size=(18, 3)) + np.stack(
        [placements, -placements, placements], axis=1
    )
    assert reversal_p(blocks, values, 199) == pytest.approx(3 / 200)


def test_simulated_noise_has_the_covariance_of_each_placement():
    rng = np.random.default_rng(4)
    placements, seeds = np.repeat(np.arange(3), 40), np.tile(np.arange(40), 3)
    sizes = np.array([1.0, 4.0, 0.5])[placements][:, None]
    values = rng.normal(size=(120, 1)) * sizes
    values = np.hstack([values, -values])
    blocks = Blocks.of(placements, seeds)
    noise = np.concatenate(list(blocks.simulated(values, 2000, 0, pooled=0.0)))
    expected = blocks.variances(blocks.residuals @ values, pooled=0.0)[:, 0]
    for i in range(3):
        assert noise[:, placements == i, 0].var() == pytest.approx(expected[i], rel=0.05)
    assert np.allclose(noise[..., 0], -noise[..., 1])
