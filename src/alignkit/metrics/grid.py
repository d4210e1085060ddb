"""Measuring pairs: one code path for a pair and for a grid."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from alignkit.errors import UndefinedError
from alignkit.metrics.joining import matched
from alignkit.metrics.metric import Metric, resolve
from alignkit.metrics.representation import Representation
from alignkit.plugins.options import format_spec


@dataclass(frozen=True)
class Value:
    """A metric's value on one pair.

    Attributes
    ----------
    x, y : str
        Names of the two representations.
    n : int
        Samples.
    value : float or None
        None when undefined; then ``reason`` says why.
    chance : float or None
        Mean over all permutations of rows, where it is known in closed form.
    null_mean, null_std, p : float or None
        Of permuted rows: the closed form or the mean of those drawn, their standard
        deviation, and (1 + b) / (1 + m) with b of m at least as good as the value.
    calibrated : float or None
        (value - null mean) / (best - null mean): 0 at chance, 1 at best.
    low, high : float or None
        95 % interval by resampling samples.
    self_score : float or None
        For a metric whose identity is not its best value: the mean of what x and y score
        against themselves.
    warning : str
        What a reader of the value should know.
    """

    x: str
    y: str
    n: int
    value: float | None
    reason: str = ""
    chance: float | None = None
    null_mean: float | None = None
    null_std: float | None = None
    p: float | None = None
    calibrated: float | None = None
    low: float | None = None
    high: float | None = None
    self_score: float | None = None
    warning: str = ""


def measure(x: Any, y: Any, metric: str = "cka", **parameters: Any) -> float:
    """Measure the alignment of two arrays of the same samples.

    Parameters
    ----------
    x, y : array_like (n, width)
        Rows are samples, in the same order; widths may differ.
    metric : str
        A registered metric, as ``name`` or ``name:key=value``.
    **parameters
        The metric's parameters.

    Returns
    -------
    float
        Range and direction are the metric's: ``alignkit show metric NAME``.

    Raises
    ------
    UsageError
        For faulty arguments: lengths that differ, values that are not finite, k >= n.
    UndefinedError
        Where the metric has no value, with the reason.
    """
    chosen = resolve(format_spec(metric, parameters) if parameters else metric)
    one, other = (_representation(side, name) for side, name in ((x, "x"), (y, "y")))
    one, other = matched(one, other)
    return chosen.compare(chosen.prepare(one), chosen.prepare(other))


def grid(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    null: int = 0,
    interval: int = 0,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Value]:
    """Measure a metric over pairs of representations.

    Each layer's work is done once; a pair's value does not depend on which others are
    measured beside it.

    Parameters
    ----------
    metric : Metric
    xs, ys : sequences of Representation
    pairs : sequence of (int, int), optional
        Indices into ``xs`` and ``ys``; all of them when None.
    null, seed : int
        Number of permutations of rows for the null, the same ones for every pair.
    interval : int
        Number of random halves of the samples for the 95 % interval.
    progress : callable, optional
        Called with the number of pairs that were finished.

    Returns
    -------
    list of Value
        In the order of ``pairs``.

    Raises
    ------
    UsageError
        For faulty arguments. Degenerate data give a value of None with a reason.
    """
    if pairs is None:
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    xs, ys = ([matched(xs[0], one)[1] for one in side] for side in (xs, ys))
    prepared = _Prepared(metric)
    with single_threads() as pool:
        values = []
        todo = [(metric, prepared, xs[i], ys[j], null, seed) for i, j in pairs]
        for value in pool.map(lambda one: _one(*one), todo):
            values.append(value)
            if progress is not None:
                progress(1)
    if interval:
        bounds = _intervals(metric, xs, ys, pairs, values, interval, seed)
        values = [
            replace(v, low=low, high=high) for v, (low, high) in zip(values, bounds, strict=True)
        ]
    return values


def maximum(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    null: int = 0,
    interval: int = 0,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Value:
    """The best value over pairs, with the null of maxima over the same pairs."""
    if pairs is None:
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    values = grid(metric, xs, ys, pairs=pairs, interval=interval, seed=seed, progress=progress)
    known = [(value, pair) for value, pair in zip(values, pairs, strict=True)
             if value.value is not None]  # fmt: skip
    if not known:
        return values[0]
    best = max if metric.higher_is_better else min
    found = replace(best((value for value, _ in known), key=lambda one: float(one.value or 0)),
                    chance=None, null_mean=None, calibrated=None)  # fmt: skip
    if not null:
        return found
    nulls = [_null(metric, metric.prepare(xs[i]), ys[j], null, seed) for _, (i, j) in known]
    drawn = np.max(nulls, axis=0) if metric.higher_is_better else np.min(nulls, axis=0)
    mean = float(drawn.mean())
    assert found.value is not None
    return replace(
        found, null_mean=mean, null_std=float(drawn.std()),
        p=_p(found.value, drawn, metric.higher_is_better),
        calibrated=_calibrated(found.value, mean, metric.best),
    )  # fmt: skip


def _intervals(
    metric: Metric, xs: Sequence[Representation], ys: Sequence[Representation],
    pairs: Sequence[tuple[int, int]], values: Sequence[Value], interval: int, seed: int,
) -> list[tuple[float | None, float | None]]:  # fmt: skip
    rng = np.random.default_rng([seed, xs[0].n, 2])
    n = xs[0].n
    halves = [np.sort(rng.choice(n, n // 2, replace=False)) for _ in range(interval)]
    bounds: list[tuple[float | None, float | None]] = []
    for (i, j), value in zip(pairs, values, strict=True):
        if value.value is None:
            bounds.append((None, None))
            continue
        drawn = np.array([
            metric.compare(metric.prepare(xs[i][rows]), metric.prepare(ys[j][rows]))
            for rows in halves
        ])  # fmt: skip
        low, high = np.quantile(drawn - drawn.mean(), [0.025, 0.975])
        bounds.append((float(value.value + low), float(value.value + high)))
    return bounds


@contextmanager
def single_threads() -> Iterator[ThreadPoolExecutor]:
    """Workers side by side, each with one thread for its linear algebra.

    Two single-threaded factorisations finish sooner than one with two threads, and a value
    then depends on neither the number of workers nor that of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    workers = ThreadPoolExecutor(os.cpu_count() or 1, initializer=torch.set_num_threads,
                                 initargs=(1,))  # fmt: skip
    try:
        with workers as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


class _Prepared:
    """Prepared layers by identity, so that a layer in many pairs is prepared once."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._kept: dict[int, tuple[Representation, Any]] = {}
        self._selves: dict[int, float] = {}
        self._lock = threading.Lock()
        self._locks: dict[int, threading.RLock] = {}

    def self_score(self, x: Representation) -> float:
        """What a layer scores against itself, computed once."""
        with self._lock_of(x):
            if id(x) not in self._selves:
                self._selves[id(x)] = self._metric.compare(self(x), self(x))
            return self._selves[id(x)]

    def __call__(self, x: Representation) -> Any:
        with self._lock_of(x):
            if id(x) not in self._kept:
                self._kept[id(x)] = (x, self._metric.prepare(x))
            return self._kept[id(x)][1]

    def _lock_of(self, x: Representation) -> threading.RLock:
        with self._lock:
            return self._locks.setdefault(id(x), threading.RLock())


def _one(
    metric: Metric, prepared: _Prepared, x: Representation, y: Representation, null: int, seed: int
) -> Value:
    try:
        value = metric.compare(prepared(x), prepared(y))
        chance = metric.chance(x, y)
    except UndefinedError as error:
        return Value(x.name, y.name, x.n, None, error.reason)
    mean, std, p = chance, None, None
    if null:
        drawn = _null(metric, prepared(x), y, null, seed)
        mean = drawn.mean() if chance is None else chance
        std = float(drawn.std())
        p = _p(value, drawn, metric.higher_is_better)
    return Value(
        x.name, y.name, x.n, value, "", chance, None if mean is None else float(mean), std, p,
        _calibrated(value, mean, metric.best), None, None, _self_score(metric, prepared, x, y),
        metric.warning(x, y),
    )  # fmt: skip


def _self_score(
    metric: Metric, prepared: _Prepared, x: Representation, y: Representation
) -> float | None:
    if "identity" not in metric.declared:
        return None
    return sum(prepared.self_score(side) for side in (x, y)) / 2


def _null(metric: Metric, a: Any, y: Representation, null: int, seed: int) -> np.ndarray:
    """Values on permuted rows of y: the same permutations for every pair."""
    rng = np.random.default_rng([seed, y.n])
    drawn = []
    for _ in range(null):
        order = torch.from_numpy(rng.permutation(y.n))
        drawn.append(metric.compare(a, metric.prepare(y.permuted(order))))
    return np.array(drawn)


def _p(value: float, drawn: np.ndarray, higher_is_better: bool) -> float:
    slack = 1e-9 * max(1.0, abs(value))  # ties count in spite of rounding
    as_good = drawn >= value - slack if higher_is_better else drawn <= value + slack
    return float((1 + as_good.sum()) / (1 + len(drawn)))


def _calibrated(value: float, mean: float | None, best: float) -> float | None:
    if mean is None or not math.isfinite(best) or abs(best - mean) < 1e-12:
        return None
    return float((value - mean) / (best - mean))


def _representation(values: Any, name: str) -> Representation:
    return values if isinstance(values, Representation) else Representation(values, name=name)
