"""Cross-attention in one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import alignkit
from alignkit_vilbert.architecture import CrossStream

DIRECTIONS = ("vision_to_text", "text_to_vision")


@dataclass(frozen=True)
class OneWay(CrossStream):
    """Two streams with blocks in which one reads the other, which stays as it is.

    A block is one half of ViLBERT's: cross-attention and feed-forward, each around a
    residual and followed by a norm.

    Parameters
    ----------
    direction : str
        Where information goes: ``vision_to_text`` (the text asks) or ``text_to_vision``.
    """

    direction: str = "vision_to_text"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.direction in DIRECTIONS, "direction", f"one of {', '.join(DIRECTIONS)}")

    def fusions(self, placement: alignkit.Placement, text: Any, vision: Any) -> list[Any]:
        """One half of a co-attention block per pair of the placement."""
        from alignkit_fusions.reading import Reading

        reader = self.direction.rpartition("_")[2]
        return [
            Reading(reader, text.width, vision.width, self.sizes()) for _ in range(len(placement))
        ]
