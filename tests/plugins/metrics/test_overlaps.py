"""Expected scores of neighbours in common where some of them tie."""

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alignkit_metrics.overlaps import Overlaps

K = 4
PLAIN = (1, 3, 2, 1, 3, 2, 1, 1)


@st.composite
def samples(draw):
    """Counts of one sample: certain and tied neighbours of either side, and what they share."""
    shared, only_x, only_y, further_x, further_y, both = (draw(st.integers(0, 3)) for _ in range(6))
    tied_x, tied_y = shared + only_x + further_x, shared + only_y + further_y
    certain_x = draw(st.integers(0, K - 1))
    certain_y = draw(st.integers(0, K - 1))
    places_x, places_y = K - certain_x, K - certain_y
    both = min(both, certain_x - only_y, certain_y - only_x)
    if both < 0 or places_x > tied_x or places_y > tied_y:
        return PLAIN
    return both, tied_x, places_x, only_x, tied_y, places_y, only_y, shared


def _expected(rows, score):
    counts = torch.tensor(rows).T
    return Overlaps(K, *counts).expected(torch.tensor(score, dtype=torch.float64))


def _by_enumeration(row, score):
    """Go through every choice of the places of both sides, all equally likely."""
    both, tied_x, places_x, only_x, tied_y, places_y, only_y, shared = row
    named = [f"shared {i}" for i in range(shared)]
    x = named + [f"certain in y {i}" for i in range(only_x)]
    x += [f"x {i}" for i in range(tied_x - shared - only_x)]
    y = named + [f"certain in x {i}" for i in range(only_y)]
    y += [f"y {i}" for i in range(tied_y - shared - only_y)]
    certain_x = {f"certain in x {i}" for i in range(only_y)}
    certain_y = {f"certain in y {i}" for i in range(only_x)}
    values = [
        score[both + len((certain_x | set(a)) & (certain_y | set(b)))]
        for a in combinations(x, places_x)
        for b in combinations(y, places_y)
    ]
    return sum(values) / len(values)


@given(st.lists(samples(), min_size=1, max_size=6))
def test_the_expectation_is_that_over_all_choices(rows):
    score = [0.0, 0.3, 0.5, 0.9, 1.0]
    expected = [_by_enumeration(row, score) for row in rows]
    assert _expected(rows, score).tolist() == pytest.approx(expected, abs=1e-9)


def test_samples_with_very_different_counts_do_not_disturb_each_other():
    none_shared = (0, 6, 3, 6, 6, 3, 0, 0)
    all_shared = (0, 6, 6, 0, 6, 6, 0, 6)
    score = [common / 9 for common in range(10)]
    together = _expected([none_shared, all_shared], score)
    alone = [_expected([row], score).item() for row in (none_shared, all_shared)]
    assert together.tolist() == pytest.approx(alone, abs=1e-12)
    assert alone == pytest.approx(
        [_by_enumeration(row, score) for row in (none_shared, all_shared)]
    )
