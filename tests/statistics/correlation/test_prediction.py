"""Prediction of placements left out: against refitting, and when it may be claimed."""

import itertools

import numpy as np
import pandas as pd
import pytest

from alignkit.statistics import correlate
from alignkit.statistics.correlation.prediction import left_out_r2
from alignkit.statistics.multiple_testing import min_p
from alignkit.statistics.permutation import UnitPermutations
from simulations import prediction, robust


def _refitted(x, y):
    errors, plain = [], []
    for i in range(len(x)):
        others = np.arange(len(x)) != i
        slope, intercept = np.polyfit(x[others], y[others], 1)
        errors.append(y[i] - intercept - slope * x[i])
        plain.append(y[i] - y[others].mean())
    return 1 - np.square(errors).sum() / np.square(plain).sum()


def _table(x, y, **more):
    columns = {"task": "t", "placement": [f"p{i:02}" for i in range(len(x))], "seed": 0}
    return pd.DataFrame(columns | {"accuracy": y, "mknn": x} | more)


def test_r2_is_that_of_refitting_without_each_unit():
    x, y = np.random.default_rng(0).standard_normal((2, 6))
    values = left_out_r2(x, y, UnitPermutations("abcdef", 1, 0))
    assert values[0] == pytest.approx(_refitted(x, y))
    null = [_refitted(x, y[list(order)]) for order in itertools.permutations(range(6))]
    assert np.sort(values[1:]) == pytest.approx(np.sort(null))


def test_its_p_is_the_share_of_permutations():
    x, y = np.random.default_rng(1).standard_normal((2, 6))
    y += x
    row = correlate(_table(x, y), "accuracy", ["mknn"]).table.iloc[0]
    null = [_refitted(x, y[list(order)]) for order in itertools.permutations(range(6))]
    assert row["p_prediction"] == pytest.approx(np.mean(np.array(null) >= _refitted(x, y) - 1e-9))
    assert row["p_prediction_adjusted"] == row["p_prediction"]


def test_a_copy_of_a_metric_costs_nothing_and_another_one_does():
    rng = np.random.default_rng(2)
    x, noise, y = rng.standard_normal((3, 8))
    permutations = UnitPermutations("abcdefgh", 1, 0)
    first, other = ((left_out_r2(v, y, permutations), permutations) for v in (x, noise))
    [(p, alone)] = min_p([first])
    assert min_p([first, first])[0] == (p, alone)
    assert min_p([first, other])[0][1] >= alone


def test_groups_of_other_units_are_combined_as_if_independent():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 13))
    small, large = UnitPermutations("abcdef", 1, 0), UnitPermutations("ABCDEFG", 1, 0)
    family = [(left_out_r2(x[:6], y[:6], small), small), (left_out_r2(x[6:], y[6:], large), large)]
    for p, corrected in min_p(family):
        assert corrected == pytest.approx(1 - (1 - p) ** 2, abs=0.01)


def test_only_a_confirmed_prediction_is_claimed():
    rng = np.random.default_rng(4)
    x = rng.standard_normal(12)
    row = correlate(_table(x, x + 0.2 * rng.standard_normal(12)), "accuracy", ["mknn"]).table.iloc[
        0
    ]
    assert row["predicts"]
    assert row["r2_left_out"] > 0.8
    x, y = rng.standard_normal((2, 12))
    x[0] = y[0] = 12
    row = correlate(_table(x, y), "accuracy", ["mknn"]).table.iloc[0]
    assert not row["predicts"]


def test_nothing_is_predicted_for_runs():
    x, noise = np.random.default_rng(5).standard_normal((2, 12))
    row = correlate(_table(x, x + noise), "accuracy", ["mknn"], unit="run").table.iloc[0]
    assert row["r2_left_out"] is None
    assert not row["predicts"]


def test_with_a_control_it_is_what_alignment_adds_to_refitted_controls():
    x, y, size = np.random.default_rng(5).standard_normal((3, 6))

    def refitted(y):
        squares = []
        for columns in ([size, x], [size]):
            design = np.column_stack([np.ones(6), *columns])
            errors = []
            for i in range(6):
                others = np.arange(6) != i
                beta = np.linalg.lstsq(design[others], y[others], rcond=None)[0]
                errors.append(y[i] - design[i] @ beta)
            squares.append(np.square(errors).sum())
        return 1 - squares[0] / squares[1]

    design = np.column_stack([np.ones(6), size])
    hat = design @ np.linalg.pinv(design)
    fitted = {"x": hat @ x, "y": hat @ y}
    residuals = x - fitted["x"], y - fitted["y"]
    basis = (size - size.mean())[:, None] / np.linalg.norm(size - size.mean())
    values = left_out_r2(*residuals, UnitPermutations("abcdef", 1, 0), basis)
    assert values[0] == pytest.approx(refitted(y))
    orders = itertools.permutations(range(6))
    null = [refitted(fitted["y"] + residuals[1][list(order)]) for order in orders]
    assert np.sort(values[1:]) == pytest.approx(np.sort(null))


def test_with_a_control_only_what_is_beyond_it_is_predicted():
    rng = np.random.default_rng(6)
    size = rng.standard_normal(14)
    x = size + 0.5 * rng.standard_normal(14)
    small = 0.1 * rng.standard_normal(14)
    for y, predicts in ((size + small, False), (size + x + small, True)):
        table = _table(x, y, size=size)
        row = correlate(table, "accuracy", ["mknn"], control=["size"]).table.iloc[0]
        assert row["predicts"] == predicts


def test_a_unit_that_alone_makes_alignment_vary_predicts_nothing():
    x = np.zeros(10)
    x[3] = 1
    row = correlate(_table(x, np.arange(10.0)), "accuracy", ["mknn"]).table.iloc[0]
    assert row["r2_left_out"] is None


@pytest.mark.parametrize("design", [robust.gaussian, robust.outlier, robust.unequal_seeds])
def test_without_an_association_prediction_is_rarely_claimed(design):
    says, _, small = prediction.predicted(design, 12, 300)
    assert says / 300 < 0.06 + 3 * 0.0137
    if design is robust.gaussian:
        assert 0.05 - 3 * 0.0126 < small / 300 < 0.05 + 3 * 0.0126


def test_prediction_with_a_control_keeps_its_level_and_finds_what_is_there():
    says, _, small = prediction.predicted_with_control(12, 300)
    assert says / 300 < 0.06
    assert small / 300 < 0.09
    assert prediction.predicted_with_control(12, 300, r=0.7)[0] / 300 > 0.45
