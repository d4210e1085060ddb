"""Values: against references, slow definitions, and what each metric declares."""

import json
from pathlib import Path

import definitions
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import alignkit
from alignkit.metrics import Representation, grid, resolve
from alignkit.metrics.views import VIEWS

REFERENCE = json.loads(Path(__file__).with_name("reference_values.json").read_text())
METRICS = (
    "cka",
    "cka:normed=true",
    "unbiased_cka",
    "cka_rbf",
    "rv2",
    "distance_correlation",
    "distance_correlation:unbiased=true",
    "mknn:k=5",
    "jaccard:k=5",
    "cycle_knn:k=5",
    "lcs_knn:k=5",
    "edit_distance_knn:k=5",
    "rank_similarity:k=5",
    "cknna:k=5",
    "second_order_cosine:k=5",
    "information_imbalance",
    "cca",
    "cca:squared=true",
    "svcca",
    "svcca:dims=3",
    "pwcca",
    "eigenspace_overlap",
    "eigenspace_overlap:dims=2",
    "procrustes",
    "procrustes:form=angular",
    "procrustes:form=distance",
    "procrustes:form=size_and_shape",
    "rsa",
    "rsa:rdm=cosine",
    "rsa:rdm=euclidean",
    "rsa:compare=pearson",
    "cosine",
    "cosine:aligned=true",
    "r2",
)


def test_every_registered_metric_is_tested():
    assert {spec.partition(":")[0] for spec in METRICS} == set(alignkit.names("metrics")) - {"rv"}


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
        tolerance = 1e-5 if "form=" in spec and case == "identity" else 2e-8
        assert alignkit.measure(x, y, spec) == pytest.approx(value, abs=tolerance, rel=1e-9), spec


@st.composite
def inputs(draw, least=12):
    """Two matrices of the same samples: unequal widths, n below and above d, shared parts."""
    n = draw(st.integers(least, 30))
    widths = draw(st.tuples(st.integers(3, 40), st.integers(3, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shared = rng.standard_normal((n, 4))
    scale = draw(st.sampled_from([1e-4, 1.0, 1e4]))
    offset = draw(st.sampled_from([0.0, 100.0]))
    return tuple(
        scale * (shared @ rng.standard_normal((4, d)) + rng.standard_normal((n, d)) + offset)
        for d in widths
    )


SLOW = (
    {
        "cka": definitions.cka,
        "unbiased_cka": definitions.unbiased_cka,
        "cka_rbf": definitions.cka_rbf,
        "distance_correlation": definitions.distance_correlation,
        "procrustes": definitions.procrustes,
        "information_imbalance": definitions.information_imbalance,
    }
    | {
        f"{name}:k=5": lambda x, y, name=name: getattr(definitions, name)(x, y, 5)
        for name in (
            "mknn",
            "jaccard",
            "cycle_knn",
            "lcs_knn",
            "edit_distance_knn",
            "rank_similarity",
            "cknna",
            "second_order_cosine",
        )
    }
    | {
        f"rsa:compare={how}": lambda x, y, how=how: definitions.rsa(x, y, how)
        for how in ("spearman", "pearson")
    }
)


@pytest.mark.parametrize("spec", SLOW)
@settings(max_examples=12, deadline=None)
@given(inputs())
def test_slow_definitions(spec, pair):
    x, y = pair
    assert _measure_or_skip(x, y, spec) == pytest.approx(SLOW[spec](x, y), abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(inputs(least=20), st.sampled_from([2, 5]), st.sampled_from([1e-3, 0.1]))
def test_slow_ridge(pair, folds, alpha):
    x, y = pair
    expected = definitions.r2(x, y, folds, alpha)
    value = alignkit.measure(x, y, "r2", folds=folds, alpha=alpha)
    assert value == pytest.approx(expected, abs=1e-7, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(inputs(least=20))
def test_slow_svcca(pair):
    x, y = (z[:, :8] for z in pair)
    for options in ({}, {"dims": 2}):
        expected = definitions.svcca(x, y, **options)
        assert alignkit.measure(x, y, "svcca", **options) == pytest.approx(expected, abs=1e-6)


def test_lists_give_ties_to_the_lowest_index_and_mknn_shares_the_places():
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, (24, 2)).astype(float) + np.array([0.0, 3.0])  # many equal rows
    y = rng.integers(-1, 2, (24, 2)).astype(float) + np.array([3.0, 0.0])
    neighbours = Representation(x).neighbours(6).tolist()
    slow = definitions.neighbours(x, 6)
    assert [set(row) for row in neighbours] == [set(row) for row in slow]
    assert alignkit.measure(x, y, "mknn:k=6") == pytest.approx(definitions.tied_mknn(x, y, 6))


def _measure_or_skip(x, y, spec):
    """On few samples a metric may be undefined; such draws say nothing about its values."""
    try:
        return alignkit.measure(x, y, spec)
    except alignkit.UndefinedError:
        assume(not spec.startswith("cknna"))
        raise


def _same_width(spec, x, y):
    """Some metrics compare column with column."""
    if spec != "cosine":
        return x, y
    width = min(x.shape[1], y.shape[1])
    return x[:, :width], y[:, :width]


@pytest.mark.parametrize("spec", METRICS)
@settings(max_examples=8, deadline=None)
@given(pair=inputs())
def test_declared_properties_hold(spec, pair):
    x, y = _same_width(spec, *pair)
    if spec == "pwcca":  # equal correlations have no variates of their own: keep them apart
        x, y = x[:, :4], y[:, :5]
    metric = resolve(spec)
    value = _measure_or_skip(x, y, spec)
    low, high = metric.range
    assert low <= value <= high
    # Square roots and angles near their end lose half of the digits.
    tolerance = max(1.0, abs(value)) * (1e-7 if metric.higher_is_better else 2e-5)
    if metric.symmetric:
        assert alignkit.measure(y, x, spec) == pytest.approx(value, abs=tolerance)
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((x.shape[1], x.shape[1])))[0]
    changes = {
        "rotation": x @ rotation,
        "scale": x * 3.7,
        "shift": x + np.abs(x).max() * rng.standard_normal(x.shape[1]),
        "linear": x @ (rotation * np.geomspace(0.5, 2, x.shape[1])),
    }
    for name in metric.declared["invariances"]:
        again = alignkit.measure(changes[name], y, spec)
        assert again == pytest.approx(value, abs=tolerance * 10), name


@pytest.mark.parametrize("spec", METRICS)
@pytest.mark.parametrize("shape", [(40, 8), (20, 60)])
def test_identical_input_gives_the_best_value(spec, shape):
    x = np.random.default_rng(1).standard_normal(shape) + 5.0
    metric = resolve(spec)
    noisy = x * (1 + 1e-15 * np.random.default_rng(2).standard_normal(shape))
    for other in (x.copy(), noisy):
        (value,) = grid(metric, [Representation(x)], [Representation(other)])
        if "identity" in metric.declared:  # then the self-score stands beside it
            assert value.value == pytest.approx(value.self_score, abs=1e-9)
            continue
        assert value.self_score is None
        tolerance = 1e-12 if metric.higher_is_better else 1e-5
        slack = tolerance if other is not noisy else max(tolerance, 1e-11)
        assert value.value == pytest.approx(metric.best, abs=slack)


@pytest.mark.parametrize("spec", METRICS)
def test_degenerate_input_is_undefined(spec):
    y = np.random.default_rng(0).standard_normal((20, 4))
    with pytest.raises(alignkit.UndefinedError):
        alignkit.measure(np.zeros((20, 4)), y, spec)


@pytest.mark.parametrize(
    "spec", [s for s in METRICS if "shift" in resolve(s).declared["invariances"]]
)
def test_a_constant_is_undefined_where_shifts_do_not_matter(spec):
    y = np.random.default_rng(0).standard_normal((20, 4))
    for x, z in ((np.full((20, 4), 0.1), y), (y, np.full((20, 4), 1e6))):
        with pytest.raises(alignkit.UndefinedError, match="constant"):
            alignkit.measure(x, z, spec)


@pytest.mark.parametrize(
    "spec", [s for s in METRICS if s.partition(":")[0] in ("mknn", "jaccard", "cycle_knn", "cknna")]
)
def test_neighbours_of_a_constant_are_undefined(spec):
    y = np.random.default_rng(0).standard_normal((20, 4))
    for constant in (np.full((20, 4), 0.1), np.outer(np.arange(1, 21), np.ones(4))):
        with pytest.raises(alignkit.UndefinedError, match="constant"):  # of direction, at least
            alignkit.measure(constant, y, spec)


def test_too_few_samples_are_undefined():
    x = np.random.default_rng(0).standard_normal((3, 4))
    for spec in ("unbiased_cka", "cknna:k=2"):
        with pytest.raises(alignkit.UndefinedError, match="4"):
            alignkit.measure(x, x, spec)


def test_cycle_knn_of_identical_input_counts_reciprocal_neighbours():
    x = np.random.default_rng(0).standard_normal((60, 30))
    lists = definitions.neighbours(x, 3)
    reciprocal = np.mean([any(i in lists[j] for j in lists[i]) for i in range(60)])
    assert reciprocal < 1
    assert alignkit.measure(x, x, "cycle_knn:k=3") == pytest.approx(reciprocal)


def test_warnings_say_where_a_value_misleads():
    rng = np.random.default_rng(0)
    wide = Representation(rng.standard_normal((20, 40)))
    for spec, words in (("cka", "20 samples for a width of 40"), ("mknn:k=10", "k=10 is 53%")):
        (value,) = grid(resolve(spec), [wide], [wide])
        assert words in value.warning
    tall = Representation(rng.standard_normal((200, 4)))
    assert grid(resolve("cka"), [tall], [tall])[0].warning == ""


def test_faulty_parameters_are_errors():
    x = np.random.default_rng(0).standard_normal((10, 4))
    for spec, message in (
        ("mknn:k=10", "k=10 needs 1 <= k < n"),
        ("mknn:k=3,distance=far", "unknown distance 'far'"),
        ("svcca:dims=0", "dims is 0; it must be at least 1"),
        ("svcca:threshold=2", "threshold is 2.0; it must be above 0"),
        ("procrustes:form=round", "unknown form 'round'"),
    ):
        with pytest.raises(alignkit.UsageError, match=message):
            alignkit.measure(x, x, spec)


CLOSED = (
    "cka",
    "cka:normed=true",
    "cka_rbf",
    "unbiased_cka",
    "rv2",
    "mknn:k=3",
    "jaccard:k=3",
    "distance_correlation:unbiased=true",
    "information_imbalance",
    "cca:squared=true",
    "eigenspace_overlap",
    "rsa:compare=pearson",
    "rsa",
)


@pytest.mark.parametrize("spec", CLOSED)
def test_chance_levels_are_the_mean_over_permutations(spec):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((12, 5))
    y = x[:, :3] + rng.standard_normal((12, 3))
    metric = resolve(spec)
    (value,) = grid(metric, [Representation(x)], [Representation(y)], null=300)
    (closed,) = grid(metric, [Representation(x)], [Representation(y)])
    assert value.chance == closed.chance == value.null_mean
    given = Representation(x)  # whose views are made once
    drawn = [alignkit.measure(given, y[rng.permutation(12)], spec) for _ in range(1000)]
    assert closed.chance == pytest.approx(np.mean(drawn), abs=5 * np.std(drawn) / 1000**0.5)
    expected = (value.value - value.chance) / (metric.best - value.chance)
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
        other = x[np.arange(15)] if spec != "cosine" else Representation(y.values + 1)
        metric.compare(other, y)  # the views exist now
        quick = metric.compare(other, y.permuted(order))
        slow = metric.compare(other, Representation(y.values[order.numpy()]))
        assert quick == pytest.approx(slow, abs=1e-7), spec
        assert VIEWS.of(y)
