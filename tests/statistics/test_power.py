"""Power: against simulation with the permutation test itself, and what a plan says."""

import re

import numpy as np
import pytest
import scipy.stats

from alignkit.cli.printing.power import Mark, show
from alignkit.errors import UsageError
from alignkit.report.cautions import power_cautions
from alignkit.statistics.power import observed_r, plan, power, required_units, simulate, unit_values


@pytest.mark.parametrize(
    ("n", "expected"), [(5, 0.27), (8, 0.54), (12, 0.78), (16, 0.90), (24, 0.98)]
)
def test_power_at_seven_tenths(n, expected):
    """Simulated elsewhere with 2,000 studies each."""
    assert power(n, 0.7) == pytest.approx(expected, abs=0.012)


def test_without_an_association_power_is_the_level():
    for n in (4, 9, 40):
        assert power(n, 0.0) == pytest.approx(0.05, abs=1e-9)
        assert power(n, 0.0, 0.01) == pytest.approx(0.01, abs=1e-9)


def test_power_of_the_t_test_by_simulation():
    rng = np.random.default_rng(0)
    x, y = unit_values(rng, 20_000, 9, 1, 0.5, 1.0, 1.0)
    p = scipy.stats.pearsonr(x, y, axis=1).pvalue
    assert power(9, 0.5) == pytest.approx((p < 0.05).mean(), abs=0.011)


def test_power_grows_and_sign_does_not_matter():
    powers = [power(n, 0.4) for n in range(4, 200, 7)]
    assert powers == sorted(powers)
    assert power(10, -0.6) == pytest.approx(power(10, 0.6))
    assert power(1500, 0.9) == pytest.approx(1)
    assert power(5, 1.0) == 1


def test_needed_is_the_fewest():
    n = required_units(0.7)
    assert power(n, 0.7) >= 0.8 > power(n - 1, 0.7)
    assert required_units(0.01) is None


def test_power_is_refused_where_a_test_is():
    assert required_units(0.999) == 6
    with pytest.raises(UsageError, match="needs at least 6"):
        plan(0.7, [5])


def test_seeds_blur_as_reliability_says():
    assert observed_r(0.7, 3) == pytest.approx(0.7)
    assert observed_r(0.7, 1, 0.5, 0.5) == pytest.approx(0.35)
    rng = np.random.default_rng(1)
    x, y = unit_values(rng, 1, 200_000, 3, 0.7, 0.6, 0.8)
    assert np.corrcoef(x[0], y[0])[0, 1] == pytest.approx(observed_r(0.7, 3, 0.6, 0.8), abs=0.005)


def test_the_permutation_test_has_the_planned_power():
    got = simulate(8, 3, 0.7, icc_metric=0.9, icc_outcome=0.9, studies=400, seed=0)
    planned = power(8, observed_r(0.7, 3, 0.9, 0.9))
    assert got == pytest.approx(planned, abs=0.07)  # three standard errors
    assert got == simulate(8, 3, 0.7, icc_metric=0.9, icc_outcome=0.9, studies=400, seed=0)


def test_a_plan_has_a_row_per_number_of_placements_and_tests():
    found = plan(0.7, [8, 16], seeds=3, tests=[1, 4])
    assert found.table[["tests", "placements"]].to_numpy().tolist() == [
        [1, 8],
        [1, 16],
        [4, 8],
        [4, 16],
    ]
    assert found.table["power"].iloc[2] == pytest.approx(power(8, 0.7, 0.05 / 4))
    assert found.settings["needed"][0] == {"tests": 1, "placements": 13}
    assert power_cautions(found) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"r": 1.2}, "`r` is 1.2"),
        ({"placements": [5, 8]}, "`placements` is 5; a test, and so its power, needs at least 6"),
        ({"seeds": 0}, "`seeds` is 0"),
        ({"tests": [0]}, "`tests` is 0"),
        ({"icc_metric": 0}, "`icc_metric` is 0"),
        ({"target": 1}, "`target` is 1"),
        ({"level": 0}, "`level` is 0"),
    ],
)
def test_faulty_arguments(words, message):
    with pytest.raises(UsageError, match=message):
        plan(**({"r": 0.7, "placements": [8]} | words))


def test_the_marked_row_counts_runs_as_they_are(capsys):
    show(plan(0.7, [6, 8], seeds=3), Mark(6, "your placements", 6))
    lines = capsys.readouterr().out.splitlines()
    marked = [re.findall(r"\w+", line) for line in lines if "your" in line]
    assert [words[0] for words in marked] == ["6"]
    assert marked[0][:3] == ["6", "3", "6"]  # placements, seeds, runs
