"""Measuring a metric over pairs of layers, stored in portions, so that a kill loses little."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alignkit.alignment.layers import LayerSource
from alignkit.alignment.selection import PairSelection
from alignkit.alignment.table import AlignmentTable
from alignkit.models.pairs import Pair

if TYPE_CHECKING:
    from alignkit.metrics import Representation, Value
    from alignkit.progress import Progress

# Seconds of work that a kill in the middle of a long grid may cost.
SECONDS = 20.0


def complete(
    table: AlignmentTable, source: LayerSource, pairs: Sequence[Pair], bar: Progress
) -> None:
    """Measure the pairs that a table lacks, and store them while the rest is measured.

    Parameters
    ----------
    table : AlignmentTable
    source : LayerSource
    pairs : sequence of (str, str)
    bar : Progress
        Advanced by one for every pair.
    """
    missing = table.missing(pairs)
    bar.advance(len(pairs) - len(missing))
    if not missing:
        return
    from alignkit.metrics import Design, grid  # with torch, which takes seconds to import

    null, interval = table.required_draws(missing)
    mirrored: dict[Pair, list[Pair]] = {}
    for pair in missing:
        mirrored.setdefault(source.canonical_pair(table.metric, pair), []).append(pair)
    todo = list(mirrored)
    writer = _Writer(table)

    def add(measured: Pair, value: Value) -> None:
        for pair in mirrored[measured]:
            table.add(pair, value, null, interval, dtype=source.precision(measured))
        writer.write_if_due()
        bar.advance(len(mirrored[measured]) - 1)

    with writer:
        if null or interval:
            for portion, values in _in_portions(table, source, todo, null, interval, bar):
                for measured, value in zip(portion, values, strict=True):
                    add(measured, value)
        else:
            xs, ys, indices = _open(source, todo)
            grid(
                table.metric,
                xs,
                ys,
                pairs=indices,
                seed=table.options.seed,
                design=source.design or Design(),
                progress=bar.advance,
                on_value=lambda place, value: add(todo[place], value),
            )


class _Writer:
    """Writes a growing table every ``SECONDS``, and when the block ends for whatever reason."""

    def __init__(self, table: AlignmentTable) -> None:
        self.table, self.written, self.is_due = table, time.monotonic(), False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self.is_due:
            self.table.write()

    def write_if_due(self) -> None:
        """Write the table unless it was written less than ``SECONDS`` ago."""
        self.is_due = True
        if time.monotonic() - self.written >= SECONDS:
            self.table.write()
            self.written, self.is_due = time.monotonic(), False


def complete_maxima(
    table: AlignmentTable, source: LayerSource, selection: PairSelection, bar: Progress
) -> None:
    """Measure the best value over every group of pairs, with the null of the maximum.

    Parameters
    ----------
    table : AlignmentTable
    source : LayerSource
    selection : PairSelection
    bar : Progress
        Advanced by one for every pair.
    """
    for streams, pairs in selection.groups.items():
        key = (selection.layers, streams)
        distinct = source.distinct(table.metric, pairs)
        # More layers may be stored by now than the value was taken over.
        if not table.missing([key]) and table.pairs(key) == len(distinct):
            bar.advance(len(pairs))
            continue
        from alignkit.metrics import Design, maximum

        null, interval = table.required_draws([key])
        xs, ys, indices = _open(source, distinct)
        best = maximum(
            table.metric,
            xs,
            ys,
            pairs=indices,
            null=null,
            interval=interval,
            seed=table.options.seed,
            design=source.design or Design(),
            progress=bar.advance,
        )
        bar.advance(len(pairs) - len(distinct))
        dtype = source.precision(distinct[0])
        table.add(key, best, null, interval, pairs=len(distinct), dtype=dtype)
        table.write()


def _in_portions(
    table: AlignmentTable,
    source: LayerSource,
    pairs: Sequence[Pair],
    null: int,
    interval: int,
    bar: Progress,
) -> Iterator[tuple[list[Pair], list[Value]]]:
    """Yield pairs with their values, all pairs of some y at a time.

    Nulls and intervals of many layers at once cost less than one after the other, so portions
    are large enough to keep that loss below a third; where a metric has a fast way to its
    null, which takes all layers at once, there is one portion.
    """
    from alignkit.metrics import Design, grid

    columns: dict[str, list[Pair]] = {}
    for pair in pairs:
        columns.setdefault(pair[1], []).append(pair)
    todo = list(columns.values())
    timings: list[tuple[int, float]] = []
    at_once = "null" in table.metric.declared and not interval
    while todo:
        size = len(todo) if at_once else _portion(timings, len(todo))
        portion = [pair for column in todo[:size] for pair in column]
        todo = todo[size:]
        begun = time.monotonic()
        xs, ys, indices = _open(source, portion)
        values = grid(
            table.metric,
            xs,
            ys,
            pairs=indices,
            null=null,
            interval=interval,
            seed=table.options.seed,
            design=source.design or Design(),
            progress=bar.advance,
        )
        yield portion, values
        timings.append((size, time.monotonic() - begun))


def _portion(timings: Sequence[tuple[int, float]], left: int) -> int:
    """Return how many of the columns left to take next, given (columns, seconds) so far."""
    if not timings:
        return 1
    if timings[0][1] * left <= 2 * SECONDS:
        return left  # quick enough to be done at once
    if len(timings) == 1:
        return 2
    (some, seconds), (more, longer) = timings[0], timings[1]
    each = max((longer - seconds) / (more - some), 1e-6 + seconds / 100) if more > some else 1.0
    fixed = max(seconds - each * some, 0.0)
    return max(1, int(max(3 * fixed, SECONDS) / each))


def _open(
    source: LayerSource, pairs: Sequence[Pair]
) -> tuple[list[Representation], list[Representation], list[tuple[int, int]]]:
    """Open the layers of both sides, and give the pairs as indices into them."""
    xs = list(dict.fromkeys(x for x, _ in pairs))
    ys = list(dict.fromkeys(y for _, y in pairs))
    indices = [(xs.index(x), ys.index(y)) for x, y in pairs]
    return [source.left(x) for x in xs], [source.right(y) for y in ys], indices
