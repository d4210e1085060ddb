"""What tells an optimum from a curve that flattens: against isotonic regression."""

import numpy as np
import pytest
from scipy.stats import t
from sklearn.isotonic import isotonic_regression

from alignkit.statistics.rise_and_fall import DRAWN, SIDE_P, beyond_decreasing, rises_and_falls


@pytest.mark.parametrize("point", [0.0, 0.1, 0.5, 0.8, 1.0])
def test_the_contrast_is_what_the_nearest_decreasing_curve_leaves(point):
    x = np.random.default_rng(0).uniform(0, 1, 15)
    order = np.argsort(x)
    parabola = -((x[order] - point) ** 2)
    left = parabola - isotonic_regression(parabola, increasing=False)
    expected = np.zeros(15)
    expected[order] = left / (np.linalg.norm(left) or 1)
    assert beyond_decreasing(x, point) == pytest.approx(expected)


def test_no_decreasing_curve_goes_with_the_contrast():
    rng, x = np.random.default_rng(1), np.linspace(0, 1, 12)
    for point in (0.2, 0.5, 0.9):
        contrast = beyond_decreasing(x, point)
        curves = np.sort(rng.normal(size=(200, 12)) ** 3, axis=1)[:, ::-1]
        assert (curves @ contrast <= 1e-12).all()
        assert contrast.sum() == pytest.approx(0)
        assert contrast @ -((x - point) ** 2) > 0


def test_both_sides_need_a_small_p():
    x, rng = np.arange(20) / 20 + 0.025, np.random.default_rng(2)
    decisions = []
    for point in (0.2, 0.5, 0.9):
        drawn = point + DRAWN * (0.5 - point)
        for _ in range(40):
            y = -3 * (x - 0.5) ** 2 + 0.4 * rng.normal(size=20)
            sides = (beyond_decreasing(x, drawn), beyond_decreasing(-x, -drawn))
            expected = all(t.sf(side @ y / 0.4, 17) < SIDE_P for side in sides)
            assert rises_and_falls(x, y, point, 0.16, 17) == expected
            decisions.append(expected)
    assert len(set(decisions)) == 2


def test_the_order_of_units_does_not_matter_when_alignment_is_tied():
    rng = np.random.default_rng(3)
    x = np.repeat([0.0, 0.2, 0.5, 0.7, 1.0], [2, 3, 1, 3, 2])
    decisions = []
    for _ in range(40):
        y = -2 * (x - 0.5) ** 2 + 0.4 * rng.normal(size=11)
        order = rng.permutation(11)
        decisions.append(rises_and_falls(x, y, 0.45, 0.16, 8))
        assert rises_and_falls(x[order], y[order], 0.45, 0.16, 8) == decisions[-1]
    assert len(set(decisions)) == 2


def test_a_point_outside_counts_as_the_end_of_the_range():
    x = np.linspace(0, 1, 10)
    for y in (-((x - 0.5) ** 2), -(x**2)):
        for end, beyond in ((0.0, -3.0), (1.0, 7.0)):
            assert rises_and_falls(x, y, beyond, 1e-4, 7) == rises_and_falls(x, y, end, 1e-4, 7)
    assert not rises_and_falls(x, x, 0.5, 1e-4, 7)
    assert not rises_and_falls(x, -x, 0.5, 1e-4, 7)


def test_level_scores_without_noise_have_no_optimum():
    x = np.linspace(0, 1, 10)
    assert not rises_and_falls(x, np.zeros(10), 0.5, 0.0, 7)
