"""Values that are determined by the data: not by a basis, a rotation or the order of rows."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit.metrics import Representation, grid, resolve


def _turned(x, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    return order, x[order] @ np.linalg.qr(rng.standard_normal((x.shape[1], x.shape[1])))[0]


def _pair(n, width, other):
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 3))
    return [
        shared @ rng.standard_normal((3, d)) + rng.standard_normal((n, d)) for d in (width, other)
    ]


def test_pwcca_with_equal_correlations_does_not_depend_on_their_variates():
    x, y = _pair(30, 18, 20)  # 9 of the 18 correlations are 1
    values = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        order = rng.permutation(30)
        linear = rng.standard_normal((20, 20)) + 5 * np.eye(20)
        values.append(alignkit.measure(x[order], (y @ linear)[order], "pwcca"))
    assert values == pytest.approx([values[0]] * 4, abs=1e-9)
    assert values[0] < 1


def test_pwcca_without_equal_correlations_weights_each_variate():
    x, y = _pair(200, 4, 5)
    u, v = (np.linalg.svd(z - z.mean(axis=0), full_matrices=False)[0] for z in (x, y))
    a, correlations, _ = np.linalg.svd(u.T @ v, full_matrices=False)
    weights = np.abs((u @ a).T @ (x - x.mean(axis=0))).sum(axis=1)
    expected = (weights * correlations).sum() / weights.sum()
    assert alignkit.measure(x, y, "pwcca") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "spec", ["svcca:dims=3", "svcca:threshold=0.4", "eigenspace_overlap:dims=3"]
)
def test_svcca_keeps_components_of_equal_variance_together(spec, dtype):
    x, y = _pair(60, 12, 12)
    white = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[0]  # all variances are equal
    values = []
    for seed in range(4):
        order, turned = _turned(white, seed)
        values.append(alignkit.measure(turned.astype(dtype), y[order].astype(dtype), spec))
    assert values == pytest.approx([values[0]] * 4, abs=1e-5 if dtype is np.float32 else 1e-9)


@pytest.mark.parametrize("width", [8, 90])  # products of columns, and Gram matrices
@pytest.mark.parametrize("spec", ["r2", "r2:direction=yx", "r2:alpha=0"])
def test_folds_follow_the_ids_of_samples_whatever_the_order_of_the_rows(spec, width):
    x, y = _pair(50, width, 7)
    ids = [f"sample {at}" for at in range(50)]
    metric = resolve(spec)
    values = []
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(50)
        sides = [Representation(z[order], [ids[at] for at in order]) for z in (x, y)]
        values.append(grid(metric, [sides[0]], [sides[1]])[0].value)
    assert values == pytest.approx([values[0]] * 4, abs=1e-9)
    other = grid(metric, [Representation(x)], [Representation(y)])[0].value
    assert other != pytest.approx(values[0], abs=1e-6)  # without ids, rows decide


@pytest.mark.parametrize("spec", ["r2", "r2:direction=yx"])
def test_permuted_rows_keep_the_folds_of_the_other_side(spec):
    x, y = _pair(50, 60, 70)
    ids = [f"sample {at}" for at in np.random.default_rng(1).permutation(50)]
    metric = resolve(spec)
    side = Representation(x, ids)
    order = torch.from_numpy(np.random.default_rng(0).permutation(50))
    slow = metric.compare(
        metric.prepare(side), metric.prepare(Representation(y[order.numpy()], ids))
    )
    other = Representation(y, ids)
    permuted = metric.compare(metric.prepare(side), metric.prepare(other.permuted(order)))
    assert permuted == pytest.approx(slow, abs=1e-9)
    fast = metric.null([side], [other], [order])
    if fast is not None:
        assert fast[0, 0, 0] == pytest.approx(slow, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-4, 1e-5])
def test_the_bandwidth_of_near_duplicates_is_not_that_of_rounding(scale):
    rng = np.random.default_rng(0)
    x, y = (
        np.repeat(rng.standard_normal((4, 20)), 15, axis=0) + scale * rng.standard_normal((60, 20))
        for _ in "xy"
    )
    x[:45], y[:45] = x[0] + scale * rng.standard_normal((2, 45, 20))  # more than half of all pairs
    exact = alignkit.measure(x, y, "cka_rbf")
    single = Representation(x, dtype=torch.float32), Representation(y, dtype=torch.float32)
    value = grid(resolve("cka_rbf"), [single[0]], [single[1]])[0].value
    assert value == pytest.approx(exact, abs=1e-4)


def test_a_median_distance_of_rounding_is_no_bandwidth():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 10)).astype(np.float32)
    x[:35] = x[0] * (1 + 1e-7 * rng.standard_normal((35, 1)))
    with pytest.raises(alignkit.UndefinedError, match="are 0 to rounding"):
        alignkit.measure(x, rng.standard_normal((40, 10)), "cka_rbf")
