"""Two measurements of the same units against one outcome."""

import numpy as np
import pytest

from alignkit.statistics.dependent import williams, zou
from alignkit.statistics.overlapping import compare


def test_it_is_williams_and_zou_on_the_three_correlations():
    first, second, outcome = np.random.default_rng(0).normal(size=(3, 9))
    r = np.corrcoef([first, second, outcome])
    found = compare(first, second, outcome)
    assert (found.r_first, found.r_second, found.r_between) == (r[0, 2], r[1, 2], r[0, 1])
    assert (found.t, found.p) == williams(r[0, 2], r[1, 2], r[0, 1], 9)
    assert (found.low, found.high) == zou(r[0, 2], r[1, 2], r[0, 1], 9)
    assert found.difference == pytest.approx(r[0, 2] - r[1, 2])


def test_the_same_measurement_twice_does_not_differ():
    first, outcome = np.random.default_rng(0).normal(size=(2, 9))
    found = compare(first, 2 * first + 1, outcome)
    assert found.p == pytest.approx(1)
    assert found.low <= 0 <= found.high


def test_the_level_holds():
    rng = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        outcome, common, one, other = rng.normal(size=(4, 8))
        rejected += compare(outcome + common + one, outcome + common + other, outcome).p <= 0.05
    assert 8 <= rejected <= 35  # 20 are expected


def test_what_cannot_be_compared_has_a_reason():
    first, second, outcome = np.random.default_rng(0).normal(size=(3, 7))
    assert "6 are needed" in compare(first[:5], second[:5], outcome[:5]).reason
    assert "alignment is constant" in compare(first, np.ones(7), outcome).reason
    assert "the score is constant" in compare(first, second, np.ones(7)).reason
