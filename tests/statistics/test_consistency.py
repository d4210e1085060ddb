"""Triples of correlations against eigenvalues; printed p against r and n."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from alignkit.errors import UsageError
from alignkit.report.consistency import consistency_lines
from alignkit.statistics.consistency import (
    check_printed,
    implied_n,
    judge_triple,
    p_fits,
    parametric_p,
    possible_range,
)


@pytest.mark.parametrize("n", [4, 8, 24])
def test_parametric_p_equals_scipys_for_pearson_and_spearman(n):
    x, y = np.random.default_rng(n).standard_normal((2, n))
    for test in (scipy.stats.pearsonr, scipy.stats.spearmanr):
        found = test(x, y)
        assert parametric_p(found.statistic, n) == pytest.approx(found.pvalue, abs=1e-10)


R = st.floats(-1, 1)


@given(R, R, R)
def test_possible_is_positive_semi_definite(r_xy, r_xz, r_yz):
    matrix = np.array([[1, r_xy, r_xz], [r_xy, 1, r_yz], [r_xz, r_yz, 1]])
    smallest = np.linalg.eigvalsh(matrix)[0]
    if abs(smallest) > 1e-6:  # not on the border
        assert (judge_triple(r_xz, r_yz, r_xy) == "possible") == (smallest > 0)


@given(st.integers(0, 10_000))
def test_data_are_never_impossible_even_when_printed(seed):
    r = np.corrcoef(np.random.default_rng(seed).standard_normal((3, 5)))
    assert judge_triple(r[0, 2], r[1, 2], r[0, 1]) == "possible"
    rounded = np.round(r, 2)
    assert judge_triple(rounded[0, 2], rounded[1, 2], rounded[0, 1], 2) != "impossible"


def test_the_range_that_is_left():
    assert possible_range(0.771, -0.967) == pytest.approx((-0.908, -0.583), abs=1e-3)
    assert possible_range(0.0, 0.0) == pytest.approx((-1, 1))
    assert possible_range(1.0, 0.4) == pytest.approx((0.4, 0.4))
    low, high = possible_range((0.7, 0.8), (0.7, 0.8))
    assert (low, high) == pytest.approx((2 * 0.7**2 - 1, 1))


def test_the_border_is_named():
    edge = math.cos(math.acos(0.8) + math.acos(0.5))
    assert judge_triple(0.8, 0.5, edge - 0.0004, 3) == "border"
    assert judge_triple(0.8, 0.5, edge - 0.01, 3) == "impossible"


def test_p_and_n_of_a_printed_r():
    assert p_fits(0.739, 0.002, 15)
    assert not p_fits(0.739, 0.002, 24)
    assert p_fits(-0.263, 0.344, 15)
    assert p_fits(0.999, 0.000, 15)
    assert implied_n(0.739, 0.002) == (15, 15)
    assert all(math.isnan(n) for n in implied_n(0.9, 0.9))


def _pairs(rows):
    return pd.DataFrame(rows, columns=["group", "x", "y", "r"])


def test_the_pair_with_the_wrong_sign_is_named():
    rng = np.random.default_rng(0)
    latent = rng.standard_normal(30)
    names = ["accuracy", "loss", "m1", "m2"]
    data = [latent, -latent, latent, latent] + 0.3 * rng.standard_normal((4, 30))
    r = np.corrcoef(data)
    rows = [["g", a, b, r[i, j]] for i, a in enumerate(names) for j, b in enumerate(names) if i < j]
    checked = check_printed(_pairs(rows), 3)
    assert checked.sign_flips == []
    assert consistency_lines(checked) == ["all 4 triples are possible"]
    for row in rows:
        if "loss" in row[1:3] and "accuracy" not in row[1:3]:
            row[3] *= -1
    checked = check_printed(_pairs(rows), 3)
    assert checked.sign_flips == [("accuracy", "loss")]
    lines = consistency_lines(checked)
    assert lines[0].startswith("2 of 4 triples are impossible")
    assert "r(accuracy, loss) is flipped" in lines[1]


def test_groups_are_kept_apart():
    rows = [["a", "x", "y", 0.9], ["a", "x", "z", 0.9], ["b", "y", "z", -0.9]]
    assert consistency_lines(check_printed(_pairs(rows))) == [
        "no three variables have all three correlations; there is nothing to compare"
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (_pairs([["a", "x", "y", 0.9], ["a", "y", "x", 0.8]]), "y with x occurs twice in group a"),
        (_pairs([["a", "x", "y", 1.9]]), "outside -1 to 1"),
        (_pairs([["a", "x", "y", "high"]]), "column 'r' of the table is not numeric"),
        (pd.DataFrame({"x": ["a"]}), "no column 'y'"),
    ],
)
def test_faulty_tables(table, message):
    with pytest.raises(UsageError, match=message):
        check_printed(table)
