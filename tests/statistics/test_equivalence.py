"""Absence: two one-sided tests against their interval, Bayes factors against integrals."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1

from alignkit.errors import UsageError
from alignkit.statistics import correlate
from alignkit.statistics.correlation.verdict import judge
from alignkit.statistics.equivalence import (
    bayes_factor,
    equivalence_p,
    least_units_for,
    smallest_margin,
)
from alignkit.statistics.intervals import fisher_interval
from simulations import absence


@pytest.mark.parametrize(("r", "n"), [(0.0, 40), (0.05, 60), (-0.1, 90), (0.2, 400), (0.3, 50)])
def test_it_is_significant_where_the_90_percent_interval_lies_within(r, n):
    low, high = fisher_interval(r, n, 0.9)
    p = equivalence_p(r, 1 / math.sqrt(n - 3), 0.3)
    assert (p < 0.05) == (low > -0.3 and high < 0.3)
    assert p == pytest.approx(equivalence_p(-r, 1 / math.sqrt(n - 3), 0.3))


def test_on_the_margin_p_is_one_half():
    assert equivalence_p(0.3, 0.1, 0.3) == pytest.approx(0.5)
    assert equivalence_p(1.0, 0.1) == 1


@pytest.mark.parametrize(("margin", "n"), [(0.2, 69), (0.3, 32), (0.4, 19), (0.5, 12), (0.9, 6)])
def test_the_least_number_of_units(margin, n):
    assert least_units_for(margin) == n
    assert smallest_margin(n) < margin
    assert n == 6 or smallest_margin(n - 1) >= margin
    assert n == 6 or equivalence_p(0, 1 / math.sqrt(n - 3), margin) < 0.05


def test_a_bayes_factor_of_pingouin():
    """``pingouin.bayesfactor_pearson(0.6, 20)`` is 10.634."""
    assert 1 / bayes_factor(0.6, 20) == pytest.approx(10.634, abs=1e-3)


@pytest.mark.parametrize(("r", "n", "width"), [(0.3, 10, 1.0), (-0.5, 30, 1.0), (0.9, 12, 0.5)])
def test_bayes_factors_are_ratios_of_marginal_likelihoods(r, n, width):
    def likelihood(rho):
        kernel = (1 - rho**2) ** ((n - 1) / 2) * (1 - rho * r) ** (-(2 * n - 3) / 2)
        return kernel * hyp2f1(0.5, 0.5, n - 0.5, (1 + rho * r) / 2)

    def prior(rho):
        a = 1 / width
        return (1 - rho**2) ** (a - 1) / 2 ** (2 * a - 1) / math.exp(_log_beta(a, a))

    marginal = quad(lambda rho: likelihood(rho) * prior(rho), -1, 1)[0]
    assert bayes_factor(r, n, width) == pytest.approx(likelihood(0) / marginal, rel=1e-6)


def _log_beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_bayes_factors_at_the_ends():
    assert bayes_factor(1.0, 10) == 0
    assert 0 <= bayes_factor(0.95, 500) < 1e-200
    assert bayes_factor(0.0, 2000) > 30


def _table(n, seed=0):
    import pandas as pd

    x, y = np.random.default_rng(seed).standard_normal((2, n))
    y = y - x * (x @ y) / (x @ x)
    columns = {"task": "t", "placement": [f"p{i:03}" for i in range(n)], "seed": 0}
    return pd.DataFrame(columns | {"accuracy": y, "mknn": x})


def test_absence_is_a_verdict_where_there_are_units_enough():
    row = correlate(_table(60), "accuracy", ["mknn"]).table.iloc[0]
    assert row["verdict"] == row["absence"] == "absent"
    assert row["reason"] == "r lies within ±0.3"
    few = correlate(_table(12), "accuracy", ["mknn"]).table.iloc[0]
    assert few["verdict"] == "inconclusive"
    assert few["absence"] == "not testable"
    assert few["smallest_margin"] == pytest.approx(smallest_margin(12))
    wide = correlate(_table(12), "accuracy", ["mknn"], margin=0.7).table.iloc[0]
    assert wide["margin"] == 0.7
    assert wide["absence"] != "not testable"


def test_runs_as_units_show_no_absence():
    row = correlate(_table(60), "accuracy", ["mknn"], unit="run").table.iloc[0]
    assert row["absence"] == "not testable"
    assert row["verdict"] == "inconclusive"


def test_a_significant_association_within_the_margin_is_not_absent():
    row = {"p_adjusted": 0.2, "p": 0.04, "absence": "absent", "margin": 0.3}
    assert judge(row, 1, "") == ("inconclusive", "p is not below 0.05 after correction")
    assert judge(row | {"p": 0.2}, 1, "") == ("absent", "r lies within ±0.3")


@pytest.mark.parametrize("margin", [0, 1, -0.3])
def test_a_margin_is_between_zero_and_one(margin):
    with pytest.raises(UsageError, match="a margin of r must be between 0 and 1"):
        correlate(_table(8), "accuracy", ["mknn"], margin=margin)


@pytest.mark.parametrize("heavy", [False, True])
def test_at_the_margin_absence_is_rarely_said(heavy):
    absent, _ = absence.said(50, 400, 0.3, heavy)
    assert absent / 400 < 0.05 + 3 * 0.011


def test_without_an_association_absence_is_said_as_often_as_planned():
    absent, _ = absence.said(100, 400, 0.0)
    assert absent / 400 == pytest.approx(0.835, abs=0.06)
