"""Grids: a value does not depend on its neighbours; ids are joined or refused."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit.errors import PluginError, UsageError
from alignkit.metrics import Representation, grid, maximum, measure, resolve
from alignkit.metrics.checks import check_at_first_use


def _layers(n=20, count=3, seed=0, ids=None):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3))
    return [
        Representation(
            shared @ rng.standard_normal((3, 5)) + rng.standard_normal((n, 5)), ids, f"l{i}"
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("spec", ["cka", "mknn:k=4", "svcca", "procrustes"])
def test_a_value_is_that_of_the_pair_alone(spec):
    xs, ys = _layers(), _layers(seed=1)
    values = grid(resolve(spec), xs, ys)
    assert [(v.x, v.y) for v in values] == [(x.name, y.name) for x in xs for y in ys]
    for value, (x, y) in zip(values, [(x, y) for x in xs for y in ys], strict=True):
        assert value.value == measure(x.values, y.values, spec)


def test_only_the_pairs_asked_for_and_progress():
    done = []
    values = grid(resolve("cka"), _layers(), _layers(seed=1), pairs=[(2, 0)], progress=done.append)
    assert [(v.x, v.y) for v in values] == [("l2", "l0")]
    assert done == [1]


@pytest.mark.parametrize("spec", ["cka", "svcca"])  # with a fast way to its null, and without
@pytest.mark.parametrize("call", [grid, maximum])
def test_progress_goes_on_through_nulls_and_intervals(spec, call):
    done = []
    constant = Representation(np.ones((20, 3)), name="constant")
    call(
        resolve(spec),
        [*_layers(count=2), constant],
        _layers(count=2, seed=1),
        null=8,
        interval=4,
        progress=done.append,
    )
    assert sum(done) == pytest.approx(6)
    assert sum(done[:6]) == pytest.approx(6 / 13)
    assert len(done) > 6 + 4


def test_layers_of_unequal_precision_have_a_null():
    xs, ys = _layers(count=2), _layers(count=2, seed=1)
    mixed = [Representation(xs[0].values, dtype=torch.float32), xs[1]]
    exact = grid(resolve("cka"), xs, ys, null=20)
    for one, other in zip(grid(resolve("cka"), mixed, ys, null=20), exact, strict=True):
        assert (one.p, one.null_std) == (other.p, pytest.approx(other.null_std, rel=1e-4))


def test_rows_are_joined_by_id():
    ids = [f"s{i}" for i in range(20)]
    order = np.random.default_rng(5).permutation(20)
    (x,), (y,) = _layers(count=1, ids=ids), _layers(count=1, seed=1, ids=ids)
    shuffled = Representation(y.values[order], [ids[i] for i in order], "y")
    for spec in ("cka", "mknn:k=4"):
        expected = grid(resolve(spec), [x], [y])[0].value
        assert grid(resolve(spec), [x], [shuffled])[0].value == pytest.approx(expected, abs=1e-12)
        assert expected != pytest.approx(measure(x.values, shuffled.values, spec), abs=1e-3)


def test_other_ids_are_refused():
    ids = [f"s{i}" for i in range(20)]
    (x,), (y,) = _layers(count=1, ids=ids), _layers(count=1, ids=[*ids[:-1], "z"])
    with pytest.raises(
        UsageError, match=r"differ at row 19: 's19' against 'z' \(19 ids are shared"
    ):
        grid(resolve("cka"), [x], [y])


def test_another_number_of_samples_is_refused():
    with pytest.raises(UsageError, match=r"20 samples and .* has 19"):
        grid(resolve("cka"), _layers(), _layers(n=19))


def test_an_undefined_pair_leaves_the_others():
    xs = [*_layers(count=1), Representation(np.ones((20, 2)), name="flat")]
    values = grid(resolve("cka"), xs, _layers(count=1, seed=1))
    assert values[0].value is not None
    assert values[1].value is None
    assert values[1].reason == "flat is constant"


def test_the_null_is_seeded_and_shared():
    xs, ys = _layers(), _layers(seed=1)
    first = grid(resolve("svcca"), xs, ys, null=19, seed=3)
    again = grid(resolve("svcca"), xs, ys, null=19, seed=3)
    other = grid(resolve("svcca"), xs, ys, null=19, seed=4)
    assert first == again
    assert first[0].null_mean != other[0].null_mean
    assert all(1 / 20 <= v.p <= 1 for v in first)
    alone = grid(resolve("svcca"), xs[1:2], ys[2:3], null=19, seed=3)[0]
    assert alone == first[1 * 3 + 2]


def test_p_of_a_distance_counts_downwards():
    x = _layers(count=1)[0]
    near = Representation(
        x.values + 0.01 * np.random.default_rng(0).standard_normal(x.values.shape)
    )
    (value,) = grid(resolve("procrustes:form=distance"), [x], [near], null=19)
    assert value.p == pytest.approx(1 / 20)
    assert value.calibrated > 0.5


def test_a_metric_may_prepare_each_layer_once(monkeypatch):
    prepared = []

    class Slow:
        def __init__(self, *, factor: float = 1.0):
            self.factor = factor

        def prepare(self, x):
            prepared.append(x.name)
            return x.values.sum()

        def compare(self, a, b):
            return self.factor * a * b

    from alignkit.metrics.metric import Metric

    metric = Metric("slow", {"factor": 2.0}, "slow:factor=2.0", Slow)
    xs, ys = _layers(), _layers(seed=1)
    check_at_first_use(metric)
    prepared.clear()
    values = grid(metric, xs, ys)
    assert len(prepared) == 6
    assert values[4].value == pytest.approx(2 * xs[1].values.sum() * ys[1].values.sum())


def test_a_value_beyond_its_declared_range_is_an_error():
    from alignkit.metrics.metric import Metric

    def odd(x, y):
        return 1.5 if x.n == 20 else float(np.array_equal(x.values, y.values))

    metric = Metric("odd", {}, "odd", odd, {"range": (0, 1), "best": 1})
    with pytest.raises(PluginError, match=r"'odd', .* gave 1.5; expected a number from 0 to 1"):
        grid(metric, _layers(count=1), _layers(count=1))


def test_the_python_function():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 15, 4))
    assert alignkit.measure(x, y) == alignkit.measure(x, y, metric="unbiased_cka")
    assert alignkit.measure(x, y, "mknn", k=3) == alignkit.measure(x, y, "mknn:k=3")
    with pytest.raises(alignkit.UndefinedError, match="constant") as caught:
        alignkit.measure(x, np.ones_like(y))
    assert caught.value.reason == "y is constant"
