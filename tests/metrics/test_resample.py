"""Nulls, maxima and intervals: joint, seeded, and the same by the fast way and the slow one."""

import numpy as np
import pytest
import torch
from scipy import stats

from alignkit.metrics import Representation, grid, maximum, resolve
from alignkit.metrics.metric import Metric

FAST = (
    "cka",
    "cka:normed=true",
    "unbiased_cka",
    "cka_rbf",
    "rv2",
    "distance_correlation",
    "distance_correlation:unbiased=true",
    "mknn:k=4",
    "jaccard:k=4",
    "rsa",
    "rsa:rdm=cosine",
    "rsa:compare=pearson",
    "r2",
)


def _layers(count=3, n=40, seed=0, dtype=None):
    shared = np.random.default_rng(9).standard_normal((n, 3))
    rng = np.random.default_rng(seed)
    return [
        Representation(
            shared @ rng.standard_normal((3, 6)) + rng.standard_normal((n, 6)),
            name=f"{seed}.{i}",
            dtype=dtype,
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("spec", FAST)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_fast_null_is_the_slow_one(spec, dtype):
    metric = resolve(spec)
    assert "null" in metric.declared
    slow = Metric(
        metric.name,
        metric.parameters,
        spec,
        metric.target,
        {k: v for k, v in metric.declared.items() if k != "null"},
    )
    one, other = (
        grid(each, _layers(dtype=dtype), _layers(2, seed=1, dtype=dtype), null=25, seed=4)
        for each in (metric, slow)
    )
    tolerance = 1e-9 if dtype == torch.float64 else 2e-5
    for fast, by_hand in zip(one, other, strict=True):
        assert fast.value == by_hand.value
        assert fast.null_mean == pytest.approx(by_hand.null_mean, abs=tolerance)
        assert fast.null_std == pytest.approx(by_hand.null_std, abs=tolerance)
        assert fast.p == by_hand.p


def test_a_prepared_metric_may_permute_what_it_prepared():
    class Means:
        def prepare(self, x):
            return x.tensor.double().mean(dim=1)

        def compare(self, a, b):
            return float(torch.corrcoef(torch.stack([a, b]))[0, 1])

        def permute(self, a, order):
            return a[order]

    class Slow(Means):
        permute = None

    del Slow.permute
    fast, slow = (Metric("m", {}, "m", kind, {"range": (-1, 1)}) for kind in (Means, Means))
    one = grid(fast, _layers(1), _layers(1, seed=1), null=30)
    assert one == grid(slow, _layers(1), _layers(1, seed=1), null=30)
    assert abs(one[0].null_mean) < 0.2


def test_the_maximum_has_the_null_of_maxima():
    metric = resolve("mknn:k=4")
    xs, ys = _layers(), _layers(seed=1)
    best = maximum(metric, xs, ys, null=99, seed=1)
    values = grid(metric, xs, ys, null=99, seed=1)
    top = max(values, key=lambda value: value.value)
    assert (best.x, best.y, best.value) == (top.x, top.y, top.value)
    assert best.chance is None
    assert best.null_mean > top.null_mean + top.null_std  # the best of nine is high by chance
    assert best.p >= top.p
    assert best.calibrated < top.calibrated


def test_the_maximum_of_a_distance_is_its_smallest():
    metric = resolve("procrustes:form=distance")
    xs, ys = _layers(), _layers(seed=1)
    values = grid(metric, xs, ys)
    assert maximum(metric, xs, ys).value == min(value.value for value in values)
    assert maximum(metric, xs, ys, null=19).null_mean < min(
        value.null_mean for value in grid(metric, xs, ys, null=19)
    )


def test_pairs_without_a_value_are_left_out_of_the_maximum_and_counted():
    rng = np.random.default_rng(0)
    xs = [Representation(np.ones((30, 3)), name="in"), Representation(rng.standard_normal((30, 3)))]
    ys = [Representation(rng.standard_normal((30, 4))) for _ in range(2)]
    best = maximum(resolve("unbiased_cka"), xs, ys, null=9)
    assert best.value == max(value.value for value in grid(resolve("unbiased_cka"), xs[1:], ys))
    assert best.p is not None
    assert best.warning == ("2 of 4 pairs of layers have no value and are left out: in is constant")


def test_p_of_unrelated_data_is_uniform():
    rng = np.random.default_rng(0)
    metric = resolve("cka")
    found = []
    for _ in range(150):
        x, y = (Representation(rng.standard_normal((12, 3))) for _ in range(2))
        found.append(grid(metric, [x], [y], null=19)[0].p)
    assert min(found) == pytest.approx(0.05)
    # Values of p are multiples of 1 / 20: jitter makes them continuous.
    jittered = np.array(found) - rng.uniform(0, 0.05, len(found))
    assert stats.kstest(jittered, "uniform").pvalue > 0.01


def test_intervals_cover_what_more_samples_give():
    rng = np.random.default_rng(1)
    maps = rng.standard_normal((2, 3, 5))

    def pair(n):
        shared = rng.standard_normal((n, 3))
        return [Representation(shared @ one + 1.5 * rng.standard_normal((n, 5))) for one in maps]

    metric = resolve("unbiased_cka")
    truth = grid(metric, *([side] for side in pair(20_000)))[0].value
    covered = 0
    for _ in range(40):
        (value,) = grid(metric, *([side] for side in pair(120)), interval=60)
        assert value.low < value.value < value.high
        covered += value.low <= truth <= value.high
    assert covered >= 33  # of 40 at 95 %


def test_intervals_are_seeded_and_stay_in_range():
    xs, ys = _layers(1), _layers(1, seed=1)
    one, again, other = (
        grid(resolve("mknn:k=4"), xs, ys, interval=30, seed=seed)[0] for seed in (0, 0, 1)
    )
    assert one == again
    assert (one.low, one.high) != (other.low, other.high)
    assert 0 <= one.low <= one.high <= 1
