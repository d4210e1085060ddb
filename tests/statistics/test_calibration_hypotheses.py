"""A small version of the simulations of H1 and H2."""

import pytest

from simulations import layers, task_dependence
from simulations.task_dependence import Design

STUDIES = 200
LIMIT = 0.06 + 3 * 0.017


@pytest.mark.parametrize("noisy", [(), (4,), (6, 6)])
def test_noise_of_a_placement_is_no_interaction(noisy):
    assert task_dependence.significant(Design(noisy=noisy), STUDIES) / STUDIES < LIMIT


def test_effects_of_seeds_neither_make_nor_hide_an_interaction():
    plain, shifted = (
        task_dependence.significant(Design(first=1, second=1, shared=shared), 50)
        for shared in (0, 4)
    )
    assert shifted > 15
    assert abs(plain - shifted) < 12


def test_a_task_without_preference_prefers_nothing():
    assert task_dependence.preferences(Design(first=2), 100) / 100 < 0.06 + 3 * 0.024


@pytest.mark.parametrize("r", [(0.6, 0.6), (0.6, -0.6), (0.0, 0.0)])
def test_correlations_of_equal_strength_are_told_apart_one_time_in_twenty(r):
    assert layers.claims(r, 12, STUDIES) / STUDIES < LIMIT


def test_a_family_of_comparisons_holds_the_level():
    assert layers.family_claims(12, 100) / 100 < 0.06 + 3 * 0.024
