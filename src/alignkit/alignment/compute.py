"""Measuring a metric over pairs of layers, stored in portions, so that little can be lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alignkit.alignment.table import AlignmentTable
from alignkit.models.pairs import Pair

if TYPE_CHECKING:
    from alignkit.metrics import Metric, Representation, Value
    from alignkit.progress import Progress

# Seconds of work that a kill in the middle of a long grid may cost.
SECONDS = 20.0


@dataclass(frozen=True)
class LayerSource:
    """The two sides of pairs: how a layer is opened by its name.

    Attributes
    ----------
    left, right : callable
        ``left(name) -> Representation``; opened once, so that views are shared by metrics.
    order : sequence of str
        Names of layers where both sides are the same set of layers. Then a symmetric metric
        is measured on one of ``(x, y)`` and ``(y, x)``, always the same, and mirrored.
    """

    left: Callable[[str], Representation]
    right: Callable[[str], Representation]
    order: Sequence[str] = ()

    def canonical_pair(self, metric: Metric, pair: Pair) -> Pair:
        """The pair, or its mirror image, that is measured for a pair."""
        if not metric.symmetric or not set(pair) <= set(self.order):
            return pair
        return min(pair, pair[::-1], key=lambda one: self.order.index(one[0]))


def complete(
    stored: AlignmentTable, sides: LayerSource, pairs: Sequence[Pair], bar: Progress
) -> None:
    """Measure the pairs that a table lacks; store them as the work goes on."""
    from alignkit.metrics import grid

    missing = stored.missing(pairs)
    bar.advance(len(pairs) - len(missing))
    if not missing:
        return
    null, interval = stored.required_draws(missing)
    wanted: dict[Pair, list[Pair]] = {}
    for pair in missing:
        wanted.setdefault(sides.canonical_pair(stored.metric, pair), []).append(pair)
    todo = list(wanted)
    growing = _Growing(stored)

    def take(measured: Pair, value: Value) -> None:
        for pair in wanted[measured]:
            stored.add(pair, value, null, interval, dtype=_precision(sides, measured))
        growing.grown()
        bar.advance(len(wanted[measured]) - 1)

    with growing:
        if null or interval:
            for portion, values in _in_portions(stored, sides, todo, null, interval, bar):
                for measured, value in zip(portion, values, strict=True):
                    take(measured, value)
        else:
            _call(
                grid,
                stored,
                sides,
                todo,
                0,
                0,
                bar,
                found=lambda place, value: take(todo[place], value),
            )


class _Growing:
    """Writes a table that grows, every ``SECONDS`` and at the end, whatever ends it."""

    def __init__(self, stored: AlignmentTable) -> None:
        self.stored, self.written, self.fresh = stored, time.monotonic(), False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self.fresh:
            self.stored.write()

    def grown(self) -> None:
        self.fresh = True
        if time.monotonic() - self.written >= SECONDS:
            self.stored.write()
            self.written, self.fresh = time.monotonic(), False


def complete_maxima(
    stored: AlignmentTable,
    sides: LayerSource,
    layers: str,
    groups: Mapping[str, Sequence[Pair]],
    bar: Progress,
) -> None:
    """Take the best value over every group of pairs, with the null of maxima."""
    from alignkit.metrics import maximum

    for streams, pairs in groups.items():
        key = (layers, streams)
        if not stored.missing([key]):
            bar.advance(len(pairs))
            continue
        null, interval = stored.required_draws([key])
        over = list(dict.fromkeys(sides.canonical_pair(stored.metric, pair) for pair in pairs))
        best = _call(maximum, stored, sides, over, null, interval, bar)
        bar.advance(len(pairs) - len(over))
        stored.add(key, best, null, interval, pairs=len(over), dtype=_precision(sides, over[0]))
        stored.write()


def _in_portions(
    stored: AlignmentTable,
    sides: LayerSource,
    pairs: Sequence[Pair],
    null: int,
    interval: int,
    bar: Progress,
) -> Iterator[tuple[list[Pair], list[Value]]]:
    """Pairs with their values, all pairs of some y at a time.

    Nulls and intervals of many layers at once cost less than one after the other, so portions
    are no smaller than keeps that loss below a third; where a metric has a fast way to its
    null, which is to take all layers at once, there is one portion.
    """
    from alignkit.metrics import grid

    columns: dict[str, list[Pair]] = {}
    for pair in pairs:
        columns.setdefault(pair[1], []).append(pair)
    todo = list(columns.values())
    took: list[tuple[int, float]] = []
    at_once = "null" in stored.metric.declared and not interval
    while todo:
        size = len(todo) if at_once else _portion(took, len(todo))
        portion = [pair for column in todo[:size] for pair in column]
        todo = todo[size:]
        begun = time.monotonic()
        yield portion, _call(grid, stored, sides, portion, null, interval, bar)
        took.append((size, time.monotonic() - begun))


def _portion(took: Sequence[tuple[int, float]], left: int) -> int:
    """How many columns to do next, by how long so many of them took."""
    if not took:
        return 1
    if took[0][1] * left <= 2 * SECONDS:
        return left  # quick enough to be done at once
    if len(took) == 1:
        return 2
    (some, seconds), (more, longer) = took[0], took[1]
    each = max((longer - seconds) / (more - some), 1e-6 + seconds / 100) if more > some else 1.0
    fixed = max(seconds - each * some, 0.0)
    return max(1, int(max(3 * fixed, SECONDS) / each))


def _call(
    function: Any,
    stored: AlignmentTable,
    sides: LayerSource,
    pairs: Sequence[Pair],
    null: int,
    interval: int,
    bar: Progress,
    **more: Any,
) -> Any:
    """Call ``grid`` or ``maximum`` on pairs of names."""
    xs, ys = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    return function(
        stored.metric,
        [sides.left(x) for x in xs],
        [sides.right(y) for y in ys],
        pairs=[(xs.index(x), ys.index(y)) for x, y in pairs],
        null=null,
        interval=interval,
        seed=stored.asked.seed,
        progress=bar.advance,
        **more,
    )


def _precision(sides: LayerSource, pair: Pair) -> str:
    kinds = {
        str(one.dtype).removeprefix("torch.") for one in (sides.left(pair[0]), sides.right(pair[1]))
    }
    return min(kinds)  # float32 before float64
