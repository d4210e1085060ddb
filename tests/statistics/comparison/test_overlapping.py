"""Two measurements of the same units against one outcome."""

import numpy as np
import pytest

from alignkit.errors import UsageError
from alignkit.statistics.comparison.overlapping import (
    compare_overlapping,
    strength_test,
    williams_null,
    williams_test,
    zou_interval,
)
from alignkit.statistics.permutation import UnitPermutations


def test_williams_on_published_numbers():
    """DEPCOR (Silver, Hittner and May 2006) prints t = -1.0767, p = .2843 for this input."""
    t, p = williams_test(0.3, 0.4, 0.5, 100)
    assert (round(t, 4), round(p, 4)) == (-1.0767, 0.2843)


def test_williams_holds_its_level_over_ten_units():
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(2000):
        z, x, y = rng.standard_normal((3, 10))
        y = 0.8 * x + 0.6 * y
        r = np.corrcoef([x, y, z])
        sizes.append(williams_test(r[0, 2], r[1, 2], r[0, 1], 10)[1] < 0.05)
    assert 0.035 < np.mean(sizes) < 0.065


def test_zou_on_published_numbers():
    """Zou 2007, example 2: -.093 to .517."""
    low, high = zou_interval(0.396, 0.179, 0.088, 66)
    assert (round(low, 3), round(high, 3)) == (-0.093, 0.517)
    # An example with .83, .16, .19 and n = 30 has .32 to 1.04 in R's cocor.
    low, high = zou_interval(0.83, 0.16, 0.19, 30)
    assert (round(low, 2), round(high, 2)) == (0.32, 1.04)


def test_zous_interval_covers():
    """95 % intervals of a difference hold the true one about 95 times in 100."""
    rng = np.random.default_rng(1)
    cov = np.array([[1, 0.7, 0.6], [0.7, 1, 0.3], [0.6, 0.3, 1]])
    root = np.linalg.cholesky(cov)
    held = 0
    for _ in range(2000):
        r = np.corrcoef(root @ rng.standard_normal((3, 20)))
        low, high = zou_interval(r[0, 2], r[1, 2], r[0, 1], 20)
        held += low <= 0.3 <= high
    assert 0.93 < held / 2000 < 0.97


def test_the_same_metric_twice_does_not_differ():
    assert williams_test(0.6, 0.6, 1.0, 8) == (0.0, 1.0)
    assert zou_interval(0.6, 0.6, 1.0, 8) == pytest.approx((0, 0), abs=1e-7)


@pytest.mark.parametrize(
    ("r", "n", "message"),
    [
        ((0.9, 0.9, -0.9), 10, "no data have the correlations"),
        ((0.1, 0.2, 0.3), 3, "needs at least 4"),
        ((1.1, 0.2, 0.3), 9, "between -1 and 1"),
    ],
)
def test_impossible_input(r, n, message):
    for test in (williams_test, zou_interval):
        with pytest.raises(UsageError, match=message):
            test(*r, n)


def test_it_is_williams_and_zou_on_the_three_correlations():
    first, second, outcome = np.random.default_rng(0).normal(size=(3, 9))
    r = np.corrcoef([first, second, outcome])
    found = compare_overlapping(first, second, outcome)
    assert (found.r_first, found.r_second, found.r_between) == (r[0, 2], r[1, 2], r[0, 1])
    assert (found.t, found.p) == williams_test(r[0, 2], r[1, 2], r[0, 1], 9)
    assert (found.low, found.high) == zou_interval(r[0, 2], r[1, 2], r[0, 1], 9)
    assert found.difference == pytest.approx(r[0, 2] - r[1, 2])


def test_the_same_measurement_twice_does_not_differ():
    first, outcome = np.random.default_rng(0).normal(size=(2, 9))
    found = compare_overlapping(first, 2 * first + 1, outcome)
    assert found.p == pytest.approx(1)
    assert found.low <= 0 <= found.high


def test_the_level_holds():
    rng = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        outcome, common, one, other = rng.normal(size=(4, 8))
        rejected += (
            compare_overlapping(outcome + common + one, outcome + common + other, outcome).p <= 0.05
        )
    assert 8 <= rejected <= 35  # 20 are expected


def test_what_cannot_be_compared_has_a_reason():
    first, second, outcome = np.random.default_rng(0).normal(size=(3, 7))
    assert "6 are needed" in compare_overlapping(first[:5], second[:5], outcome[:5]).reason
    assert "alignment is constant" in compare_overlapping(first, np.ones(7), outcome).reason
    assert "the score is constant" in compare_overlapping(first, second, np.ones(7)).reason


def test_strength_ignores_signs_and_is_the_weaker_of_two_williams_tests():
    t, p = strength_test(0.7, 0.2, 0.4, 20)
    assert (t, p) == williams_test(0.7, 0.2, 0.4, 20)
    assert strength_test(0.7, -0.2, -0.4, 20) == pytest.approx((t, p))
    assert strength_test(-0.2, 0.7, -0.4, 20) == pytest.approx((-t, p))
    opposite, p_opposite = strength_test(0.6, -0.6, 0.0, 20)
    assert (opposite, p_opposite) == (0, 1)
    assert williams_test(0.6, -0.6, 0.0, 20)[1] < 0.01


def test_the_null_of_williams_is_the_test_of_every_permuted_outcome():
    first, second, outcome = np.random.default_rng(3).normal(size=(3, 5))
    permutations = UnitPermutations(list("abcde"), 9, 0)
    between = np.corrcoef(first, second)[0, 1]
    slow = [
        abs(
            williams_test(
                np.corrcoef(first, outcome[order])[0, 1],
                np.corrcoef(second, outcome[order])[0, 1],
                between,
                5,
            )[0]
        )
        for order in permutations.indices
    ]
    assert williams_null(first, second, outcome, permutations) == pytest.approx(slow)
