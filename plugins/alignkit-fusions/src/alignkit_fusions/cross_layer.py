"""LXMERT's cross-modal layer."""

from __future__ import annotations

from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert import STREAMS

Carry = TypeVar("Carry")


class NormedAttention(nn.Module):
    """Multi-head attention with a residual around it and a norm after it.

    Parameters
    ----------
    width : int
        Of both streams.
    heads : int
        Number of attention heads.
    dropout : float
        Dropout probability.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout_p = heads, dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
        """Let ``tokens`` attend to ``other`` where ``other_mask`` is true."""
        attended = F.scaled_dot_product_attention(
            self._split(self.query(tokens)),
            self._split(self.key(other)),
            self._split(self.value(other)),
            attn_mask=other_mask[:, None, None, :],
            dropout_p=self.dropout_p if self.training else 0.0,
        )
        projected = self.out(attended.transpose(1, 2).flatten(2))
        output: Tensor = self.norm(tokens + self.dropout(projected))
        return output

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class NormedFeedforward(nn.Module):
    """Feed-forward layers with a residual around them and a norm after them.

    Parameters
    ----------
    width : int
    inner : int
        Inner width.
    dropout : float
        Dropout probability.
    """

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform ``(batch, length, width)`` tokens."""
        output: Tensor = self.norm(tokens + self.dropout(self.layers(tokens)))
        return output


class CrossModalLayer(nn.Module):
    """Cross-attention, self-attention and feed-forward (Tan and Bansal 2019, section 2.2).

    Both directions of the cross-attention read the states before the layer and share their
    weights; in self-attention and feed-forward layers each stream has its own.

    Parameters
    ----------
    width : int
        Of both streams.
    heads : int
        Number of attention heads.
    inner : int
        Inner width of the feed-forward layers.
    dropout : float
        Dropout probability.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.cross = NormedAttention(width, heads, dropout)
        self.own = nn.ModuleDict(
            {stream: NormedAttention(width, heads, dropout) for stream in STREAMS}
        )
        self.feedforward = nn.ModuleDict(
            {stream: NormedFeedforward(width, inner, dropout) for stream in STREAMS}
        )

    def forward(
        self, text: StreamState, vision: StreamState, carry: Carry
    ) -> tuple[StreamState, StreamState, Carry]:
        """Return both states anew; what is carried between fusions passes unchanged."""
        crossed = {
            "text": self.cross(text.tokens, vision.tokens, vision.mask),
            "vision": self.cross(vision.tokens, text.tokens, text.mask),
        }
        states = {"text": text, "vision": vision}
        for stream, tokens in crossed.items():
            tokens = self.own[stream](tokens, tokens, states[stream].mask)
            states[stream] = states[stream].with_tokens(self.feedforward[stream](tokens))
        return states["text"], states["vision"], carry
