"""Fisher's interval, against scipy."""

import numpy as np
import pytest
import scipy.stats

from alignkit.statistics.intervals import fisher_interval


def test_fishers_interval_equals_scipys():
    x, y = np.random.default_rng(0).standard_normal((2, 9))
    found = scipy.stats.pearsonr(x, y)
    for level in (0.8, 0.95):
        oracle = tuple(found.confidence_interval(level))
        assert fisher_interval(found.statistic, 9, level) == pytest.approx(oracle, abs=1e-12)
