"""One stream reads the other."""

from __future__ import annotations

from typing import Any

from torch import nn

from alignkit import StreamState
from alignkit_vilbert.coattention import CrossAttention
from alignkit_vilbert.sizes import Sizes


class Reading(nn.Module):
    """Half of a co-attention block: the reader changes, the other stream does not."""

    def __init__(self, reader: str, text_width: int, vision_width: int, sizes: Sizes) -> None:
        super().__init__()
        self.reader = reader
        widths = (text_width, vision_width) if reader == "text" else (vision_width, text_width)
        self.attention = CrossAttention(*widths, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        if self.reader == "text":
            return text.with_tokens(self.attention(text, vision)), vision, carry
        return text, vision.with_tokens(self.attention(vision, text)), carry
