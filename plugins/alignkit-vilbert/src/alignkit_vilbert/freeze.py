"""What of a model is not trained: read from text, applied to a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import alignkit

STREAMS = ("text", "vision")
EXPECTED = "text:0-5+vision:0-3+embeddings, where a stream alone is all of it"

# A frozen part: a stream, and "embeddings", "all" or the index of a layer.
Part = tuple[str, str | int]


def parse_freeze(spec: str, depths: Mapping[str, int] | None = None) -> list[Part]:
    """Read ``text:0-5+vision:0-3+embeddings`` into parts of streams.

    Parameters
    ----------
    spec : str
        Pieces joined by ``+``: ``STREAM:FIRST-LAST``, ``STREAM:LAYER``,
        ``STREAM:embeddings``, ``STREAM`` (all of it), or ``embeddings`` (of both).
    depths : mapping of str to int, optional
        To check the layers against.

    Raises
    ------
    UsageError
        When it cannot be read, or names a layer that is not there.
    """
    parts: list[Part] = []
    for piece in spec.split("+") if spec else []:
        parts += _parts(piece.strip(), spec)
    for stream, what in parts:
        if depths and isinstance(what, int) and what >= depths[stream]:
            raise alignkit.UsageError(
                f"freeze={spec}: there is no {stream} layer {what}; layers are 0 to "
                f"{depths[stream] - 1}"
            )
    return list(dict.fromkeys(parts))


def frozen_modules(parts: Iterable[Part], names: Iterable[str]) -> list[str]:
    """Choose from the names below ``streams`` (``text.layers.3``) those of the frozen parts."""
    chosen = set(parts)

    def is_frozen(name: str) -> bool:
        stream, _, rest = name.partition(".")
        if (stream, "all") in chosen:
            return True
        layer = re.match(r"layers\.(\d+)", rest)
        if layer:
            return (stream, int(layer[1])) in chosen
        embeds = rest and rest.split(".")[0] not in ("layers", "norm", "pooler")
        return bool(embeds) and (stream, "embeddings") in chosen

    return [name for name in names if is_frozen(name)]


def _parts(piece: str, spec: str) -> list[Part]:
    if piece == "embeddings":
        return [(stream, "embeddings") for stream in STREAMS]
    stream, colon, what = piece.partition(":")
    layers = re.fullmatch(r"(\d+)(?:-(\d+))?", what)
    if stream in STREAMS and not colon:
        return [(stream, "all")]
    if stream in STREAMS and what == "embeddings":
        return [(stream, what)]
    if stream in STREAMS and layers:
        first, last = int(layers[1]), int(layers[2] or layers[1])
        if first <= last:
            return [(stream, index) for index in range(first, last + 1)]
    raise alignkit.UsageError(f"freeze={spec}: cannot read '{piece}'; expected {EXPECTED}")
