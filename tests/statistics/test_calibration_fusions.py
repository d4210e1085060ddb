"""A small version of the simulations of changes across fusions."""

import pytest

from simulations import fusions

STUDIES = 400


def test_five_placements_cannot_claim_a_change():
    assert fusions.claims(fusions.gaussian, 5, 3.0, 50) == 0


@pytest.mark.parametrize("noise", [fusions.gaussian, fusions.unequal, fusions.heavy])
def test_eight_tests_claim_a_change_that_is_none_one_time_in_twenty(noise):
    assert fusions.claims(noise, 8, 0.0, STUDIES) / STUDIES < 0.05 + 3 * 0.011


def test_six_placements_suffice_for_eight_tests():
    assert fusions.claims(fusions.gaussian, 6, 2.0, 100) > 60
