"""The block of one-way cross-attention."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from alignkit import StreamState
from alignkit_vilbert import BlockSizes, CrossAttention

Carry = TypeVar("Carry")


class OneWayAttention(nn.Module):
    """One direction of a co-attention block: one stream attends, the other stays unchanged.

    Parameters
    ----------
    reader : str
        The stream that attends: ``text`` or ``vision``.
    text_width, vision_width : int
    sizes : BlockSizes
    """

    def __init__(self, reader: str, text_width: int, vision_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.reader = reader
        widths = (text_width, vision_width) if reader == "text" else (vision_width, text_width)
        self.attention = CrossAttention(*widths, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Carry
    ) -> tuple[StreamState, StreamState, Carry]:
        """Return both states, of which only the reader's is new."""
        if self.reader == "text":
            return text.with_tokens(self.attention(text, vision)), vision, carry
        return text, vision.with_tokens(self.attention(vision, text)), carry
