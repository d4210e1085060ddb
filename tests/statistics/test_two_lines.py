"""The lines before and after a turning point: against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import t

from alignkit.statistics.two_lines import SIDE_P, rises_and_falls


def _slopes_and_p(x, y, before, after):
    """Return two slopes with their one-sided p, by one variance for both lines."""
    fits = [sm.OLS(y[side], sm.add_constant(x[side])).fit() for side in (before, after)]
    variance = sum(fit.ssr for fit in fits) / sum(fit.df_resid for fit in fits)
    for fit, sign in zip(fits, (1, -1), strict=True):
        error = fit.bse[1] * np.sqrt(variance / fit.mse_resid)
        yield t.sf(sign * fit.params[1] / error, len(x) - 4)


@pytest.mark.parametrize(("point", "counts"), [(0.5, (10, 10)), (0.9, (18, 8)), (0.05, (8, 19))])
def test_each_line_has_its_side_and_at_least_two_fifths_of_the_units(point, counts):
    x = np.arange(20) / 20 + 0.025
    decisions = []
    for seed in range(60):
        y = -3 * (x - 0.5) ** 2 + 0.4 * np.random.default_rng(seed).normal(size=20)
        before, after = slice(None, counts[0]), slice(20 - counts[1], None)
        expected = all(p < SIDE_P for p in _slopes_and_p(x, y, before, after))
        assert rises_and_falls(x, y, point) == expected
        decisions.append(expected)
    assert len(set(decisions)) == 2


def test_the_order_of_units_does_not_matter_when_alignment_is_tied():
    rng = np.random.default_rng(0)
    x = np.repeat([0.0, 0.2, 0.5, 0.7, 1.0], [2, 3, 1, 3, 2])
    for _ in range(40):
        y = -2 * (x - 0.5) ** 2 + 0.3 * rng.normal(size=11)
        order = rng.permutation(11)
        assert rises_and_falls(x, y, 0.45) == rises_and_falls(x[order], y[order], 0.45)


def test_no_line_without_a_spread():
    x = np.array([0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4])
    assert not rises_and_falls(x, -((x - 0.1) ** 2), -1.0)
