"""ViLBERT's co-attention block (Lu et al. 2019, section 2.2)."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.streams import attention_mask


class CrossAttention(nn.Module):
    """One direction: a stream asks, the other answers. Post-norm, with its own weights."""

    def __init__(self, options: Vilbert, asking: int, answering: int) -> None:
        super().__init__()
        inner = options.fusion_width
        self.heads, self.drop = options.heads, options.dropout
        self.query = nn.Linear(asking, inner)
        self.key = nn.Linear(answering, inner)
        self.value = nn.Linear(answering, inner)
        self.out = nn.Linear(inner, asking)
        self.norm_attention = nn.LayerNorm(asking)
        self.feedforward = nn.Sequential(
            nn.Linear(asking, options.feedforward),
            nn.GELU(),
            nn.Linear(options.feedforward, asking),
        )
        self.norm_feedforward = nn.LayerNorm(asking)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, asking: StreamState, answering: StreamState) -> Tensor:
        attended = self.dropout(self._attend(asking.tokens, answering))
        tokens = self.norm_attention(asking.tokens + attended)
        return self.norm_feedforward(tokens + self.dropout(self.feedforward(tokens)))

    def _attend(self, tokens: Tensor, answering: StreamState) -> Tensor:
        mixed = F.scaled_dot_product_attention(
            self._split(self.query(tokens)),
            self._split(self.key(answering.tokens)),
            self._split(self.value(answering.tokens)),
            attn_mask=attention_mask(answering.mask),
            dropout_p=self.drop if self.training else 0.0,
        )
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class CoAttention(nn.Module):
    """Cross-attention both ways, each direction reading the states before the block."""

    def __init__(self, options: Vilbert, text_width: int, vision_width: int) -> None:
        super().__init__()
        self.text = CrossAttention(options, text_width, vision_width)
        self.vision = CrossAttention(options, vision_width, text_width)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        return (
            text.with_tokens(self.text(text, vision)),
            vision.with_tokens(self.vision(vision, text)),
            carry,
        )
