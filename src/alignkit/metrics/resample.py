"""What a value would be by chance, and how much it hangs on the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics.classes import without_labels
from alignkit.metrics.design import Arrangement, Design
from alignkit.metrics.metric import Metric
from alignkit.metrics.representation import Representation
from alignkit.metrics.workers import parallel_map

LEVEL = 0.95
Pairs = Sequence[tuple[int, int]]


def null_values(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Pairs,
    permutations: int,
    seed: int,
    done: Callable[[int], None],
    design: Design,
) -> np.ndarray:
    """Values of pairs on permuted rows of y: the same permutations for every pair.

    Permutations exchange what the design lets be exchanged.

    ``done`` is called with the number of pairs that one more permutation was taken of.

    Returns
    -------
    ndarray (permutations, len(pairs))
        NaN where a permutation has no value.
    """
    orders = [order.to(ys[0].device) for order in design.orders(ys[0].n, permutations, seed)]
    left, right = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    some_xs, some_ys = [xs[i] for i in left], [ys[j] for j in right]
    if design.labels is not None:
        return _one_by_one(metric, xs, ys, pairs, orders, done, design.labels)
    values = metric.null(some_xs, some_ys, orders)
    if values is None:
        return _one_by_one(metric, xs, ys, pairs, orders, done)
    done(len(pairs) * permutations)
    return values[:, [left.index(i) for i, _ in pairs], [right.index(j) for _, j in pairs]]


def _one_by_one(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Pairs,
    orders: Sequence[Tensor],
    done: Callable[[int], None],
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Where a metric has no way of its own: every pair under every permutation.

    Labels are removed again from permuted residuals (Freedman and Lane 1983): residuals of both
    sides lie in what labels leave, and permuted ones would not.
    """
    prepared_xs = {i: metric.prepare(xs[i]) for i in {i for i, _ in pairs}}
    columns = sorted({j for _, j in pairs})
    prepared_ys = {j: metric.prepare(ys[j]) for j in columns}
    values = np.full((len(orders), len(pairs)), np.nan)

    def fill(work: tuple[int, int]) -> int:
        at, j = work
        if labels is not None:
            reordered = metric.prepare(without_labels(ys[j].permuted(orders[at]), labels))
        elif metric.permutes:
            reordered = metric.permute(prepared_ys[j], orders[at])
        else:
            reordered = metric.prepare(ys[j].permuted(orders[at]))
        places = [place for place, pair in enumerate(pairs) if pair[1] == j]
        for place in places:
            values[at, place] = _value(metric, prepared_xs[pairs[place][0]], reordered)
        return len(places)

    for count in parallel_map(fill, [(at, j) for at in range(len(orders)) for j in columns]):
        done(count)
    return values


def resampled_values(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Pairs,
    resamples: int,
    seed: int,
    done: Callable[[int], None],
    design: Design,
) -> np.ndarray:
    """Values of pairs on random halves of the samples, ``(resamples, len(pairs))``.

    Layers are as they were given; each half is arranged by the design anew, so that class
    means, for instance, are those of the half.

    Halves are drawn without replacement: a sample drawn twice would be its own nearest
    neighbour. Given the whole, the spread over halves is that of the whole over samples from
    the population (delete-half jackknife: Efron and Tibshirani 1993, chapter 11). Where samples
    come in groups, whole groups are drawn, since the spread is that over groups.
    """
    halves = design.halves(ys[0].n, resamples, seed)

    def values_on(rows: np.ndarray) -> list[float]:
        try:
            arranged = (design if design.is_plain else design[rows]).arrange(metric)
        except UsageError:  # no class of the half is large enough
            return [math.nan] * len(pairs)
        return values_of(rows, arranged)

    def values_of(rows: np.ndarray, arranged: Arrangement) -> list[float]:
        adapted = arranged.metric
        layers = {id(layer): layer for i, j in pairs for layer in (xs[i], ys[j])}
        halved = {key: arranged.layer(layer[rows]) for key, layer in layers.items()}
        prepared: dict[int, Any] = {}
        values = []
        for i, j in pairs:
            try:
                for layer in (xs[i], ys[j]):
                    if id(layer) not in prepared:
                        prepared[id(layer)] = adapted.prepare(halved[id(layer)])
                values.append(adapted.compare(prepared[id(xs[i])], prepared[id(ys[j])]))
            except UndefinedError:
                values.append(math.nan)
        return values

    resampled = []
    for values in parallel_map(values_on, halves):
        resampled.append(values)
        done(len(pairs))
    return np.array(resampled)


def interval(
    value: float, resampled: np.ndarray, bounds: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Return the 95 % interval: how values on halves deviate from their mean, around the value."""
    known = resampled[np.isfinite(resampled)]
    if len(known) < 2:
        return None, None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(known - known.mean(), [tail, 1 - tail])
    return float(max(bounds[0], value + low)), float(min(bounds[1], value + high))


def p_value(value: float, drawn: np.ndarray, higher_is_better: bool) -> float | None:
    """(1 + b) / (1 + m): b of m permutations are at least as good as the value."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    slack = 1e-9 * max(1.0, abs(value))  # ties count in spite of rounding
    as_good = known >= value - slack if higher_is_better else known <= value + slack
    return float((1 + as_good.sum()) / (1 + len(known)))


def calibrated(value: float, mean: float | None, best: float) -> float | None:
    """(value - null mean) / (best - null mean); None where that has no meaning."""
    if mean is None or not math.isfinite(best) or abs(best - mean) < 1e-12:
        return None
    return float((value - mean) / (best - mean))


def _value(metric: Metric, a: Any, b: Any) -> float:
    try:
        return metric.compare(a, b)
    except UndefinedError:
        return math.nan
