"""Resolve a selection of layers into pairs of sites or of arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TypeVar

from alignkit.errors import UsageError
from alignkit.models.schedule import (
    Fuse,
    Record,
    Schedule,
    head_site,
    input_site,
    layer_site,
    sites,
    stream_of,
)

Pair = tuple[str, str]
AnyPair = TypeVar("AnyPair")

STREAM_PAIRS = {
    "cross": [("text", "vision")],
    "text": [("text", "text")],
    "vision": [("vision", "vision")],
    "all": [("text", "vision"), ("text", "text"), ("vision", "vision")],
}
# Selections that keep the best value over pairs of equal depth, or over the grid.
MAXIMA = ("max", "max-pair")
# Selections that are empty in a model without fusions.
AT_FUSIONS = ("fusions", "before", "after")
# Selections that pair the layers of one stream with each other.
WITHIN_STREAM = ("next", "to-last")
EXPECTED = (
    "all, same, last, max, max-pair, fusions, before, after, next, to-last, indices and ranges "
    "(0,3,7-11), or glob patterns of sites (t0*, 'v.f*', t.in)"
)


class SelectionError(UsageError):
    """A selection of layers cannot be read, or selects nothing.

    Parameters
    ----------
    layers : str
        The selection, or the piece of it that is wrong.
    reason : str
        What is wrong with it, and what was expected.

    Attributes
    ----------
    reason : str
        As given: the message without the parameter's name, for callers who call it otherwise.
    """

    def __init__(self, layers: str, reason: str) -> None:
        super().__init__(f"`layers={layers}`: {reason}" if layers else f"`layers`: {reason}")
        self.reason = reason


def select_pairs(
    schedule: Schedule, layers: str = "all", streams: str = "cross", other: Schedule | None = None
) -> list[Pair]:
    """Resolve a selection of layers into pairs of sites.

    Parameters
    ----------
    schedule : sequence of steps
    layers : str
        ``all`` (the grid of layers and fusions), ``same`` (layers of equal depth), ``last``
        (the states that the head reads), ``before`` and ``after`` (directly before and after
        each fusion), ``fusions`` (both), within one stream ``next`` (each layer with the one after
        it) and ``to-last`` (each with the state that the head reads), indices and ranges of equal
        depth, or glob patterns of sites. ``max`` and ``max-pair`` mean the pairs of ``same`` and
        of ``all``.
    streams : str
        ``cross``, ``text``, ``vision`` or ``all``, or several separated by commas.
    other : sequence of steps, optional
        The schedule of a second run, whose sites come second in each pair. ``streams="all"``
        then also compares the vision stream of the first run with the text stream of the second.

    Returns
    -------
    list of (str, str)
        Pairs of sites; text first where the streams differ.

    Raises
    ------
    SelectionError
        When the selection cannot be read, or selects nothing.
    UsageError
        For an unknown name in ``streams``.
    """
    grouped = pairs_by_streams(schedule, layers, streams, other)
    return list(dict.fromkeys(pair for pairs in grouped.values() for pair in pairs))


def pairs_by_streams(
    schedule: Schedule, layers: str, streams: str, other: Schedule | None = None
) -> dict[str, list[Pair]]:
    """Resolve a selection as `select_pairs` does, into one list per pair of streams.

    Returns
    -------
    dict of str to list of (str, str)
        Pairs of sites under ``text-vision``, ``text-text`` and so on; no list is empty.

    Raises
    ------
    SelectionError
        When the selection cannot be read, or selects nothing.
    UsageError
        For an unknown name in ``streams``.
    """
    layers = layers.strip()
    grouped: dict[str, list[Pair]] = {}
    for first, second in stream_pairs(streams, between=other is not None):
        within = other is None and first == second
        if layers in WITHIN_STREAM and not within:
            raise SelectionError(
                layers, "it pairs the layers of one stream; use `streams=text` or `streams=vision`"
            )
        if layers == "max" and within:
            raise SelectionError(
                layers,
                f"every layer of the {first} stream would be paired with itself; "
                "use `layers=max-pair`",
            )
        left = _Side(schedule, first)
        right = _Side(schedule if other is None else other, second)
        pairs = _pairs(left, right, layers)
        if layers == "max-pair" and within:
            pairs = [(x, y) for x, y in pairs if x != y]
        if pairs:
            grouped[f"{first}-{second}"] = list(dict.fromkeys(pairs))
    if not grouped:
        raise SelectionError(layers, f"it selects no pair of sites; expected {EXPECTED}")
    return grouped


def stream_pairs(streams: str, between: bool = False) -> list[tuple[str, str]]:
    """Return pairs of streams by name; between two runs, ``all`` includes vision with text.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    pairs = []
    for name in map(str.strip, streams.split(",")):
        if name not in STREAM_PAIRS:
            raise UsageError(f"unknown streams '{name}'; known: {', '.join(STREAM_PAIRS)}")
        pairs += STREAM_PAIRS[name]
        if between and name == "all":
            pairs.append(("vision", "text"))
    return list(dict.fromkeys(pairs))


def equal_depth(schedule: Schedule) -> list[Pair]:
    """Return the pairs of layers of equal depth: ``(t00, v00)``, ``(t01, v01)``, ..."""
    recorded = set(sites(schedule))
    depth = min(len(_Side(schedule, stream).layers) for stream in ("text", "vision"))
    pairs = [(layer_site("text", i), layer_site("vision", i)) for i in range(depth)]
    return [pair for pair in pairs if recorded >= set(pair)]


def select_array_pairs(
    xs: Sequence[str], ys: Sequence[str], layers: str = "all"
) -> list[tuple[int, int]]:
    """Resolve a selection into pairs of arrays, by their names.

    Parameters
    ----------
    xs, ys : sequence of str
        The names of the arrays on both sides, one per layer.
    layers : str
        ``all``, ``same`` (equal position), ``last``, ``max``, ``max-pair``, where both sides are
        the same ``next`` and ``to-last``, indices and ranges of equal position, or glob patterns
        of names.

    Returns
    -------
    list of (int, int)
        Positions in ``xs`` and in ``ys``.

    Raises
    ------
    SelectionError
        When the selection cannot be read, or selects nothing.
    """
    same = list(zip(range(len(xs)), range(len(ys)), strict=False))
    grid = [(i, j) for i in range(len(xs)) for j in range(len(ys))]
    match layers.strip():
        case "all" | "max-pair":
            return grid
        case "same" | "max":
            return same
        case "last":
            return [grid[-1]]
        case word if word in WITHIN_STREAM:
            return _within(word, xs, ys)
        case word if word in AT_FUSIONS:
            raise SelectionError(
                word,
                "arrays have no fusions; expected all, same, last, max, max-pair, next, to-last, "
                "indices, or glob patterns",
            )
    pieces = _pieces(layers)
    if _are_indices(pieces):
        return _at_positions(pieces, same)
    _check_patterns(pieces, [*xs, *ys], f"a name such as {xs[0]}")
    left, right = (_matching(side, pieces) or range(len(side)) for side in (xs, ys))
    return [(i, j) for i in left for j in right]


def _within(word: str, xs: Sequence[str], ys: Sequence[str]) -> list[tuple[int, int]]:
    """Pair the layers of one model with each other."""
    if list(xs) != list(ys):
        raise SelectionError(word, "it pairs the layers of one model with each other")
    if len(xs) < 2:
        raise SelectionError(word, "there is only one layer; it pairs two")
    last = len(xs) - 1
    return list(pairwise(range(len(xs)))) if word == "next" else [(i, last) for i in range(last)]


class _Side:
    """The sites of one stream of a run: one side of the pairs."""

    def __init__(self, schedule: Schedule, stream: str) -> None:
        self.schedule, self.stream = schedule, stream
        self.all = sites(schedule, stream)
        self.layers = [site for site in self.all if "." not in site]
        self.standard = [site for site in self.all if site != input_site(stream)]

    @property
    def last(self) -> str:
        return head_site(self.schedule, self.stream)

    def paired(self, word: str) -> list[Pair]:
        """Pair the layers of the stream with each other."""
        if word == "next":
            return list(pairwise(self.layers))
        return [(site, self.last) for site in self.layers if site != self.last]

    def before(self) -> list[str]:
        """Return the sites directly before each fusion."""
        return [sites[self.stream] for sites in around_fusions(self.schedule)[0::2]]

    def after(self) -> list[str]:
        """Return the sites directly after each fusion."""
        return [sites[self.stream] for sites in around_fusions(self.schedule)[1::2]]


def _pairs(left: _Side, right: _Side, layers: str) -> list[Pair]:
    if layers in WITHIN_STREAM:
        return left.paired(layers)
    same = list(zip(left.layers, right.layers, strict=False))
    match layers:
        case "all" | "max-pair":
            return _grid(left.standard, right.standard)
        case "same" | "max":
            return same
        case "last":
            return [(left.last, right.last)]
        case "before":
            return list(zip(left.before(), right.before(), strict=False))
        case "after":
            return list(zip(left.after(), right.after(), strict=False))
        case "fusions":
            around = zip(_pairs(left, right, "before"), _pairs(left, right, "after"), strict=True)
            return [pair for both in around for pair in both]
    pieces = _pieces(layers)
    if _are_indices(pieces):
        return _at_positions(pieces, same)
    _check_patterns(pieces, [*sites(left.schedule), *sites(right.schedule)], EXPECTED)
    rows, columns = ([side.all[i] for i in _matching(side.all, pieces)] for side in (left, right))
    if not rows and not columns:
        return []
    # Patterns that match sites of one stream only leave the other stream unrestricted.
    return _grid(rows or left.standard, columns or right.standard)


def _grid(rows: Sequence[str], columns: Sequence[str]) -> list[Pair]:
    return [(x, y) for x in rows for y in columns]


def _pieces(layers: str) -> list[str]:
    pieces = [piece.strip() for piece in layers.split(",") if piece.strip()]
    if not pieces:
        raise SelectionError("", f"it is empty and selects no pair; expected {EXPECTED}")
    return pieces


def _are_indices(pieces: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\d+(-\d+)?", piece) for piece in pieces)


def _at_positions(pieces: Sequence[str], same: Sequence[AnyPair]) -> list[AnyPair]:
    """Select pairs of equal depth by indices and ranges, both ends included."""
    pairs: list[AnyPair] = []
    for piece in pieces:
        start, _, end = piece.partition("-")
        first, last = int(start), int(end or start)
        if last < first:
            raise SelectionError(piece, f"the range runs backwards; write {last}-{first}")
        if last >= len(same):
            raise SelectionError(
                piece, f"there is no layer {last}; layers are 0 to {len(same) - 1}"
            )
        pairs += same[first : last + 1]
    return list(dict.fromkeys(pairs))


def around_fusions(schedule: Schedule) -> list[dict[str, str]]:
    """Return the sites of both streams directly before and directly after each fusion."""
    latest: dict[str, str] = {}
    around: list[dict[str, str]] = []
    after: dict[str, str] | None = None
    for step in schedule:
        match step:
            case Record(site):
                latest[stream_of(site)] = site
                if after is not None:
                    after[stream_of(site)] = site
            case Fuse():
                after = dict(latest)
                around += [dict(latest), after]
            case _:
                after = None
    return around


def _check_patterns(patterns: Sequence[str], names: Sequence[str], expected: str) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise SelectionError(
                pattern, f"no layer matches this name or pattern; expected {expected}"
            )


def _matching(names: Sequence[str], patterns: Sequence[str]) -> list[int]:
    return [i for i, name in enumerate(names) if any(fnmatchcase(name, p) for p in patterns)]
