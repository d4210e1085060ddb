"""Which pairs to measure: the option ``--layers``, resolved on schedules or on lists of layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
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
Found = TypeVar("Found")

STREAM_PAIRS = {
    "cross": [("text", "vision")],
    "text": [("text", "text")],
    "vision": [("vision", "vision")],
    "all": [("text", "vision"), ("text", "text"), ("vision", "vision")],
}
# The best value over pairs of equal depth, or over the grid.
MAXIMA = ("max", "max-pair")
# Words that select nothing in a model without fusions.
AT_FUSIONS = ("fusions", "before", "after")
EXPECTED = (
    "all, same, last, max, max-pair, fusions, before, after, indices and ranges (0,3,7-11), or "
    "globs over sites (t0*, 'v.f*', t.in)"
)


def select_pairs(
    schedule: Schedule, layers: str = "all", streams: str = "cross", other: Schedule | None = None
) -> list[Pair]:
    """Resolve a selection of layers into pairs of sites.

    Parameters
    ----------
    schedule : sequence of steps
    layers : str
        ``all`` (the grid of layers and fusions), ``same`` (layers of equal depth), ``last``
        (the states that the head reads), ``before`` and ``after`` (just before, just after
        each fusion), ``fusions`` (both), indices and ranges of equal depth, or globs over
        sites. ``max`` and ``max-pair`` are over the pairs of ``same`` and of ``all``.
    streams : str
        ``cross``, ``text``, ``vision`` or ``all``, or several with commas.
    other : sequence of steps, optional
        Of a second run, whose sites stand second; then ``all`` is the streams of both runs,
        each against each.

    Returns
    -------
    list of (str, str)
        Pairs of sites; text first where the streams differ.

    Raises
    ------
    UsageError
        When the selection cannot be read, or selects nothing.
    """
    grouped = pairs_by_streams(schedule, layers, streams, other)
    return list(dict.fromkeys(pair for pairs in grouped.values() for pair in pairs))


def pairs_by_streams(
    schedule: Schedule, layers: str, streams: str, other: Schedule | None = None
) -> dict[str, list[Pair]]:
    """As ``select_pairs``, apart for every pair of streams: ``text-vision``, ``text-text``."""
    layers = layers.strip()
    chosen: dict[str, list[Pair]] = {}
    for one, two in stream_pairs(streams, between=other is not None):
        within = other is None and one == two
        if layers == "max" and within:
            raise UsageError(
                f"--layers max pairs every layer of the {one} stream with itself; "
                "use --layers max-pair"
            )
        found = _pairs(
            _Side(schedule, one), _Side(schedule if other is None else other, two), layers
        )
        if layers == "max-pair" and within:
            found = [(x, y) for x, y in found if x != y]
        if found:
            chosen[f"{one}-{two}"] = list(dict.fromkeys(found))
    if not chosen:
        raise UsageError(f"--layers {layers} selects no pair of sites; expected {EXPECTED}")
    return chosen


def stream_pairs(streams: str, between: bool = False) -> list[tuple[str, str]]:
    """Pairs of streams by name; between two runs, ``all`` also is vision against text.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    chosen = []
    for name in streams.split(","):
        if name.strip() not in STREAM_PAIRS:
            raise UsageError(f"unknown streams '{name}'; known: {', '.join(STREAM_PAIRS)}")
        chosen += STREAM_PAIRS[name.strip()]
        if between and name.strip() == "all":
            chosen.append(("vision", "text"))
    return list(dict.fromkeys(chosen))


def equal_depth(schedule: Schedule) -> list[Pair]:
    """Pairs of layers of equal depth: ``(t00, v00)``, ``(t01, v01)``, ..."""
    recorded = set(sites(schedule))
    depth = min(len(_Side(schedule, stream).layers) for stream in ("text", "vision"))
    pairs = [(layer_site("text", i), layer_site("vision", i)) for i in range(depth)]
    return [pair for pair in pairs if recorded >= set(pair)]


def select_array_pairs(
    xs: Sequence[str], ys: Sequence[str], layers: str = "all"
) -> list[tuple[int, int]]:
    """Resolve a selection into pairs of anyone's layers, by their names.

    Parameters
    ----------
    xs, ys : sequences of str
    layers : str
        ``all``, ``same`` (equal position), ``last``, ``max``, ``max-pair``, indices and ranges
        of equal position, or globs over names.

    Returns
    -------
    list of (int, int)

    Raises
    ------
    UsageError
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
        case word if word in AT_FUSIONS:
            raise UsageError(
                f"--layers {word} is not for arrays, which have no fusions; expected "
                "all, same, last, max, max-pair, indices, or globs"
            )
    pieces = _pieces(layers)
    if _are_indices(pieces):
        return _at_positions(pieces, same)
    _check_patterns(pieces, [*xs, *ys], f"a name such as {xs[0]}")
    left, right = (_matching(side, pieces) or range(len(side)) for side in (xs, ys))
    return [(i, j) for i in left for j in right]


class _Side:
    """What a stream of a run has to offer to one side of a pair."""

    def __init__(self, schedule: Schedule, stream: str) -> None:
        self.schedule, self.stream = schedule, stream
        self.all = sites(schedule, stream)
        self.layers = [site for site in self.all if "." not in site]
        self.standard = [site for site in self.all if site != input_site(stream)]

    @property
    def last(self) -> str:
        return head_site(self.schedule, self.stream)

    def before(self) -> list[str]:
        """The sites just before every fusion."""
        return [sites[self.stream] for sites in around_fusions(self.schedule)[0::2]]

    def after(self) -> list[str]:
        """The sites just after every fusion."""
        return [sites[self.stream] for sites in around_fusions(self.schedule)[1::2]]


def _pairs(one: _Side, two: _Side, layers: str) -> list[Pair]:
    same = list(zip(one.layers, two.layers, strict=False))
    match layers:
        case "all" | "max-pair":
            return _grid(one.standard, two.standard)
        case "same" | "max":
            return same
        case "last":
            return [(one.last, two.last)]
        case "before":
            return list(zip(one.before(), two.before(), strict=False))
        case "after":
            return list(zip(one.after(), two.after(), strict=False))
        case "fusions":
            around = zip(_pairs(one, two, "before"), _pairs(one, two, "after"), strict=True)
            return [pair for both in around for pair in both]
    pieces = _pieces(layers)
    if _are_indices(pieces):
        return _at_positions(pieces, same)
    _check_patterns(pieces, [*sites(one.schedule), *sites(two.schedule)], EXPECTED)
    left, right = ([side.all[i] for i in _matching(side.all, pieces)] for side in (one, two))
    if not left and not right:
        return []
    # A pattern for one stream alone leaves the other free.
    return _grid(left or one.standard, right or two.standard)


def _grid(rows: Sequence[str], columns: Sequence[str]) -> list[Pair]:
    return [(x, y) for x in rows for y in columns]


def _pieces(layers: str) -> list[str]:
    pieces = [piece.strip() for piece in layers.split(",") if piece.strip()]
    if not pieces:
        raise UsageError(f"--layers is empty and selects no pair; expected {EXPECTED}")
    return pieces


def _are_indices(pieces: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\d+(-\d+)?", piece) for piece in pieces)


def _at_positions(pieces: Sequence[str], same: Sequence[Found]) -> list[Found]:
    """Pairs of equal depth by indices and ranges, both ends included."""
    chosen: list[Found] = []
    for piece in pieces:
        start, _, end = piece.partition("-")
        first, last = int(start), int(end or start)
        if last < first:
            raise UsageError(f"--layers {piece} runs backwards; write {last}-{first}")
        if last >= len(same):
            raise UsageError(
                f"--layers {piece}: there is no layer {last}; layers are 0 to {len(same) - 1}"
            )
        chosen += same[first : last + 1]
    return list(dict.fromkeys(chosen))


def around_fusions(schedule: Schedule) -> list[dict[str, str]]:
    """The sites of both streams just before, then just after, every fusion."""
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
            raise UsageError(f"--layers: '{pattern}' matches no layer; expected {expected}")


def _matching(names: Sequence[str], patterns: Sequence[str]) -> list[int]:
    return [i for i, name in enumerate(names) if any(fnmatchcase(name, p) for p in patterns)]
