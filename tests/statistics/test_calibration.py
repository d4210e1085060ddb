"""A small version of ``benchmarks/calibration.py``: shares within three standard errors."""

import pytest

from alignkit.statistics.power import observed_r, power
from simulations import correlation

STUDIES = 1000


@pytest.mark.parametrize("within", [0.0, 0.7])
def test_no_association_is_rejected_one_time_in_twenty(within):
    grid = correlation.Grid(7, 3, 0.8, 0.95, within=within)
    ours, naive = correlation.rejected(grid, STUDIES)
    assert 0.029 < ours / STUDIES < 0.071
    assert naive / STUDIES > 0.18  # what treating seeds as independent does


def test_drawn_permutations_hold_the_level_too():
    ours, _ = correlation.rejected(correlation.Grid(12, 3, 0.97, 0.97), STUDIES)
    assert 0.029 < ours / STUDIES < 0.071


@pytest.mark.parametrize(("units", "true"), [((7, 7), ()), ((6, 7, 12), ()), ((6, 7), (0,))])
def test_a_family_claims_too_much_one_time_in_twenty(units, true):
    assert correlation.family_wise(units, true, 400) / 400 < 0.05 + 3 * 0.011


def test_power_is_as_planned():
    grid = correlation.Grid(12, 3, 0.97, 0.97, r=0.7)
    ours, _ = correlation.rejected(grid, STUDIES)
    assert ours / STUDIES == pytest.approx(power(12, observed_r(0.7, 3, 0.97, 0.97)), abs=0.04)
