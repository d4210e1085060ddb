"""Sizes of the blocks between streams."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BlockSizes:
    """Sizes of an attention block between streams, independent of the streams' widths.

    Attributes
    ----------
    inner : int
        Width of queries, keys and values, divided among the heads.
    heads : int
        Number of attention heads.
    feedforward : int or None
        Inner width of the feed-forward layers; None for four times the stream's width.
    dropout : float
        Dropout probability.
    """

    inner: int
    heads: int
    feedforward: int | None = None
    dropout: float = 0.0
