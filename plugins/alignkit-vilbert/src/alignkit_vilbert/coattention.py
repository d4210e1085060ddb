"""Co-attention blocks: ViLBERT's (Lu et al. 2019, section 2.2) and the study's."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.sizes import Sizes
from alignkit_vilbert.streams import attention_mask


class Attention(nn.Module):
    """One stream asks, the other answers; back to the width of the asking one."""

    def __init__(self, asking: int, answering: int, sizes: Sizes) -> None:
        super().__init__()
        self.heads, self.drop = sizes.heads, sizes.dropout
        self.query = nn.Linear(asking, sizes.inner)
        self.key = nn.Linear(answering, sizes.inner)
        self.value = nn.Linear(answering, sizes.inner)
        self.out = nn.Linear(sizes.inner, asking)

    def forward(self, asking: Tensor, answering: Tensor, mask: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(
            self._split(self.query(asking)),
            self._split(self.key(answering)),
            self._split(self.value(answering)),
            attn_mask=attention_mask(mask),
            dropout_p=self.drop if self.training else 0.0,
        )
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)


def feedforward(width: int, sizes: Sizes) -> nn.Sequential:
    """Two linear layers around an exact GELU."""
    inner = sizes.feedforward or 4 * width
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class CrossAttention(nn.Module):
    """One direction of ViLBERT's block: post-norm, with its own weights."""

    def __init__(self, asking: int, answering: int, sizes: Sizes) -> None:
        super().__init__()
        self.attention = Attention(asking, answering, sizes)
        self.norm_attention = nn.LayerNorm(asking)
        self.feedforward = feedforward(asking, sizes)
        self.norm_feedforward = nn.LayerNorm(asking)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, asking: StreamState, answering: StreamState) -> Tensor:
        attended = self.attention(asking.tokens, answering.tokens, answering.mask)
        tokens = self.norm_attention(asking.tokens + self.dropout(attended))
        return self.norm_feedforward(tokens + self.dropout(self.feedforward(tokens)))


class CoAttention(nn.Module):
    """Cross-attention both ways, each direction reading the states before the block."""

    def __init__(self, text_width: int, vision_width: int, sizes: Sizes) -> None:
        super().__init__()
        self.text = CrossAttention(text_width, vision_width, sizes)
        self.vision = CrossAttention(vision_width, text_width, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        return (
            text.with_tokens(self.text(text, vision)),
            vision.with_tokens(self.vision(vision, text)),
            carry,
        )


class StudyDirection(nn.Module):
    """One direction of the study's block: three norms, and none at the end."""

    def __init__(self, asking: int, answering: int, sizes: Sizes) -> None:
        super().__init__()
        self.norm_before = nn.LayerNorm(asking)
        self.attention = Attention(asking, answering, sizes)
        self.norm_attention = nn.LayerNorm(asking)
        self.norm_feedforward = nn.LayerNorm(asking)
        self.feedforward = feedforward(asking, sizes)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, tokens: Tensor, asking: Tensor, answering: Tensor, mask: Tensor) -> Tensor:
        """Add to ``tokens`` what ``asking``, their norm, finds in the other stream's norm."""
        attended = self.dropout(self.attention(asking, answering, mask))
        tokens = self.norm_attention(attended + tokens)
        return tokens + self.dropout(self.feedforward(self.norm_feedforward(tokens)))


class StudyCoAttention(nn.Module):
    """The study's block: pre-norm attention, post-norm residual, pre-norm feed-forward."""

    def __init__(self, text_width: int, vision_width: int, sizes: Sizes) -> None:
        super().__init__()
        self.text = StudyDirection(text_width, vision_width, sizes)
        self.vision = StudyDirection(vision_width, text_width, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        t, v = self.text.norm_before(text.tokens), self.vision.norm_before(vision.tokens)
        return (
            text.with_tokens(self.text(text.tokens, t, v, vision.mask)),
            vision.with_tokens(self.vision(vision.tokens, v, t, text.mask)),
            carry,
        )


BLOCKS = {"vilbert": CoAttention, "study": StudyCoAttention}
