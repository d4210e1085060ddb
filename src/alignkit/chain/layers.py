"""Which pairs of sites to measure: the option ``--layers``, resolved on a schedule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

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

STREAM_PAIRS = {
    "cross": [("text", "vision")],
    "text": [("text", "text")],
    "vision": [("vision", "vision")],
    "all": [("text", "vision"), ("text", "text"), ("vision", "vision")],
}
EXPECTED = (
    "all, same, last, fusions, indices and ranges (0,3,7-11), or globs over sites "
    "(t0*, 'v.f*', t.in)"
)


def select_pairs(schedule: Schedule, layers: str = "all", streams: str = "cross") -> list[Pair]:
    """Resolve a selection of layers into pairs of sites.

    Parameters
    ----------
    schedule : sequence of steps
    layers : str
        ``all`` (the grid of layers and fusions), ``same`` (layers of equal depth), ``last``
        (the states that the head reads), ``fusions`` (just before and just after each),
        indices and ranges of equal depth, or globs over sites.
    streams : str
        ``cross``, ``text``, ``vision`` or ``all``.

    Returns
    -------
    list of (str, str)
        Pairs of sites; text first where the streams differ.

    Raises
    ------
    UsageError
        When the selection cannot be read, or selects nothing.
    """
    if streams not in STREAM_PAIRS:
        raise UsageError(f"unknown streams '{streams}'; known: {', '.join(STREAM_PAIRS)}")
    chosen: list[Pair] = []
    for one, other in STREAM_PAIRS[streams]:
        chosen += _pairs(schedule, layers.strip(), one, other)
    if not chosen:
        raise UsageError(f"--layers {layers} selects no pair of sites; expected {EXPECTED}")
    return list(dict.fromkeys(chosen))


def equal_depth(schedule: Schedule) -> list[Pair]:
    """Pairs of layers of equal depth: ``(t00, v00)``, ``(t01, v01)``, ..."""
    recorded = set(sites(schedule))
    depth = min(len(_layer_sites(schedule, stream)) for stream in ("text", "vision"))
    pairs = [(layer_site("text", i), layer_site("vision", i)) for i in range(depth)]
    return [pair for pair in pairs if recorded >= set(pair)]


def _pairs(schedule: Schedule, layers: str, one: str, other: str) -> list[Pair]:
    if layers == "all":
        return _grid(_standard(schedule, one), _standard(schedule, other))
    if layers == "last":
        return [(head_site(schedule, one), head_site(schedule, other))]
    if layers == "same":
        return list(zip(_layer_sites(schedule, one), _layer_sites(schedule, other), strict=False))
    if layers == "fusions":
        around = around_fusions(schedule)
        return [(pair[one], pair[other]) for pair in around]
    pieces = [piece.strip() for piece in layers.split(",") if piece.strip()]
    if pieces and all(re.fullmatch(r"\d+(-\d+)?", piece) for piece in pieces):
        return _at_depths(schedule, pieces, one, other)
    return _by_glob(schedule, pieces, one, other)


def _standard(schedule: Schedule, stream: str) -> list[str]:
    """Layers and fusions of a stream, in the order in which they run."""
    return [site for site in sites(schedule, stream) if site != input_site(stream)]


def _layer_sites(schedule: Schedule, stream: str) -> list[str]:
    return [site for site in sites(schedule, stream) if "." not in site]


def _grid(rows: Sequence[str], columns: Sequence[str]) -> list[Pair]:
    return [(x, y) for x in rows for y in columns]


def _at_depths(schedule: Schedule, pieces: Sequence[str], one: str, other: str) -> list[Pair]:
    pairs = dict(enumerate(zip(_layer_sites(schedule, one), _layer_sites(schedule, other),
                               strict=False)))  # fmt: skip
    chosen = []
    for piece in pieces:
        first, _, last = piece.partition("-")
        for index in range(int(first), int(last or first) + 1):
            if index not in pairs:
                raise UsageError(f"--layers {piece}: there is no layer {index}; "
                                 f"layers are 0 to {len(pairs) - 1}")  # fmt: skip
            chosen.append(pairs[index])
    return chosen


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


def _by_glob(schedule: Schedule, patterns: Sequence[str], one: str, other: str) -> list[Pair]:
    recorded = sites(schedule)
    if not patterns:
        return []
    for pattern in patterns:
        if not any(fnmatchcase(site, pattern) for site in recorded):
            raise UsageError(f"--layers: '{pattern}' matches no site; expected {EXPECTED}")
    matching = [s for s in recorded if any(fnmatchcase(s, pattern) for pattern in patterns)]
    # A pattern for one stream alone leaves the other free.
    sides = [
        [s for s in matching if stream_of(s) == stream] or _standard(schedule, stream)
        for stream in (one, other)
    ]
    return _grid(*sides)
