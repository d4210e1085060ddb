"""Agreement between metrics, against pandas and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import cophenet
from scipy.stats import spearmanr

from alignkit.statistics.agreement import agreement


def _values(rng, runs=5, layers=12):
    base = rng.normal(size=(runs, layers)).ravel()
    other = rng.normal(size=runs * layers)
    return pd.DataFrame(
        {
            "run": np.repeat([f"r{i}" for i in range(runs)], layers),
            "a": base,
            "same": np.exp(base),
            "distance": -base + 0.01 * rng.normal(size=len(base)),
            "other": other,
        }
    )


def test_metrics_that_measure_the_same_are_one_group():
    table = _values(np.random.default_rng(0))
    found = agreement(table, ["other", "a", "same", "distance"], ["distance"])
    assert found.groups == [1, 2, 2, 2]
    expected = table[["other", "a", "same"]].corr("spearman").to_numpy()
    assert found.spearman[:3, :3] == pytest.approx(expected)
    assert found.pearson[1, 3] > 0.99, "a distance is turned round"
    assert found.pearson[1, 2] < found.spearman[1, 2] == pytest.approx(1)
    slow = np.mean([spearmanr(p["a"], p["other"]).statistic for _, p in table.groupby("run")])
    assert found.within[0, 1] == pytest.approx(slow)
    assert found.n[0, 0] == 60
    assert sorted(found.order) == [0, 1, 2, 3]
    # The height at which two metrics meet is their mean distance.
    heights = cophenet(found.links)
    assert heights.max() == pytest.approx(1 - found.spearman[0, 1:].mean())


def test_undefined_values_are_left_out_pairwise():
    table = _values(np.random.default_rng(0))
    table.loc[3, "other"] = np.nan
    table.loc[table["run"] == "r0", "a"] = 0.5
    found = agreement(table, ["other", "a"])
    assert found.n.tolist() == [[59, 59], [59, 60]]
    assert found.runs[0, 1] == 4
    constant = agreement(table.assign(a=1.0), ["other", "a"])
    assert np.isnan(constant.spearman[0, 1])
    assert constant.groups == [1, 2]
