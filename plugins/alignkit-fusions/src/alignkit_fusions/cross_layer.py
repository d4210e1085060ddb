"""LXMERT's cross-modal layer."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState


class NormedAttention(nn.Module):
    """Attention around a residual, followed by a norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, asking: Tensor, answering: Tensor, mask: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(
            self._split(self.query(asking)),
            self._split(self.key(answering)),
            self._split(self.value(answering)),
            attn_mask=mask[:, None, None, :],
            dropout_p=self.drop if self.training else 0.0,
        )
        return self.norm(asking + self.dropout(self.out(mixed.transpose(1, 2).flatten(2))))

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


class NormedFeedforward(nn.Module):
    """A feed-forward part around a residual, followed by a norm."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(tokens + self.dropout(self.layers(tokens)))


class CrossModalLayer(nn.Module):
    """Cross-attention, self-attention, feed-forward (Tan and Bansal 2019, section 2.2).

    Both directions of the cross-attention read the states before the layer, through the
    same weights; what follows each stream has for itself.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.cross = NormedAttention(width, heads, dropout)
        self.own = nn.ModuleDict(
            {s: NormedAttention(width, heads, dropout) for s in ("text", "vision")}
        )
        self.feedforward = nn.ModuleDict(
            {s: NormedFeedforward(width, inner, dropout) for s in ("text", "vision")}
        )

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        crossed = {
            "text": self.cross(text.tokens, vision.tokens, vision.mask),
            "vision": self.cross(vision.tokens, text.tokens, text.mask),
        }
        states = {"text": text, "vision": vision}
        for stream, tokens in crossed.items():
            tokens = self.own[stream](tokens, tokens, states[stream].mask)
            states[stream] = states[stream].with_tokens(self.feedforward[stream](tokens))
        return states["text"], states["vision"], carry
