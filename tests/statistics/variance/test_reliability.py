"""Reliability, against definitions and simulated measurements."""

import numpy as np
import pytest

from alignkit.statistics.variance.reliability import rank_agreement, spearman_brown, split_half


def test_reliability_follows_spearman_and_brown():
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(5, 2, 12)) + 2 * rng.normal(size=12)
    r = np.mean([np.corrcoef(one, other)[0, 1] for one, other in halves])
    assert split_half(halves) == pytest.approx(2 * r / (1 + r))
    assert split_half(halves[:, :, :2]) is None
    assert split_half(np.ones((1, 2, 5))) is None
    assert rank_agreement([1, 2, 3], [2, 4, 9]) == 1
    assert rank_agreement([1, 2], [1, 2]) is None
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None


def test_reliability_predicts_the_correlation_of_two_measurements():
    # A profile plus noise: the reliability is the share of the variance that is the profile.
    rng = np.random.default_rng(1)
    profile = rng.normal(size=4000)
    noise = rng.normal(size=(1, 2, 4000)) * np.sqrt(2)  # half the samples, twice the variance
    assert split_half(profile + noise) == pytest.approx(0.5, abs=0.05)
