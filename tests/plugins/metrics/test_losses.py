"""Differentiable forms: the values of the metrics, and gradients that are right."""

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

import alignkit
from alignkit_metrics import losses


def _pair(n, p, q):
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((n, 2))
    return [
        torch.from_numpy(shared @ rng.standard_normal((2, d)) + rng.standard_normal((n, d)) + 3)
        for d in (p, q)
    ]


@pytest.mark.parametrize("name", ["cka", "unbiased_cka", "procrustes"])
@pytest.mark.parametrize("shape", [(12, 4, 6), (6, 9, 7), (30, 5, 5)])
def test_values_are_those_of_the_metric(name, shape):
    x, y = _pair(*shape)
    expected = alignkit.measure(x, y, name)
    assert float(getattr(losses, name)(x, y)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["cka", "unbiased_cka", "procrustes"])
@pytest.mark.parametrize("shape", [(12, 4, 6), (6, 9, 7)])
def test_gradients_are_those_of_finite_differences(name, shape):
    pair = [side.requires_grad_() for side in _pair(*shape)]
    assert gradcheck(getattr(losses, name), pair, atol=1e-6)


def test_following_the_gradient_aligns():
    x, y = (side.float() for side in _pair(40, 6, 6))
    turn = torch.eye(6, requires_grad=True)
    optimizer = torch.optim.Adam([turn], lr=0.05)
    before = float(losses.cka(x, y @ turn).detach())
    for _ in range(30):
        optimizer.zero_grad()
        (-losses.cka(x, y @ turn)).backward()
        optimizer.step()
    assert float(losses.cka(x, y @ turn).detach()) > before + 0.1
    assert bool(torch.isfinite(turn).all())


def test_identical_input_has_a_finite_gradient():
    x = _pair(10, 4, 4)[0].requires_grad_()
    for name in ("cka", "unbiased_cka", "procrustes"):
        (gradient,) = torch.autograd.grad(getattr(losses, name)(x, x.detach()), x)
        assert bool(torch.isfinite(gradient).all())
        assert float(gradient.abs().max()) < 1e-9  # a best value is flat
