"""Measuring pairs: one code path for a pair and for a grid."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from alignkit.errors import UndefinedError
from alignkit.metrics.joining import matched
from alignkit.metrics.metric import Metric, resolve
from alignkit.metrics.representation import Representation
from alignkit.metrics.resample import calibrated, null_values, p_value, resampled_values
from alignkit.metrics.resample import interval as interval_around
from alignkit.metrics.views import trim_memory
from alignkit.metrics.workers import parallel_map, workers
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
    (found,) = grid(chosen, [one], [other])
    if found.value is None:
        raise UndefinedError(found.reason)
    return found.value


def grid(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    null: int = 0,
    interval: int = 0,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    found: Callable[[int, Value], None] | None = None,
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
    null : int
        Number of permutations of rows for the null, the same ones for every pair.
    interval : int
        Number of random halves of the samples for the 95 % interval.
    seed : int
    progress : callable, optional
        Called with the number of pairs that were finished; where there is a null or an
        interval, with the share that a permutation or a half is of all the work on a pair.
    found : callable, optional
        Called with a pair's place in ``pairs`` and its value as soon as it is known, before
        there is a null or an interval.

    Returns
    -------
    list of Value
        In the order of ``pairs``.

    Raises
    ------
    UsageError
        For faulty arguments. Degenerate data give a value of None with a reason.
    """
    xs, ys, pairs = _aligned(xs, ys, pairs)
    done = _Progress(progress, len(pairs), 1 + null + interval)
    with workers():
        values = _values(metric, xs, ys, pairs, done, found)
        known = [at for at, value in enumerate(values) if value.value is not None]
        some = [pairs[at] for at in known]
        if null and some:
            drawn = null_values(metric, xs, ys, some, null, seed, done)
            for column, at in enumerate(known):
                values[at] = _with_null(metric, values[at], drawn[:, column])
        if interval and some:
            halves = resampled_values(metric, xs, ys, some, interval, seed, done)
            for column, at in enumerate(known):
                values[at] = _with_interval(metric, values[at], halves[:, column])
    done.finish()
    _release(xs, ys)
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
    progress: Callable[[float], None] | None = None,
) -> Value:
    """The best value over pairs: the largest, or the smallest of a distance.

    The best of many is high by chance, so its null takes the same maximum: every permutation
    is shared by all pairs, and the best of them is what counts. Parameters and errors are
    those of ``grid``.

    Returns
    -------
    Value
        Of the best pair, with the null, p, calibrated value and interval of the maximum.
        Undefined when every pair is.
    """
    xs, ys, pairs = _aligned(xs, ys, pairs)
    best = np.nanmax if metric.higher_is_better else np.nanmin
    done = _Progress(progress, len(pairs), 1 + null + interval)
    with workers():
        values = _values(metric, xs, ys, pairs, done)
        known = [at for at, value in enumerate(values) if value.value is not None]
        if not known:
            done.finish()
            return values[0]
        some = [pairs[at] for at in known]
        numbers = np.array([values[at].value for at in known], dtype=float)
        top = known[int(numbers.argmax() if metric.higher_is_better else numbers.argmin())]
        found = replace(values[top], chance=None, calibrated=None, null_mean=None)
        if null:
            drawn = best(null_values(metric, xs, ys, some, null, seed, done), axis=1)
            found = _with_null(metric, found, drawn)
        if interval:
            halves = resampled_values(metric, xs, ys, some, interval, seed, done)
            found = _with_interval(metric, found, best(halves, axis=1))
    done.finish()
    _release(xs, ys)
    return found


def _values(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Sequence[tuple[int, int]],
    done: _Progress,
    found: Callable[[int, Value], None] | None = None,
) -> list[Value]:
    prepared = _Prepared(metric)
    values: dict[int, Value] = {}
    one = partial(_one_pair, metric, prepared, xs, ys)
    order = _fresh_layers_first(pairs)
    ordered = [pairs[at] for at in order]
    # A single pair is measured here, so that its blocks are spread over the workers instead.
    measured = map(one, ordered) if len(pairs) == 1 else parallel_map(one, ordered)
    for at, value in zip(order, measured, strict=True):
        values[at] = value
        if found is not None:
            found(at, value)
        done(1)
    return [values[at] for at in range(len(pairs))]


def _fresh_layers_first(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Places of pairs, those of layers that stood in none before first.

    Workers then prepare different layers, instead of waiting for the same one.
    """
    seen: set[tuple[str, int]] = set()
    first: list[int] = []
    rest: list[int] = []
    for at, (i, j) in enumerate(pairs):
        fresh = {("x", i), ("y", j)} - seen
        (first if len(fresh) == 2 else rest).append(at)
        if len(fresh) == 2:
            seen |= fresh
    return first + rest


def _one_pair(
    metric: Metric,
    prepared: _Prepared,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pair: tuple[int, int],
) -> Value:
    x, y = xs[pair[0]], ys[pair[1]]
    try:
        value = metric.compare(prepared(x), prepared(y))
        chance = metric.chance(x, y)
    except UndefinedError as error:
        return Value(x.name, y.name, x.n, None, error.reason)
    return Value(
        x.name,
        y.name,
        x.n,
        value,
        chance=chance,
        null_mean=chance,
        calibrated=calibrated(value, chance, metric.best),
        self_score=_self_score(metric, prepared, x, y),
        warning=metric.warning(x, y),
    )


def _with_null(metric: Metric, found: Value, drawn: np.ndarray) -> Value:
    assert found.value is not None
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return found
    mean = float(known.mean()) if found.chance is None else found.chance
    return replace(
        found,
        null_mean=mean,
        null_std=float(known.std()),
        p=p_value(found.value, known, metric.higher_is_better),
        calibrated=calibrated(found.value, mean, metric.best),
    )


def _with_interval(metric: Metric, found: Value, halves: np.ndarray) -> Value:
    assert found.value is not None
    low, high = interval_around(found.value, halves, metric.range)
    return replace(found, low=low, high=high)


def _self_score(
    metric: Metric, prepared: _Prepared, x: Representation, y: Representation
) -> float | None:
    if "identity" not in metric.declared:
        return None
    return sum(prepared.self_score(side) for side in (x, y)) / 2


def _release(*sides: Sequence[Representation]) -> None:
    for side in sides:
        for layer in side:
            layer.release()
    trim_memory()


class _Progress:
    """Passes over pairs - values, permutations, halves - told as shares of the pairs."""

    def __init__(self, told: Callable[[float], None] | None, pairs: int, passes: int) -> None:
        self._told, self._left, self._passes = told, float(pairs), passes

    def __call__(self, pairs: int) -> None:
        """So many pairs are through with one pass."""
        self._tell(pairs / self._passes)

    def finish(self) -> None:
        """All pairs are through with all that could be done."""
        if self._left > 1e-9:
            self._tell(self._left)

    def _tell(self, share: float) -> None:
        self._left -= share
        if self._told is not None:
            self._told(share)


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


def _aligned(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Sequence[tuple[int, int]] | None,
) -> tuple[list[Representation], list[Representation], Sequence[tuple[int, int]]]:
    """Bring all layers to the same samples; all pairs where none are named."""
    if pairs is None:
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    joined = [[matched(xs[0], one)[1] for one in side] for side in (xs, ys)]
    return joined[0], joined[1], pairs


def _representation(values: Any, name: str) -> Representation:
    return values if isinstance(values, Representation) else Representation(values, name=name)
