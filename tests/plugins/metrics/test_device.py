"""Every metric keeps its tensors on the device of the representations."""

from dataclasses import astuple

import numpy as np
import pytest
import torch

from alignkit.metrics import Representation, grid, resolve
from alignkit.metrics.neighbours import _top_of_runs
from alignkit.plugins import names
from pretend_gpu import OnGpu, pretend_gpu

VARIANTS = (
    "cka:normed=true",
    "cosine:aligned=true,centred=true",
    "distance_correlation:unbiased=true",
    "mknn:distance=euclidean",
    "r2:direction=yx",
    "rsa:rdm=euclidean,compare=pearson",
    "svcca:dims=5",
)


def sides(n: int, width: int, ties: bool, device: str | torch.device) -> list[list[Representation]]:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 5))
    made = []
    for _ in range(2):
        layers = [
            shared @ rng.standard_normal((5, width)) + rng.standard_normal((n, width))
            for _ in range(2)
        ]
        if ties:
            for layer in layers:
                layer[n // 2 :] = layer[: n - n // 2]
        ids = [str(i) for i in range(n)]
        made.append([Representation(z.astype("f4"), ids, device=device) for z in layers])
    return made


@pytest.mark.parametrize("spec", [*names("metrics"), *VARIANTS])
@pytest.mark.parametrize(("n", "ties"), [(34, False), (60, True)])
def test_values_nulls_and_intervals_are_those_of_the_cpu(spec, n, ties, monkeypatch):
    def measured(device):
        return grid(resolve(spec), *sides(n, 12, ties, device), null=2, interval=2)

    expected = measured("cpu")
    with pretend_gpu(monkeypatch) as gpu:
        values = measured(gpu)
    for value, other in zip(values, expected, strict=True):
        for one, another in zip(astuple(value), astuple(other), strict=True):
            if isinstance(one, float) and isinstance(another, float):
                assert one == pytest.approx(another, rel=1e-5, abs=1e-5)
            else:
                assert one == another


def test_an_array_is_moved_once(monkeypatch):
    moved = []

    def count(tensor, *args, **kwargs):
        result = to(tensor, *args, **kwargs)
        if isinstance(result, OnGpu) and not isinstance(tensor, OnGpu) and tensor.ndim == 2:
            moved.append(tensor.shape)
        return result

    to = torch.Tensor.to
    monkeypatch.setattr(torch.Tensor, "to", count)
    with pretend_gpu(monkeypatch) as gpu:
        layers = sides(34, 12, False, gpu)
        for spec in ("cka", "mknn", "rsa"):
            grid(resolve(spec), *layers, null=2)
    assert moved == [(34, 12)] * 4


def test_tensors_of_two_devices_are_refused(monkeypatch):
    with pretend_gpu(monkeypatch) as gpu:
        there = torch.ones(3, device=gpu)
        assert (there + torch.tensor(1.0)).device == gpu
        assert there[torch.tensor([0, 1])].device == gpu
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(RuntimeError, match="same device"):
            torch.ones(3)[torch.zeros(1, dtype=torch.int64, device=gpu)]


def test_the_greatest_by_runs_of_columns_are_the_greatest():
    near = torch.from_numpy(np.random.default_rng(0).standard_normal((7, 1024)).astype("f4"))
    near[3] = -torch.inf
    near[4, 5:9] = 10.0
    values, columns = _top_of_runs(near, 6)
    assert torch.equal(values, torch.topk(near, 6, dim=1).values)
    assert torch.equal(near.gather(1, columns), values)
    assert all(len(set(row.tolist())) == 6 for row in columns)
