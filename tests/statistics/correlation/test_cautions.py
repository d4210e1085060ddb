"""Influential units, against statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from alignkit.statistics.correlation.cautions import most_influential


def test_cooks_distance_equals_statsmodels():
    x, y = np.random.default_rng(3).standard_normal((2, 9))
    fitted = smf.ols("y ~ x", pd.DataFrame({"x": x, "y": y})).fit()
    oracle = fitted.get_influence().cooks_distance[0]
    name, distance = most_influential(x, y, [str(i) for i in range(9)])
    assert int(name) == oracle.argmax()
    assert distance == pytest.approx(oracle.max(), abs=1e-8)
