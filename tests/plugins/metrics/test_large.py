"""Many samples: products of columns in blocks of rows give what samples give."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit.metrics import matrix, set_memory
from alignkit_metrics import factor

STREAMED = (
    "cka",
    "cka:normed=true",
    "unbiased_cka",
    "rv2",
    "svcca",
    "svcca:dims=3",
    "r2",
    "r2:folds=1",
    "procrustes",
    "mknn:k=3",
)


def _pair(n=300, widths=(7, 5)):
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 3))
    return [shared @ rng.standard_normal((3, d)) + rng.standard_normal((n, d)) + 2 for d in widths]


@pytest.mark.parametrize("spec", STREAMED)
def test_columns_give_what_samples_give(spec, monkeypatch):
    x, y = _pair()
    by_columns = alignkit.measure(x, y, spec)
    monkeypatch.setattr(factor, "SAMPLES_PER_COLUMN", 1000)
    assert alignkit.measure(x, y, spec) == pytest.approx(by_columns, abs=1e-10)


@pytest.mark.parametrize("spec", STREAMED)
def test_blocks_of_rows_change_nothing(spec, monkeypatch):
    x, y = _pair()
    whole = alignkit.measure(x, y, spec)
    monkeypatch.setattr(matrix, "BLOCK", 64)
    monkeypatch.setattr(matrix, "CONVERTED", 17)
    assert alignkit.measure(x, y, spec) == pytest.approx(whole, abs=1e-11)


@pytest.mark.slow
def test_a_memory_map_of_many_samples_is_never_read_whole(tmp_path):
    rng = np.random.default_rng(0)
    n, width = 40_000, 32
    paths = []
    for name in ("x", "y"):
        paths.append(tmp_path / f"{name}.npy")
        file = np.lib.format.open_memmap(paths[-1], "w+", np.float32, (n, width))
        file[:] = rng.standard_normal((n, width)) + np.linspace(0, 1, n)[:, None]
        file.flush()
    set_memory(8 << 20)
    try:
        x, y = (alignkit.read_arrays(path)[0] for path in paths)
        value = alignkit.measure(x, y, "unbiased_cka")
    finally:
        set_memory(None)
    exact = [np.load(path).astype(np.float64) for path in paths]
    a, b = (torch.from_numpy(z - z.mean(axis=0)) for z in exact)

    def hsic(p, q):
        dp, dq = (z.square().sum(1) for z in (p, q))
        cross = (p.T @ q).square().sum() - dp @ dq
        return cross + (dp.sum() * dq.sum() / (n - 1) - 2 * (dp @ dq)) / (n - 2)

    expected = hsic(a, b) / (hsic(a, a) * hsic(b, b)).sqrt()
    assert value == pytest.approx(float(expected), abs=1e-6)
