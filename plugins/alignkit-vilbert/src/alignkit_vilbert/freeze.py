"""Which parts of a model are not trained: read from text, applied to a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import alignkit

STREAMS = ("text", "vision")
EXPECTED = "text:0-5+vision:0-3+embeddings; text or vision alone freezes the whole stream"

# A frozen part: a stream, and "embeddings", "all" or the index of a layer.
Part = tuple[str, str | int]


def parse_freeze(spec: str, depths: Mapping[str, int] | None = None) -> list[Part]:
    """Read ``text:0-5+vision:0-3+embeddings`` into parts of streams.

    Parameters
    ----------
    spec : str
        Pieces joined by ``+``: ``STREAM:FIRST-LAST``, ``STREAM:LAYER``,
        ``STREAM:embeddings``, ``STREAM`` (the whole stream), or ``embeddings`` (of both).
    depths : mapping of str to int, optional
        Number of layers per stream, against which the layers are checked.

    Returns
    -------
    list of (str, str or int)
        Streams, each with ``"embeddings"``, ``"all"`` or the index of a layer.

    Raises
    ------
    UsageError
        When it cannot be read, or names a layer that does not exist.
    """
    parts: list[Part] = []
    for piece in spec.split("+") if spec else []:
        parts += _parts(piece.strip(), spec)
    for stream, part in parts:
        if depths and isinstance(part, int) and part >= depths[stream]:
            raise alignkit.UsageError(
                f"`freeze={spec}`: there is no {stream} layer {part}; layers are 0 to "
                f"{depths[stream] - 1}"
            )
    return list(dict.fromkeys(parts))


def frozen_modules(parts: Iterable[Part], names: Iterable[str]) -> list[str]:
    """Select the frozen parts from names relative to ``streams``, such as ``text.layers.3``."""
    frozen = set(parts)

    def is_frozen(name: str) -> bool:
        stream, _, rest = name.partition(".")
        if (stream, "all") in frozen:
            return True
        layer = re.match(r"layers\.(\d+)", rest)
        if layer:
            return (stream, int(layer[1])) in frozen
        is_embedding = bool(rest) and rest.split(".")[0] not in ("layers", "norm", "pooler")
        return is_embedding and (stream, "embeddings") in frozen

    return [name for name in names if is_frozen(name)]


def _parts(piece: str, spec: str) -> list[Part]:
    if piece == "embeddings":
        return [(stream, "embeddings") for stream in STREAMS]
    stream, colon, part = piece.partition(":")
    layers = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
    if stream in STREAMS and not colon:
        return [(stream, "all")]
    if stream in STREAMS and part == "embeddings":
        return [(stream, part)]
    if stream in STREAMS and layers:
        first, last = int(layers[1]), int(layers[2] or layers[1])
        if first <= last:
            return [(stream, index) for index in range(first, last + 1)]
    raise alignkit.UsageError(f"`freeze={spec}`: cannot read '{piece}'; expected {EXPECTED}")
