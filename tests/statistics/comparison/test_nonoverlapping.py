"""Two correlations over the same placements: interval, swaps and their level."""

import math
from itertools import product

import numpy as np
import pytest

from alignkit.statistics.comparison.nonoverlapping import (
    compare_nonoverlapping,
    zou_interval_of_tasks,
)


def _pair(rng, n, r_1=0.5, r_2=0.5):
    z = rng.normal(size=(n, 4))
    first = np.column_stack([z[:, 0], r_1 * z[:, 0] + math.sqrt(1 - r_1**2) * z[:, 1]])
    second = np.column_stack([z[:, 2], r_2 * z[:, 2] + math.sqrt(1 - r_2**2) * z[:, 3]])
    return first, second * [3.0, 0.2] + 7


def test_p_is_that_of_every_swap_counted_slowly():
    first, second = _pair(np.random.default_rng(0), 7)
    found = compare_nonoverlapping(first, second)
    a, b = ((one - one.mean(0)) / one.std(0) for one in (first, second))

    def apart(swap):
        swap = np.array(swap)[:, None]
        one, other = np.where(swap, b, a), np.where(swap, a, b)
        return abs(math.atanh(np.corrcoef(one.T)[0, 1]) - math.atanh(np.corrcoef(other.T)[0, 1]))

    null = np.array([apart(swap) for swap in product([0, 1], repeat=7)])
    assert found.exact
    assert found.p == pytest.approx(np.mean(null >= null[0] - 1e-9), abs=1e-12)
    assert found.r_first == pytest.approx(np.corrcoef(first.T)[0, 1])
    assert found.difference == pytest.approx(found.r_first - found.r_second)


def test_the_interval_is_fishers_where_the_tasks_are_unrelated():
    # Without correlation across tasks it is the interval of two independent correlations.
    rng = np.random.default_rng(1)
    first, second = _pair(rng, 4000, 0.7, 0.1)
    low, high = zou_interval_of_tasks(first, second)
    r = [np.corrcoef(one.T)[0, 1] for one in (first, second)]
    half = 1.96 * math.sqrt(sum((1 - one**2) ** 2 for one in r) / 4000)
    assert (low, high) == pytest.approx((r[0] - r[1] - half, r[0] - r[1] + half), abs=0.002)


def test_the_interval_covers_a_true_difference_of_related_tasks():
    rng = np.random.default_rng(2)
    between = np.array(
        [[1, 0.7, 0.6, 0.3], [0.7, 1, 0.3, 0.6], [0.6, 0.3, 1, 0.2], [0.3, 0.6, 0.2, 1]]
    )
    root = np.linalg.cholesky(between)
    covered = 0
    for _ in range(400):
        z = rng.normal(size=(14, 4)) @ root.T
        low, high = zou_interval_of_tasks(z[:, :2], z[:, 2:])
        covered += low <= 0.5 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_large_difference_is_found_and_none_is_not_claimed():
    rng = np.random.default_rng(3)
    first, second = _pair(rng, 16, 0.95, -0.8)
    found = compare_nonoverlapping(first, second)
    assert not found.exact
    assert found.p < 0.01
    assert found.low > 0
    rejected = sum(compare_nonoverlapping(*_pair(rng, 8)).p <= 0.05 for _ in range(200))
    assert rejected <= 20


def test_what_cannot_be_tested_has_a_reason():
    first, second = _pair(np.random.default_rng(0), 5)
    assert "at least 6" in compare_nonoverlapping(first, second).reason
    first, second = _pair(np.random.default_rng(0), 8)
    assert "constant" in compare_nonoverlapping(first * [0, 1], second).reason
