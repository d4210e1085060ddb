"""Neighbours that tie: no value depends on the order of samples, and unrelated data stay so."""

import definitions
import numpy as np
import pytest
import torch

import alignkit
from alignkit.metrics import Representation, grid, resolve

SETS = ("mknn", "jaccard", "cycle_knn", "rank_similarity", "cknna", "second_order_cosine")
LISTS = ("lcs_knn", "edit_distance_knn")
RANKS = ("information_imbalance",)


def _spec(name, k):
    return name if name in RANKS else f"{name}:k={k}"


def _levels(n, levels, seed):
    """One-hot answers of unrelated questions: whole classes tie."""
    rng = np.random.default_rng(seed)
    return [np.eye(levels)[rng.integers(0, levels, n)] for _ in "xy"]


def _repeated(n, levels, seed):
    """Rows that repeat a few times each; samples of different rows are never equally far."""
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((levels, 6))[np.concatenate([rng.permutation(levels)] * (n // levels))]
        for _ in "xy"
    ]


def _value(x, y, name, k=10, **options):
    (value,) = grid(
        resolve(_spec(name, k)),
        [Representation(x, name="x")],
        [Representation(y, name="y")],
        **options,
    )
    return value


@pytest.mark.parametrize("name", ["mknn", "jaccard", "cycle_knn", "rank_similarity", *LISTS])
def test_values_are_the_mean_over_ties_broken_at_random(name, monkeypatch):
    rng = np.random.default_rng(1)
    x, y = _repeated(18, 6, 0)
    x[:3] = rng.standard_normal((3, 6))  # some samples without any tie
    y = np.where(rng.random((18, 1)) < 0.5, x, y)
    lists = definitions.neighbours
    near = {id(z): definitions.cosines(z) for z in (x, y)}
    monkeypatch.setattr(definitions, "cosines", lambda z: near[id(z)])
    monkeypatch.setattr(definitions, "neighbours", lambda z, k: lists(z, k, rng))
    drawn = [getattr(definitions, name)(x, y, 4) for _ in range(1000)]
    error = np.std(drawn) / len(drawn) ** 0.5
    slack = 0.004 if name in LISTS else 0  # these are means over random draws themselves
    assert _value(x, y, name, 4).value == pytest.approx(np.mean(drawn), abs=4 * error + slack)


def test_mknn_shares_the_places_that_are_left():
    for x, y in (_levels(40, 4, 0), _repeated(40, 8, 0)):
        assert _value(x, y, "mknn", 5).value == pytest.approx(definitions.tied_mknn(x, y, 5))


def test_information_imbalance_takes_mean_ranks():
    x, y = _levels(30, 4, 0)
    ranks = []
    for i in range(30):
        others = np.arange(30) != i
        a, b = (((z - z[i]) ** 2).sum(axis=1) for z in (x, y))
        nearest = others & (a == a[others].min())
        mean_ranks = [(b[others] < c).sum() + ((b[others] == c).sum() + 1) / 2 for c in b[nearest]]
        ranks.append(np.mean(mean_ranks))
    value = _value(x, y, "information_imbalance").value
    assert value == pytest.approx(2 * np.mean(ranks) / 30)


@pytest.mark.parametrize("name", [*SETS, *LISTS, *RANKS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_order_of_samples_does_not_matter(name, dtype):
    data = [_repeated(60, 20, 0)] if name in LISTS else [_repeated(60, 20, 0), _levels(60, 4, 0)]
    for x, y in data:
        values = []
        for seed in range(4):
            order = np.random.default_rng(seed).permutation(60) if seed else np.arange(60)
            sides = (Representation(z[order], dtype=dtype) for z in (x, y))
            values.append(grid(resolve(_spec(name, 7)), *([side] for side in sides))[0].value)
        tolerance = 1e-6 if name in ("cknna", "second_order_cosine") else 1e-12
        assert values == pytest.approx([values[0]] * 4, abs=tolerance)


@pytest.mark.parametrize("name", ["mknn", "jaccard", "rank_similarity", *LISTS])
def test_symmetric_metrics_stay_symmetric(name):
    x, y = _repeated(60, 20, 1)
    assert _value(x, y, name, 4).value == pytest.approx(_value(y, x, name, 4).value, abs=1e-12)


@pytest.mark.parametrize("stored", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["mknn", "jaccard", "cycle_knn", *RANKS])
def test_what_rounding_separates_still_ties(name, stored):
    x, y = _levels(80, 4, 0)
    rng = np.random.default_rng(1)
    expected = _value(x, y, name).value
    for shift in (0, 3):
        turned = [
            z @ np.linalg.qr(rng.standard_normal((4, 4)))[0] + shift * (name in RANKS)
            for z in (x, y)
        ]
        value = _value(*(z.astype(stored) for z in turned), name).value
        assert value == pytest.approx(expected, abs=1e-9)


def test_values_without_ties_need_no_weights():
    x, y = np.random.default_rng(0).standard_normal((2, 300, 40)).astype(np.float32)
    assert Representation(x).ties(10) is None
    assert _value(x, y, "mknn").warning == ""


@pytest.mark.parametrize("name", [*SETS, *LISTS, *RANKS])
def test_the_null_is_that_of_permuted_rows(name):
    x, y = _repeated(24, 8, 3) if name in LISTS else _levels(24, 3, 3)
    value = _value(x, y, name, 4, null=30)
    orders = np.random.default_rng([0, 24])
    drawn = [_value(x, y[orders.permutation(24)], name, 4).value for _ in range(30)]
    assert value.null_std == pytest.approx(np.std(drawn), abs=1e-7)
    better = np.array(drawn) >= value.value - 1e-9
    if name in RANKS:
        better = np.array(drawn) <= value.value + 1e-9
    assert value.p == pytest.approx((1 + better.sum()) / 31)


@pytest.mark.parametrize("name", ["mknn", "jaccard", *RANKS])
def test_chance_levels_hold_with_ties(name):
    x, y = _levels(24, 3, 5)
    value = _value(x, y, name, 4)
    rng = np.random.default_rng(0)
    drawn = [_value(x, y[rng.permutation(24)], name, 4).value for _ in range(100)]
    assert value.chance == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 10)


@pytest.mark.parametrize("name", [*SETS, *LISTS, *RANKS])
def test_identical_input_gives_its_self_score_and_calibrates_to_one(name):
    x, _ = _repeated(60, 20, 0) if name in LISTS else _levels(60, 4, 0)
    value = _value(x, x.copy(), name, 6, null=20)
    assert value.value == pytest.approx(value.self_score, abs=1e-12)
    assert value.calibrated == pytest.approx(1)
    if name != "second_order_cosine":
        assert abs(value.value - resolve(name).best) > 0.01


def test_a_note_says_where_groups_exceed_k():
    x, y = _levels(60, 4, 0)
    largest = int(x.sum(axis=0).max()) - 1
    warning = _value(x, np.random.default_rng(0).standard_normal((60, 5)), "mknn", 5).warning
    assert f"60 of 60 samples of x have up to {largest} neighbours at the same distance" in warning
    assert "more than k=5" in warning
    x, y = _repeated(60, 20, 0)  # groups of three
    assert "same distance" not in _value(x, y, "mknn", 5).warning


def test_lists_without_an_order_are_undefined():
    x, y = _levels(60, 4, 0)
    for name in LISTS:
        with pytest.raises(alignkit.UndefinedError, match="60 of 60 samples of x have up to"):
            alignkit.measure(Representation(x, name="x"), y, name, k=5)


def test_ties_too_many_to_hold_are_undefined(monkeypatch):
    monkeypatch.setattr("alignkit.metrics.ties.LIMIT", 500)
    x, y = _levels(60, 4, 0)
    with pytest.raises(alignkit.UndefinedError, match="tie in groups of about 1"):
        alignkit.measure(x, y, "mknn")
