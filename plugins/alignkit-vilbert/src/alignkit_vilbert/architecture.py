"""Architectures with blocks between the streams' layers: options, schedule, fusions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import alignkit
from alignkit_vilbert.sizes import Sizes
from alignkit_vilbert.two_stream import PRESETS, TwoStream

BLOCKS = ("vilbert", "study")


@dataclass(frozen=True)
class CrossStream(TwoStream):
    """Sizes of blocks in which streams attend to each other.

    Parameters
    ----------
    fusion_width, fusion_heads : int, optional
        Inner width of the attention between streams, shared by its heads: 64 and ``heads``;
        with named models 1024 and 8.
    fusion_feedforward : int, optional
        Inner width of the feed-forward parts: ``feedforward``; with named models four times
        the stream's width.
    """

    fusion_width: int | None = None
    fusion_heads: int | None = None
    fusion_feedforward: int | None = None

    def __post_init__(self) -> None:
        named = bool(self.named())
        self.settle(
            {
                "fusion_width": 1024 if named else 64,
                "fusion_heads": 8 if named else self.heads,
                "fusion_feedforward": None if named else self.feedforward,
            }
        )
        super().__post_init__()
        sizes = self.sizes()
        for name in ("fusion_width", "fusion_heads"):
            self.require(getattr(self, name) >= 1, name, "at least 1")
        divides = sizes.inner % sizes.heads == 0
        self.require(divides, "fusion_width", f"a multiple of fusion_heads={sizes.heads}")

    def sizes(self) -> Sizes:
        """Sizes of one block."""
        return Sizes(
            self.fusion_width or 0,
            self.fusion_heads or 0,
            self.fusion_feedforward,
            self.new_dropout,
        )


@dataclass(frozen=True)
class Vilbert(CrossStream):
    """Two transformer streams with co-attention blocks between their layers.

    The blocks are ViLBERT's (Lu et al. 2019, arXiv:1908.02265) or the study's; the streams
    are small ones from scratch, or pretrained.

    Parameters
    ----------
    preset : str
        ``standard``, or ``study``: the study's block, head and padding, and its final states
        as they leave the last layers.
    block : str, optional
        ``vilbert`` (post-norm) or ``study`` (a norm before the attention, after the
        residual, and before the feed-forward part).
    """

    preset: str = "standard"
    block: str | None = None

    def __post_init__(self) -> None:
        self.require(self.preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}")
        self.settle(PRESETS[self.preset])
        super().__post_init__()
        self.require(self.block in BLOCKS, "block", f"one of {', '.join(BLOCKS)}")

    def fusions(self, placement: alignkit.Placement, text: Any, vision: Any) -> list[Any]:
        """One co-attention block per pair of the placement."""
        from alignkit_vilbert.coattention import BLOCKS

        block = BLOCKS[str(self.block)]
        return [block(text.width, vision.width, self.sizes()) for _ in range(len(placement))]
