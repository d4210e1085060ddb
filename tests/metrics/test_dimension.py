"""Dimensions against definitions in float64, and on data whose dimension is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics import Representation
from alignkit.metrics.dimension import (
    components,
    distinct_neighbours,
    participation_ratio,
    twonn,
    variance_shares,
)


def _slow_shares(values):
    """Eigenvalues of the covariance matrix, as numpy gives them."""
    eigenvalues = np.linalg.eigvalsh(np.cov(np.asarray(values, dtype=float), rowvar=False))
    return np.sort(eigenvalues)[::-1] / eigenvalues.sum()


def _slow_twonn(values):
    """Facco et al. (2017), step by step."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    ratios = []
    for i in range(n):
        r = np.sort([np.sqrt(((values[i] - values[j]) ** 2).sum()) for j in range(n) if j != i])
        ratios.append(r[1] / r[0])
    points = [(np.log(mu), -np.log(1 - (i + 1) / n)) for i, mu in enumerate(sorted(ratios)[:-1])]
    points = points[: int(0.9 * n)]
    return sum(x * y for x, y in points) / sum(x * x for x, _ in points)


def _embedded(points, width, rng):
    """Points turned into a space of more dimensions, away from its origin."""
    basis, _ = np.linalg.qr(rng.standard_normal((width, points.shape[1])))
    return points @ basis.T + rng.standard_normal(width)


@pytest.mark.parametrize("shape", [(60, 7), (12, 30), (9, 9)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_spectra_are_those_of_the_covariance(shape, dtype):
    rng = np.random.default_rng(0)
    values = (rng.standard_normal(shape) * rng.uniform(0.1, 3, shape[1]) + 5).astype(dtype)
    shares, slow = variance_shares(Representation(values)), _slow_shares(values)
    rank = min(shape[0] - 1, shape[1])
    assert len(shares) == rank
    assert shares == pytest.approx(slow[:rank], abs=1e-12)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    for share in (0.5, 0.9, 0.95, 0.99):
        assert components(shares, share) == int((np.cumsum(slow) < share).sum()) + 1
    expected = slow.sum() ** 2 / (slow**2).sum()
    assert participation_ratio(shares) == pytest.approx(expected, rel=1e-12)


def test_twonn_is_the_published_procedure():
    rng = np.random.default_rng(1)
    for values in (rng.standard_normal((150, 4)), rng.uniform(size=(40, 12)).astype(np.float32)):
        assert twonn(Representation(values)) == pytest.approx(_slow_twonn(values), rel=1e-9)


def test_data_of_known_dimension():
    rng = np.random.default_rng(2)
    n = 2500
    flat = _embedded(rng.uniform(size=(n, 2)), 20, rng)
    assert len(variance_shares(Representation(flat))) == 2
    assert twonn(Representation(flat)) == pytest.approx(2, rel=0.06)
    gaussian = _embedded(rng.standard_normal((n, 5)), 30, rng)
    assert participation_ratio(variance_shares(Representation(gaussian))) == pytest.approx(5, 0.01)
    assert twonn(Representation(gaussian)) == pytest.approx(5, rel=0.08)


def test_a_rolled_sheet_has_three_components_and_two_dimensions():
    rng = np.random.default_rng(3)
    turn, height = 1.5 * np.pi * (1 + 2 * rng.uniform(size=3000)), 21 * rng.uniform(size=3000)
    roll = np.stack([turn * np.cos(turn), height, turn * np.sin(turn)], axis=1)
    rolled = Representation(_embedded(roll, 12, rng))
    assert components(variance_shares(rolled), 0.95) == 3
    assert twonn(rolled) == pytest.approx(2, rel=0.06)
    sphere = rng.standard_normal((3000, 4))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    assert twonn(Representation(sphere)) == pytest.approx(3, rel=0.06)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.integers(2, 6))
def test_turning_shifting_and_scaling_change_nothing(seed, scale, width):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((40, width)) * rng.uniform(0.2, 2, width)
    turned, _ = np.linalg.qr(rng.standard_normal((width, width)))
    moved = values @ turned * scale + rng.standard_normal(width) * scale
    before, after = (variance_shares(Representation(each)) for each in (values, moved))
    assert after == pytest.approx(before, abs=1e-9)
    assert 1 <= participation_ratio(before) <= len(before) + 1e-9
    order = rng.permutation(40)
    assert twonn(Representation(moved[order])) == pytest.approx(
        twonn(Representation(values)), rel=1e-6
    )


def test_samples_that_coincide_count_once():
    rng = np.random.default_rng(4)
    values = rng.standard_normal((80, 6))
    alone = twonn(Representation(values))
    copies = np.repeat(values, rng.integers(1, 6, 80), axis=0)
    assert twonn(Representation(copies)) == pytest.approx(alone, rel=1e-9)
    single = values.astype(np.float32)
    rounded = np.repeat(single, 3, axis=0) * (1 + 1e-7 * rng.standard_normal((240, 6)))
    noisy = Representation(rounded.astype(np.float32))
    assert len(distinct_neighbours(noisy)[0]) == 80, "but for rounding"
    assert twonn(noisy) == pytest.approx(alone, rel=1e-3)


def test_what_has_no_dimension_is_undefined():
    constant = Representation(np.ones((50, 3)), name="t00")
    with pytest.raises(UndefinedError, match="t00 is constant"):
        variance_shares(constant)
    with pytest.raises(UndefinedError, match="t00"):
        twonn(constant)
    few = Representation(np.repeat(np.eye(4), 20, axis=0), name="v03")
    with pytest.raises(UndefinedError, match="v03: 4 distinct samples, and TwoNN needs at least"):
        twonn(few)
    with pytest.raises(UndefinedError, match="equally far"):
        twonn(Representation(np.eye(20)))
    holed = Representation(np.full((30, 3), np.nan))
    for estimate in (variance_shares, twonn):
        with pytest.raises(UsageError, match="non-finite"):
            estimate(holed)


def test_one_dimension_is_one():
    line = Representation(np.linspace(-1, 1, 30)[:, None] ** 3 @ np.ones((1, 4)))
    shares = variance_shares(line)
    assert len(shares) == 1
    assert (components(shares, 0.99), participation_ratio(shares)) == (1, 1.0)
