"""The architecture ``one_way``: cross-attention in one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import alignkit
from alignkit_vilbert import CrossAttentionOptions, TwoStream

if TYPE_CHECKING:
    from alignkit_fusions.one_way_attention import OneWayAttention
    from alignkit_vilbert import Stream

DIRECTIONS = ("vision_to_text", "text_to_vision")


@dataclass(frozen=True)
class OneWayOptions(CrossAttentionOptions):
    """Options of one-way cross-attention.

    Parameters
    ----------
    direction : str
        Direction in which information flows: ``vision_to_text`` (the text attends to the
        image) or ``text_to_vision``.
    """

    direction: str = "vision_to_text"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.direction in DIRECTIONS, "direction", f"one of {', '.join(DIRECTIONS)}")


class OneWay(TwoStream):
    """Two streams with blocks in which one attends to the other, which stays unchanged.

    A block is one direction of ViLBERT's: cross-attention and feed-forward layers, each with
    a residual around it and a norm after it.
    """

    Options = OneWayOptions
    options: OneWayOptions

    def fusions(
        self, placement: alignkit.Placement, text: Stream, vision: Stream
    ) -> list[OneWayAttention]:
        """Build one direction of a co-attention block per pair of the placement."""
        from alignkit_fusions.one_way_attention import OneWayAttention

        reader = self.options.direction.rpartition("_")[2]
        sizes = self.options.block_sizes()
        return [
            OneWayAttention(reader, text.width, vision.width, sizes) for _ in range(len(placement))
        ]
