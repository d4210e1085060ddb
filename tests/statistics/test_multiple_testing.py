"""Corrections of p-values against statsmodels and by hand."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from alignkit.statistics.multiple_testing import benjamini_hochberg, holm


@pytest.mark.parametrize("seed", range(5))
def test_holm_and_benjamini_hochberg_equal_statsmodels(seed):
    p = np.random.default_rng(seed).random(23) ** 3
    p[3] = p[7]  # a tie
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def test_holm_and_benjamini_hochberg_on_a_worked_example():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    with_gap = np.array([0.01, np.nan, 0.03])
    assert holm(with_gap)[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(holm(with_gap)[1])
