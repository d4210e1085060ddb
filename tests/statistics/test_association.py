"""Associations, reliability and agreement, against scipy, pandas and slow counts."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import cophenet
from scipy.stats import pearsonr, spearmanr

from alignkit.statistics.agreement import agreement
from alignkit.statistics.association import associate, best_of
from alignkit.statistics.reliability import rank_agreement, spearman_brown, split_half


def test_an_association_is_scipys_with_a_permutation_p():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 7))
    found = associate(np.append(x, np.nan), np.append(y, 1.0))
    assert found.n == 7
    assert found.pearson == pytest.approx(pearsonr(x, y).statistic)
    assert found.spearman == pytest.approx(spearmanr(x, y).statistic)
    null = [abs(np.corrcoef(x, y[list(o)])[0, 1]) for o in permutations(range(7))]
    assert found.p == pytest.approx(np.mean(np.array(null) >= abs(found.pearson) - 1e-9))
    assert "at least 6" in associate(x[:4], y[:4]).reason
    assert associate(x[:4], y[:4]).pearson is not None
    assert "constant" in associate(x, np.ones(7)).reason
    assert associate(x[:2], y[:2]).pearson is None


def test_the_best_layer_is_held_against_the_best_of_every_permutation():
    rng = np.random.default_rng(1)
    layers, y = rng.normal(size=(6, 4)), rng.normal(size=6)
    column, r, p = best_of(layers, y)
    every = np.array(
        [
            [np.corrcoef(layers[:, c], y[list(o)])[0, 1] for c in range(4)]
            for o in permutations(range(6))
        ]
    )
    assert column == np.argmax(np.abs(every[0]))
    assert r == pytest.approx(every[0, column])
    assert p == pytest.approx(np.mean(np.abs(every).max(axis=1) >= abs(r) - 1e-9))
    assert p >= associate(layers[:, column], y).p


def test_reliability_follows_spearman_and_brown():
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(5, 2, 12)) + 2 * rng.normal(size=12)
    r = np.mean([np.corrcoef(one, other)[0, 1] for one, other in halves])
    assert split_half(halves) == pytest.approx(2 * r / (1 + r))
    assert split_half(halves[:, :, :2]) is None
    assert split_half(np.ones((1, 2, 5))) is None
    assert rank_agreement([1, 2, 3], [2, 4, 9]) == 1
    assert rank_agreement([1, 2], [1, 2]) is None
    assert rank_agreement([1, 1, 1], [1, 2, 3]) is None


def test_reliability_predicts_the_correlation_of_two_measurements():
    # A profile plus noise: the reliability is the share of the variance that is the profile.
    rng = np.random.default_rng(1)
    profile = rng.normal(size=4000)
    noise = rng.normal(size=(1, 2, 4000)) * np.sqrt(2)  # half the samples, twice the variance
    assert split_half(profile + noise) == pytest.approx(0.5, abs=0.05)


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
