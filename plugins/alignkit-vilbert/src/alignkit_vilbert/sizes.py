"""Sizes of the blocks between streams."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of a block, whatever the widths of the streams.

    Attributes
    ----------
    inner : int
        Width of queries, keys and values, shared by the heads.
    heads : int
    feedforward : int or None
        Inner width of the feed-forward parts; four times the stream's width when None.
    dropout : float
    """

    inner: int
    heads: int
    feedforward: int | None = None
    dropout: float = 0.0
