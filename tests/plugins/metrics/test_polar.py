"""Polar forms against the singular value decomposition, where values fall far."""

import numpy as np
import pytest
import torch

import alignkit
from alignkit.metrics import Representation
from alignkit_metrics.polar import nuclear_norm, polar_inner, procrustes_rotation


def _orthogonal(rng, rows, columns):
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def _graded(rows, columns, values, seed=0):
    rng = np.random.default_rng(seed)
    count = len(values)
    return torch.from_numpy(
        (_orthogonal(rng, rows, count) * values) @ _orthogonal(rng, columns, count).T
    )


SPECTRA = {
    "even": np.linspace(1, 0.1, 40),
    "falling by nine decades": np.geomspace(1, 1e-9, 40),
    "a few far above the rest": np.concatenate([np.full(4, 1.0), np.geomspace(1e-4, 1e-9, 36)]),
    "of low rank": np.geomspace(1, 1e-3, 9),
}


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("shape", [(40, 40), (60, 40), (40, 60)])
def test_polar_inner_is_the_product_with_the_polar_factor(spectrum, shape):
    values = SPECTRA[spectrum]
    matrix = _graded(*shape, values)
    # Weights whose share of every direction is even, so that the smallest count as well.
    weights = _graded(*shape, np.ones(len(values)))
    value = polar_inner(matrix, weights, torch.float32)
    assert value == pytest.approx(len(values), abs=1e-5 * len(values))
    if len(values) == 40:
        assert polar_inner(matrix, weights, torch.float64) == pytest.approx(len(values), abs=1e-6)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_nuclear_norm_is_the_sum_of_singular_values(spectrum):
    values = SPECTRA[spectrum]
    for dtype, slack in ((torch.float32, 2e-7), (torch.float64, 1e-13)):
        norm = nuclear_norm(_graded(60, 40, values), dtype)
        assert norm == pytest.approx(values.sum(), rel=slack)


@pytest.mark.parametrize("widths", [(30, 30), (20, 30)])
def test_a_turned_copy_is_turned_back_whatever_its_directions_share(widths):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((100, widths[0])) * np.geomspace(1, 1e-9, widths[0])
    y = x @ _orthogonal(rng, widths[1], widths[0]).T
    rotation = procrustes_rotation(Representation(x), Representation(y))
    assert torch.allclose(
        rotation @ rotation.T, torch.eye(widths[0], dtype=torch.float64), atol=1e-7
    )
    assert alignkit.measure(x, y, "procrustes:form=distance") < 1e-12


def test_samples_in_few_directions_lie_on_themselves():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((50, 5)) @ rng.standard_normal((5, 30))
    x = np.concatenate([x, x * (1 + 1e-9 * rng.standard_normal(x.shape))])
    x[:, ::7] = 0
    for form in ("angular", "distance", "size_and_shape"):
        scale = np.linalg.norm(x) if form == "size_and_shape" else 1
        assert alignkit.measure(x, x.copy(), f"procrustes:form={form}") < 1e-12 * scale
