"""Robust tests and verdicts: against definitions, and where plain correlations mislead."""

import itertools

import numpy as np
import pandas as pd
import pytest

from alignkit.statistics import correlate
from alignkit.statistics.correlation.robust import turning_p
from alignkit.statistics.correlation.verdict import judge
from alignkit.statistics.permutation import UnitPermutations, studentised
from simulations import robust

STUDIES = 300


def _table(x, y, metric="mknn"):
    return pd.DataFrame(
        {
            "task": "t",
            "placement": [f"p{i:02}" for i in range(len(x))],
            "seed": 0,
            "accuracy": y,
            metric: x,
        }
    )


def _row(x, y, **options):
    return correlate(_table(x, y), "accuracy", ["mknn"], **options).table.iloc[0]


def test_the_studentised_p_is_the_share_of_all_permutations():
    x, y = np.random.default_rng(0).standard_normal((2, 6))
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()

    def statistic(order):
        tau = np.sqrt((u**2 * v[order] ** 2).mean())
        return (u * v[order]).mean() * np.sqrt(6) / tau

    observed = statistic(np.arange(6))
    assert studentised(x, y) == pytest.approx(observed)
    null = np.array([statistic(list(order)) for order in itertools.permutations(range(6))])
    expected = (np.abs(null) >= abs(observed) - 1e-12).mean()
    assert _row(x, y)["p_studentised"] == pytest.approx(expected, abs=1e-12)


def test_permuted_variables_in_memory_do_not_mix():
    rng = np.random.default_rng(1)
    x, *others = rng.standard_normal((5, 7))
    shared = UnitPermutations("abcdefg", 99, 0)
    for y in [*others, *others]:
        fresh = UnitPermutations("abcdefg", 99, 0).null(x, y)
        np.testing.assert_array_equal(shared.null(x, y), fresh)


def test_a_turn_is_found_within_the_range_only():
    x = np.linspace(-1, 1, 9)
    bumps = 0.05 * np.cos(7 * np.arange(9))
    assert turning_p(x, x**2 + bumps) < 0.001
    assert turning_p(x, (x + 2) ** 2 + bumps) == 1
    assert turning_p(x, x**2) == pytest.approx(0, abs=1e-9)
    assert turning_p(np.repeat([0.0, 1.0, 2.0], 3), x) is None


def test_one_outlying_placement_earns_no_verdict():
    x, y = np.random.default_rng(2).standard_normal((2, 12))
    x[0] = y[0] = 8
    row = _row(x, y)
    assert row["p"] < 0.05
    assert row["p_studentised"] > 0.2
    assert row["verdict"] == "inconclusive"
    assert "a few units carry it" in row["reason"]


def test_a_curve_earns_no_verdict():
    x = np.linspace(-1, 3, 12)
    row = _row(x, x**2)
    assert row["p"] < 0.01
    assert row["verdict"] != "supported"
    assert "turns within the range" in row["reason"]


def test_where_no_arrangement_suffices_the_row_is_not_testable():
    """One of 8 units differs: it comes with the highest score in one of eight arrangements."""
    x, y = np.zeros(8), np.arange(8.0)
    x[-1] = 1
    row = _row(x, y)
    assert row["least_p"] == pytest.approx(2 / 8)  # or with the lowest
    assert row["p"] == row["p_adjusted"] == row["least_p_adjusted"]
    assert row["verdict"] == "not testable"
    assert "the least corrected p that these values can attain is 0.250" in row["reason"]


def test_too_few_permutations_are_not_testable():
    x = np.arange(10.0)
    assert _row(x, x, permutations=10)["verdict"] == "not testable"


def test_the_least_corrected_p_over_tasks_of_other_placements():
    x = np.random.default_rng(0).standard_normal(13)
    first = _table(x[:6], np.arange(6.0))
    second = _table(x[6:], np.arange(7.0)).assign(task="u")
    rows = correlate(pd.concat([first, second]), "accuracy", ["mknn"]).table
    assert (rows["least_p_adjusted"] >= rows["least_p"]).all()
    assert (rows["p_adjusted"] >= rows["least_p_adjusted"] - 1e-12).all()


def test_suggestive_goes_by_the_corrected_p():
    row = {
        "family": "primary",
        "pearson": 0.7,
        "spearman": 0.6,
        "p": 0.01,
        "p_adjusted": 0.06,
        "p_studentised": 0.01,
        "p_spearman_adjusted": 0.01,
        "p_turn": 1.0,
        "leave_one_out_low": 0.5,
        "leave_one_out_high": 0.8,
    }
    assert judge(row, 1, "") == ("inconclusive", "p is not below 0.05 after correction")
    significant = row | {"p_adjusted": 0.04}
    assert judge(significant, 1, "")[0] == "supported"
    assert judge(significant, 1, "", ["alignment is not above chance"])[0] == "suggestive"
    assert judge(significant | {"p_studentised": 0.2}, 1, "")[0] == "inconclusive"
    assert judge(significant | {"family": "exploratory"}, 1, "") == ("suggestive", "exploratory")


def test_simulated_studies_have_the_numbers_of_correlate():
    rng = np.random.default_rng(4)
    x, y = robust.gaussian(rng, (3, 12), 0.7)
    simulated = robust.rows_of([x], y, robust.Permuted.of(12))[0]
    for i, numbers in enumerate(simulated):
        row = _row(x[i], y[i])
        for name in ("pearson", "spearman", "leave_one_out_low", "leave_one_out_high", "p_turn"):
            assert numbers[name] == pytest.approx(row[name], abs=1e-6)
        for name in ("p", "p_adjusted", "p_studentised", "p_spearman_adjusted"):
            assert numbers[name] == pytest.approx(row[name], abs=0.06)  # 999 permutations


@pytest.mark.parametrize(
    ("design", "limit"),
    [(robust.gaussian, 0.06), (robust.outlier, 0.06), (robust.unequal_seeds, 0.06)],
)
@pytest.mark.parametrize("n", [8, 16])
def test_verdicts_without_an_association_are_rare(design, limit, n):
    total = robust.counts(robust.single(design), n, STUDIES)
    error = 3 * (limit * (1 - limit) / STUDIES) ** 0.5
    assert total["strong"][0] / STUDIES < limit + error
    assert total["suggestive"][0] / STUDIES < limit + error


def test_the_power_of_a_verdict_is_at_most_twenty_points_lower():
    now, before = robust.counts(robust.single(robust.gaussian, r=0.8), 8, STUDIES)["strong"]
    assert before - 0.2 * STUDIES - 10 < now < before
