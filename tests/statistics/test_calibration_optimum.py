"""A small version of the simulations of the question on an optimum."""

import pytest

from simulations import optimum

STUDIES = 300


@pytest.mark.parametrize(("curve", "limit"), [(optimum.LINE, 0.06), (optimum.FAN, 0.08)])
def test_a_straight_line_is_seldom_bent(curve, limit):
    rejected = sum(fit.p < 0.05 for fit in optimum.fits(curve, 12, STUDIES)) / STUDIES
    assert rejected < limit + 3 * (limit * (1 - limit) / STUDIES) ** 0.5


@pytest.mark.parametrize("curve", [optimum.LOGARITHM, optimum.FLAT, optimum.PLATEAU])
def test_a_monotone_curve_is_seldom_an_optimum(curve):
    claimed = sum(map(optimum.supported, optimum.fits(curve, 20, STUDIES))) / STUDIES
    assert claimed < 0.08 + 3 * (0.08 * 0.92 / STUDIES) ** 0.5


def test_noise_that_differs_is_seldom_an_optimum():
    claimed = sum(map(optimum.supported, optimum.fits(optimum.FAN, 12, STUDIES))) / STUDIES
    assert claimed < 0.06 + 3 * (0.06 * 0.94 / STUDIES) ** 0.5


def test_a_parabola_is_mostly_an_optimum():
    claimed = sum(map(optimum.supported, optimum.fits(optimum.PARABOLA, 12, STUDIES))) / STUDIES
    assert claimed > 0.7
