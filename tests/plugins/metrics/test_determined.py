"""Values that are determined by the data: not by a basis, a rotation or the order of rows."""

import numpy as np
import pytest

import alignkit


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
