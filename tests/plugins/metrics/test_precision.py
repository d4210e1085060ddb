"""float32 against float64 on hard input, and identical input in both."""

import numpy as np
import pytest
import torch
from test_values import METRICS

from alignkit.metrics import Representation, grid, resolve

TOLERANCE = 3e-6
CASES = ("plain", "large mean", "rogue dimension", "near-duplicates", "constant columns", "norms")


def _pair(case, n, d):
    rng = np.random.default_rng(5)
    z = rng.standard_normal((n, 8)) * np.geomspace(4, 0.5, 8)
    x, y = (z @ rng.standard_normal((8, d)) / 4 + 0.5 * rng.standard_normal((n, d)) for _ in "xy")
    match case:
        case "large mean":
            x, y = x + 1e3, y + 1e4
        case "rogue dimension":
            x[:, 3] *= 1e3
            y[:, 5] *= 1e3
        case "near-duplicates":
            half = x[: n // 2]
            x = np.concatenate([half, half * (1 + 1e-6 * rng.standard_normal(half.shape))])
        case "constant columns":
            x[:, ::7] = 0
            y[:, ::7] = 3
        case "norms":
            x, y = x * 1e-6, y * 1e6
    return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", [(120, 40), (60, 80)])
def test_float32_agrees_with_float64(case, shape):
    x, y = _pair(case, *shape)
    for spec in METRICS:
        fast, exact = (
            grid(resolve(spec), [Representation(x, dtype=t)], [Representation(y, dtype=t)])[0]
            for t in (torch.float32, torch.float64)
        )
        assert (fast.value is None) == (exact.value is None), (spec, fast.reason, exact.reason)
        if exact.value is not None:
            size = max(1.0, abs(exact.value))
            assert fast.value == pytest.approx(exact.value, abs=TOLERANCE * size), spec


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_identical_input_gives_the_best_value(case, dtype):
    x, _ = _pair(case, 90, 40)
    for spec in METRICS:
        metric = resolve(spec)
        (value,) = grid(
            metric, [Representation(x, dtype=dtype)], [Representation(x.copy(), dtype=dtype)]
        )
        if "identity" in metric.declared or value.value is None:
            continue
        slack = 1e-6 if dtype == torch.float32 else 1e-12
        if not metric.higher_is_better:
            # A distance of zero is the rest of rows as long as the data.
            slack *= 30 * (float(np.linalg.norm(x)) if "size_and_shape" in spec else 1)
        # Where rounding makes neighbours tie, identical input scores the self-score.
        best = metric.best if value.self_score is None else value.self_score
        assert value.value == pytest.approx(best, abs=slack), spec


def test_symmetric_metrics_are_symmetric():
    for case in CASES:
        x, y = (Representation(side) for side in _pair(case, 80, 40))
        for spec in METRICS:
            metric = resolve(spec)
            if metric.symmetric:
                forward, backward = grid(metric, [x], [y])[0], grid(metric, [y], [x])[0]
                if forward.value is not None:
                    scale = max(1, forward.value)
                    assert forward.value == pytest.approx(backward.value, abs=1e-6 * scale)
