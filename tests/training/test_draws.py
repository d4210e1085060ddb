"""Draws about samples are functions of seed, epoch, purpose and sample id."""

import numpy as np
from scipy.stats import kstest

from alignkit.training.draws import sample_keys, uniforms

KEYS = sample_keys(f"s{i}" for i in range(4000))


def test_a_sample_draws_the_same_whatever_stands_beside_it():
    whole = uniforms(KEYS, 3, 2, "a", 7)
    rows = np.array([17, 5, 999])
    np.testing.assert_array_equal(uniforms(KEYS[rows], 3, 2, "a", 7), whole[rows])
    np.testing.assert_array_equal(uniforms(KEYS, 3, 2, "a", 3), whole[:, :3])


def test_seed_epoch_purpose_and_id_all_matter():
    draws = [
        uniforms(KEYS, *which)[:, 0]
        for which in ((0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b"))
    ]
    draws.append(uniforms(sample_keys(f"t{i}" for i in range(4000)), 0, 0, "a")[:, 0])
    correlation = np.corrcoef(draws) - np.eye(5)
    assert np.abs(correlation).max() < 0.06  # 0.016 is one standard error


def test_they_are_uniform_and_columns_are_independent():
    draws = uniforms(KEYS, 0, 1, "a", 5)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert kstest(draws.ravel(), "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(draws.T) - np.eye(5)).max() < 0.06


def test_they_stay_what_they_are():
    """Other numbers would make interrupted trainings go on differently after an update."""
    numbers = uniforms(sample_keys(["a", "b"]), 0, 1, "mlm choice", 2)
    expected = [[0.9266339132413769, 0.3977407092272033], [0.3832590922075044, 0.04578908476536414]]
    np.testing.assert_array_equal(numbers, expected)
