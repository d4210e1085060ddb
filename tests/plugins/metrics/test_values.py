"""Values: against references, slow definitions, and what each metric declares."""

import json
from pathlib import Path

import definitions
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import alignkit
from alignkit.metrics import Representation, grid, resolve

REFERENCE = json.loads(Path(__file__).with_name("reference_values.json").read_text())
METRICS = ("cka", "mknn:k=5", "svcca", "svcca:dims=3", "procrustes", "procrustes:form=angular",
           "procrustes:form=distance", "procrustes:form=size_and_shape")  # fmt: skip


def _reference_input(case):
    if case == "identity":
        x = np.random.default_rng(2).standard_normal((512, 96))
        return x, x.copy()
    if case == "noise_tall":
        g = np.random.default_rng(7)
        x = g.standard_normal((1000, 64))
        return x, x + 1.0 * g.standard_normal((1000, 64))
    if case == "latent_768_384":
        g = np.random.default_rng(8)
        z = g.standard_normal((512, 16)) * np.geomspace(4.0, 0.5, 16)
        x = z @ g.standard_normal((16, 768)) / 4 + 0.5 * g.standard_normal((512, 768))
        return x, z @ g.standard_normal((16, 384)) / 4 + 0.5 * g.standard_normal((512, 384))
    g = np.random.default_rng(10)
    z = g.standard_normal((64, 6))
    x = z @ g.standard_normal((6, 32)) + 0.7 * g.standard_normal((64, 32))
    return x, z @ g.standard_normal((6, 24)) + 0.7 * g.standard_normal((64, 24))


@pytest.mark.parametrize("case", REFERENCE)
def test_reference_values(case):
    x, y = _reference_input(case)
    expected = dict(REFERENCE[case])
    assert x.sum() == pytest.approx(expected.pop("sum_X"), rel=1e-9)
    assert np.linalg.norm(y) == pytest.approx(expected.pop("fro_Y"), rel=1e-9)
    for spec, value in expected.items():
        # The angle has an infinite slope where the similarity is 1.
        tolerance = 1e-5 if "form=" in spec and case == "identity" else 1e-8
        assert alignkit.measure(x, y, spec) == pytest.approx(value, abs=tolerance, rel=1e-9), spec


@st.composite
def inputs(draw, least=12):
    """Two matrices of the same samples: unequal widths, n below and above d, shared parts."""
    n = draw(st.integers(least, 30))
    widths = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shared = rng.standard_normal((n, 4))
    scale = draw(st.sampled_from([1e-4, 1.0, 1e4]))
    offset = draw(st.sampled_from([0.0, 100.0]))
    return tuple(
        scale * (shared @ rng.standard_normal((4, d)) + rng.standard_normal((n, d)) + offset)
        for d in widths
    )


@settings(max_examples=40, deadline=None)
@given(inputs())
def test_slow_definitions(pair):
    x, y = pair
    assert alignkit.measure(x, y, "cka") == pytest.approx(definitions.cka(x, y), abs=1e-9)
    assert alignkit.measure(x, y, "mknn:k=5") == pytest.approx(definitions.mknn(x, y, 5), abs=1e-12)
    expected = definitions.procrustes(x, y)
    assert alignkit.measure(x, y, "procrustes") == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(inputs(least=20))
def test_slow_svcca(pair):
    x, y = (z[:, :8] for z in pair)
    for options in ({}, {"dims": 2}):
        expected = definitions.svcca(x, y, **options)
        assert alignkit.measure(x, y, "svcca", **options) == pytest.approx(expected, abs=1e-6)


def test_ties_go_to_the_lowest_index():
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, (24, 2)).astype(float) + np.array([0.0, 3.0])  # many equal rows
    y = rng.integers(-1, 2, (24, 2)).astype(float) + np.array([3.0, 0.0])
    neighbours = Representation(x).neighbours(6).tolist()
    slow = definitions.neighbours(x, 6)
    assert [set(row) for row in neighbours] == [set(row) for row in slow]
    assert alignkit.measure(x, y, "mknn:k=6") == pytest.approx(definitions.mknn(x, y, 6))


@pytest.mark.parametrize("spec", METRICS)
@settings(max_examples=15, deadline=None)
@given(pair=inputs())
def test_declared_properties_hold(spec, pair):
    x, y = pair
    metric = resolve(spec)
    value = alignkit.measure(x, y, spec)
    low, high = metric.range
    assert low <= value <= high
    scale = max(1.0, abs(value))
    # Square roots and angles near their end lose half of the digits.
    tolerance = scale * (1e-9 if metric.higher_is_better else 2e-5)
    if metric.symmetric:
        assert alignkit.measure(y, x, spec) == pytest.approx(value, abs=tolerance)
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((x.shape[1], x.shape[1])))[0]
    changes = {
        "rotation": x @ rotation,
        "scale": x * 3.7,
        "shift": x + np.abs(x).max() * rng.standard_normal(x.shape[1]),
    }
    for name in metric.declared["invariances"]:
        again = alignkit.measure(changes[name], y, spec)
        assert again == pytest.approx(value, abs=tolerance * 100), name


@pytest.mark.parametrize("spec", METRICS)
@pytest.mark.parametrize("shape", [(40, 8), (20, 60)])
def test_identical_input_gives_the_best_value(spec, shape):
    x = np.random.default_rng(1).standard_normal(shape) + 5.0
    metric = resolve(spec)
    tolerance = 1e-12 if metric.higher_is_better else 1e-5
    assert alignkit.measure(x, x.copy(), spec) == pytest.approx(metric.best, abs=tolerance)
    noisy = x * (1 + 1e-15 * np.random.default_rng(2).standard_normal(shape))
    assert alignkit.measure(x, noisy, spec) == pytest.approx(metric.best, abs=max(tolerance, 1e-11))


@pytest.mark.parametrize("spec", METRICS)
def test_constant_input_is_undefined(spec):
    x = np.full((20, 4), 0.1)
    y = np.random.default_rng(0).standard_normal((20, 4))
    if spec.startswith("mknn"):  # constant rows have directions; their neighbours are ties
        assert 0 <= alignkit.measure(x, y, spec) <= 1
        x = np.zeros((20, 4))
    with pytest.raises(alignkit.UndefinedError, match=r"constant|zero row"):
        alignkit.measure(x, y, spec)


def test_faulty_parameters_are_errors():
    x = np.random.default_rng(0).standard_normal((10, 4))
    for spec, message in (
        ("mknn:k=10", "k=10 needs 1 <= k < n"),
        ("mknn:k=3,distance=far", "unknown distance 'far'"),
        ("svcca:dims=0", "dims=0 must be at least 1"),
        ("svcca:threshold=2", "threshold=2.0 must be above 0"),
        ("procrustes:form=round", "unknown form 'round'"),
    ):
        with pytest.raises(alignkit.UsageError, match=message):
            alignkit.measure(x, x, spec)


def test_chance_levels_are_the_mean_over_permutations():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((12, 5))
    y = x[:, :3] + rng.standard_normal((12, 3))
    for spec in ("cka", "mknn:k=3"):
        metric = resolve(spec)
        (value,) = grid(metric, [Representation(x)], [Representation(y)], null=4000)
        (closed,) = grid(metric, [Representation(x)], [Representation(y)])
        assert value.chance == closed.chance == value.null_mean
        drawn = [alignkit.measure(x, y[rng.permutation(12)], spec) for _ in range(2000)]
        assert closed.chance == pytest.approx(np.mean(drawn), abs=5 * np.std(drawn) / 2000**0.5)
        assert value.p < 0.05
        expected = (value.value - value.chance) / (1 - value.chance)
        assert value.calibrated == pytest.approx(expected)


def test_biased_cka_of_noise_is_as_high_as_published():
    for n, published in ((64, 0.93), (256, 0.75), (512, 0.60)):
        rng = np.random.default_rng(n)
        x, y = rng.standard_normal((2, n, 768))
        assert alignkit.measure(x, y, "cka") == pytest.approx(published, abs=0.01)


def test_permuted_views_equal_views_of_permuted_rows():
    rng = np.random.default_rng(0)
    y = Representation(rng.standard_normal((15, 6)))
    x = Representation(rng.standard_normal((15, 4)))
    order = torch.from_numpy(rng.permutation(15))
    for spec in METRICS:
        metric = resolve(spec)
        metric.compare(x, y)  # the views exist now
        quick = metric.compare(x, y.permuted(order))
        slow = metric.compare(x, Representation(y.values[order.numpy()]))
        assert quick == pytest.approx(slow, abs=1e-7), spec
