"""Measuring pairs: one code path for a pair and for a grid."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias, overload

import numpy as np

from alignkit.errors import UndefinedError, UsageError
from alignkit.metrics import protocols
from alignkit.metrics.checks import check_at_first_use
from alignkit.metrics.design import PLAIN, Arrangement, Design
from alignkit.metrics.joining import matched
from alignkit.metrics.metric import Metric, metric_of, resolve
from alignkit.metrics.representation import Representation
from alignkit.metrics.resample import calibrated, null_values, p_value, resampled_values
from alignkit.metrics.resample import interval as interval_around
from alignkit.metrics.views import trim_memory
from alignkit.metrics.workers import parallel_map, workers
from alignkit.plugins import registry
from alignkit.plugins.options import format_spec

Comparing: TypeAlias = protocols.Metric | type[protocols.PreparedMetric]


@dataclass(frozen=True)
class Value:
    """A metric's value on one pair.

    Attributes
    ----------
    x, y : str
        Names of the two representations.
    n : int
        Number of samples.
    value : float or None
        None when undefined; then ``reason`` says why.
    reason : str
    chance : float or None
        Mean over all permutations of rows, where it is known in closed form.
    null_mean, null_std : float or None
        Mean over permuted rows, in closed form or over those drawn, and the standard deviation
        over those drawn.
    p : float or None
        (1 + b) / (1 + m), where b of m permutations are at least as good as the value.
    calibrated : float or None
        (value - null mean) / (best - null mean): 0 at chance, 1 at best.
    low, high : float or None
        95 % interval, from random halves of the samples.
    self_score : float or None
        The mean of what x and y score against themselves, where a metric does not give its best
        value on identical input.
    best : float or None
        What calibration takes for the best value: the metric's, or with ties the self-score.
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
    best: float | None = None
    warning: str = ""


@overload
def measure(
    x: Any,
    y: Any,
    metric: str | Comparing | None = None,
    *,
    within: Any = None,
    groups: Any = None,
    **parameters: Any,
) -> float: ...


@overload
def measure(
    x: Any, y: Any, metric: list[Any] | tuple[Any, ...], *, within: Any = None, groups: Any = None
) -> dict[str, float]: ...


def measure(
    x: Any,
    y: Any,
    metric: str | Comparing | list[Any] | tuple[Any, ...] | None = None,
    *,
    within: Any = None,
    groups: Any = None,
    **parameters: Any,
) -> float | dict[str, float]:
    """Measure the alignment of two arrays over the same samples.

    Parameters
    ----------
    x, y : array_like (n, width)
        Rows are samples, in the same order; widths may differ.
    metric : str, callable or list of these, optional
        A registered metric, as ``name`` or ``name:key=value``; by default the one that
        ``alignkit list metrics`` marks, unbiased CKA. Or a function of two
        ``alignkit.Representation``, as ``alignkit.Metric``. Or several of both.
    within : array_like (n,) or (n, labels), optional
        The class of every sample, as numbers or texts, or its set of labels as zeros and ones:
        the value is that within classes, which a shared class alone does not raise.
    groups : array_like (n,), optional
        The group of every sample, such as the picture of a caption; samples of one group are
        not neighbours.
    **parameters
        The metric's parameters, where there is one metric.

    Returns
    -------
    float, or dict of str to float
        Range and direction are the metric's: ``alignkit show metric NAME``. Of several metrics,
        the values by metric: as it was named, or by the name of the function.

    Raises
    ------
    UsageError
        For invalid arguments: lengths that differ, values that are not finite, k >= n, classes
        or groups that change nothing.
    UndefinedError
        When a metric is undefined on these data, with the reason.
    """
    several = isinstance(metric, (list, tuple))
    if several and parameters:
        names = ", ".join(f"`{name}`" for name in parameters)
        raise UsageError(
            f"{names} would go to each of several metrics; write them with the one that has them, "
            "as in 'svcca:dims=10'"
        )
    chosen = _named(metric if isinstance(metric, (list, tuple)) else [metric], parameters)
    design = Design.of(within, groups)
    layers = _representation(x, "x"), _representation(y, "y")
    values = {}
    for name, each in chosen.items():
        (result,) = grid(each, [layers[0]], [layers[1]], design=design)
        if result.value is None:
            raise UndefinedError(f"{name}: {result.reason}" if several else result.reason)
        values[name] = result.value
    return values if several else next(iter(values.values()))


def _named(metrics: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Metric]:
    """Return metrics by the names that they are given in Python."""
    chosen: dict[str, Metric] = {}
    for metric in metrics:
        metric = registry().default("metrics").name if metric is None else metric
        if isinstance(metric, str):
            name = metric
            made = resolve(format_spec(metric, parameters) if parameters else metric)
        else:
            made = metric_of(metric, parameters)
            name = made.name
        if name in chosen:
            raise UsageError(f"`metric` has two that are called '{name}'; give each another name")
        chosen[name] = made
    if not chosen:
        raise UsageError("`metric` is an empty list; name one: alignkit list metrics")
    return chosen


def grid(
    metric: Metric,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    *,
    pairs: Sequence[tuple[int, int]] | None = None,
    null: int = 0,
    interval: int = 0,
    seed: int = 0,
    design: Design = PLAIN,
    progress: Callable[[float], None] | None = None,
    on_value: Callable[[int, Value], None] | None = None,
) -> list[Value]:
    """Measure a metric over pairs of representations.

    Each layer's work is done once; a pair's value does not depend on which other pairs are
    measured with it.

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
    design : Design
        Classes within which to measure and to permute, and groups to keep together.
    progress : callable, optional
        Called with the number of pairs finished since the last call; with a null or an
        interval, also with fractions of pairs.
    on_value : callable, optional
        Called with a pair's index in ``pairs`` and its value as soon as it is known, before its
        null and interval are.

    Returns
    -------
    list of Value
        In the order of ``pairs``.

    Raises
    ------
    UsageError
        For invalid arguments. Degenerate data give a value of None with a reason.
    """
    check_at_first_use(metric)
    given_xs, given_ys, pairs = _aligned(xs, ys, pairs)
    design.check_length(given_xs[0].n)
    arranged = design.arrange(metric)
    xs, ys = ([arranged.layer(layer) for layer in side] for side in (given_xs, given_ys))
    done = _Progress(progress, len(pairs), 1 + null + interval)
    with workers():
        values = _values(arranged, xs, ys, pairs, done, on_value)
        known = [at for at, value in enumerate(values) if value.value is not None]
        some = [pairs[at] for at in known]
        if null and some:
            permuted = null_values(arranged.metric, xs, ys, some, null, seed, done, arranged.design)
            for column, at in enumerate(known):
                values[at] = _with_null(metric, values[at], permuted[:, column])
        if interval and some:
            halves = resampled_values(
                metric, given_xs, given_ys, some, interval, seed, done, design
            )
            for column, at in enumerate(known):
                values[at] = _with_interval(metric, values[at], halves[:, column])
    done.finish()
    _release(xs, ys, given_xs, given_ys)
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
    design: Design = PLAIN,
    progress: Callable[[float], None] | None = None,
) -> Value:
    """Measure the best value over pairs: the largest, or for a distance the smallest.

    The best of many values is good by chance alone, so the null is that of the best, too: every
    permutation is applied to all pairs, and the best value under it is kept. Parameters and
    errors are those of ``grid``.

    Returns
    -------
    Value
        That of the best pair, with the null, p, calibrated value and interval of the maximum.
        Undefined when every pair is; pairs without a value are left out, which its warning says.
    """
    check_at_first_use(metric)
    given_xs, given_ys, pairs = _aligned(xs, ys, pairs)
    design.check_length(given_xs[0].n)
    arranged = design.arrange(metric)
    xs, ys = ([arranged.layer(layer) for layer in side] for side in (given_xs, given_ys))
    best = np.nanmax if metric.higher_is_better else np.nanmin
    done = _Progress(progress, len(pairs), 1 + null + interval)
    with workers():
        values = _values(arranged, xs, ys, pairs, done)
        known = [at for at, value in enumerate(values) if value.value is not None]
        if not known:
            done.finish()
            return values[0]
        some = [pairs[at] for at in known]
        numbers = np.array([values[at].value for at in known], dtype=float)
        top = known[int(numbers.argmax() if metric.higher_is_better else numbers.argmin())]
        warning = "; ".join(filter(None, (_said_of_undefined(values), values[top].warning)))
        result = replace(values[top], chance=None, calibrated=None, null_mean=None, warning=warning)
        if null:
            drawn = null_values(arranged.metric, xs, ys, some, null, seed, done, arranged.design)
            result = _with_null(metric, result, best(drawn, axis=1))
        if interval:
            halves = resampled_values(
                metric, given_xs, given_ys, some, interval, seed, done, design
            )
            result = _with_interval(metric, result, best(halves, axis=1))
    done.finish()
    _release(xs, ys, given_xs, given_ys)
    return result


def _said_of_undefined(values: Sequence[Value]) -> str:
    """Say how many pairs have no value, and why; empty where all have one."""
    reasons = [value.reason for value in values if value.value is None]
    if not reasons:
        return ""
    return (
        f"{len(reasons)} of {len(values)} pairs of layers have no value and are left out: "
        f"{'; '.join(dict.fromkeys(map(str, reasons)))}"
    )


def _values(
    arranged: Arrangement,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pairs: Sequence[tuple[int, int]],
    done: _Progress,
    on_value: Callable[[int, Value], None] | None = None,
) -> list[Value]:
    prepared = _Prepared(arranged.metric)
    values: dict[int, Value] = {}
    measure_pair = partial(_measure_pair, arranged, prepared, xs, ys)
    order = _new_layers_first(pairs)
    ordered = [pairs[at] for at in order]
    # A single pair is measured here, so that its blocks are shared among the workers instead.
    apply = map if len(pairs) == 1 else parallel_map
    measured: Iterator[Value] = apply(measure_pair, ordered)
    for at, value in zip(order, measured, strict=True):
        values[at] = value
        if on_value is not None:
            on_value(at, value)
        done(1)
    return [values[at] for at in range(len(pairs))]


def _new_layers_first(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the order in which to measure pairs: first those whose layers are both new.

    Workers then prepare different layers, instead of waiting for the same one.
    """
    seen: set[tuple[str, int]] = set()
    first: list[int] = []
    rest: list[int] = []
    for at, (i, j) in enumerate(pairs):
        layers = {("x", i), ("y", j)}
        if layers & seen:
            rest.append(at)
        else:
            first.append(at)
            seen |= layers
    return first + rest


def _measure_pair(
    arranged: Arrangement,
    prepared: _Prepared,
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    pair: tuple[int, int],
) -> Value:
    x, y = xs[pair[0]], ys[pair[1]]
    metric = arranged.metric
    try:
        value = metric.compare(prepared(x), prepared(y))
        chance = metric.chance(x, y)
        has_ties = bool(metric.ties(x, y))
        own = _self_score(prepared, x, y) if has_ties or "identity" in metric.declared else None
    except UndefinedError as error:
        reason = arranged.reason(error.reason)
        return Value(x.name, y.name, x.n, None, reason, warning=arranged.note)
    best = own if has_ties and own is not None else metric.best
    return Value(
        x.name,
        y.name,
        x.n,
        value,
        chance=chance,
        null_mean=chance,
        calibrated=calibrated(value, chance, best),
        self_score=own,
        best=best,
        warning="; ".join(filter(None, (metric.warning(x, y), arranged.note))),
    )


def _with_null(metric: Metric, result: Value, permuted: np.ndarray) -> Value:
    known = permuted[np.isfinite(permuted)]
    result = _with_warning(result, "permutations", len(known), len(permuted))
    assert result.value is not None
    assert result.best is not None
    if not len(known):
        return result
    mean = float(known.mean()) if result.chance is None else result.chance
    return replace(
        result,
        null_mean=mean,
        null_std=float(known.std()),
        p=p_value(result.value, known, metric.higher_is_better),
        calibrated=calibrated(result.value, mean, result.best),
    )


def _with_interval(metric: Metric, result: Value, halves: np.ndarray) -> Value:
    assert result.value is not None
    low, high = interval_around(result.value, halves, metric.range)
    known = int(np.isfinite(halves).sum())
    result = _with_warning(result, "halves of the samples for the interval", known, len(halves))
    return replace(result, low=low, high=high)


def _with_warning(result: Value, what: str, known: int, drawn: int) -> Value:
    """Say how many of those that were drawn have no value, and are left out."""
    if known == drawn:
        return result
    said = f"{drawn - known:,} of {drawn:,} {what} have no value and are left out"
    return replace(result, warning="; ".join(filter(None, (result.warning, said))))


def _self_score(prepared: _Prepared, x: Representation, y: Representation) -> float:
    return sum(prepared.self_score(side) for side in (x, y)) / 2


def _release(*sides: Sequence[Representation]) -> None:
    for side in sides:
        for layer in side:
            layer.release()
    trim_memory()


class _Progress:
    """Reports passes over pairs (values, permutations, halves) as fractions of the pairs."""

    def __init__(self, report: Callable[[float], None] | None, pairs: int, passes: int) -> None:
        self._report, self._left, self._passes = report, float(pairs), passes

    def __call__(self, pairs: int) -> None:
        """Count one pass over so many pairs."""
        self._advance(pairs / self._passes)

    def finish(self) -> None:
        """Report what is left, where passes were not needed."""
        if self._left > 1e-9:
            self._advance(self._left)

    def _advance(self, share: float) -> None:
        self._left -= share
        if self._report is not None:
            self._report(share)


class _Prepared:
    """Prepared layers by identity, so that a layer in many pairs is prepared once."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._kept: dict[int, tuple[Representation, Any]] = {}
        self._selves: dict[int, float] = {}
        self._lock = threading.Lock()
        self._locks: dict[int, threading.RLock] = {}

    def self_score(self, x: Representation) -> float:
        """Return what a layer scores against itself, computed once."""
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
) -> tuple[Sequence[Representation], Sequence[Representation], Sequence[tuple[int, int]]]:
    """Bring all layers to the same samples; take all pairs where none are given."""
    if pairs is None:
        pairs = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    xs, ys = [matched(xs[0], x)[1] for x in xs], [matched(xs[0], y)[1] for y in ys]
    return xs, ys, pairs


def _representation(values: Any, name: str) -> Representation:
    return values if isinstance(values, Representation) else Representation(values, name=name)
