"""Co-attention blocks: ViLBERT's (Lu et al. 2019, section 2.2) and the study's."""

from __future__ import annotations

from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.sizes import BlockSizes
from alignkit_vilbert.streams import attention_mask

Carry = TypeVar("Carry")


class Attention(nn.Module):
    """Multi-head attention of one stream to the other.

    Parameters
    ----------
    width : int
        Width of the stream that attends (queries and output).
    other_width : int
        Width of the stream that is attended to (keys and values).
    sizes : BlockSizes
    """

    def __init__(self, width: int, other_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.heads, self.dropout_p = sizes.heads, sizes.dropout
        self.query = nn.Linear(width, sizes.inner)
        self.key = nn.Linear(other_width, sizes.inner)
        self.value = nn.Linear(other_width, sizes.inner)
        self.out = nn.Linear(sizes.inner, width)

    def forward(self, tokens: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
        """Let ``tokens`` attend to ``other`` where ``other_mask`` is true."""
        attended = F.scaled_dot_product_attention(
            self._split(self.query(tokens)),
            self._split(self.key(other)),
            self._split(self.value(other)),
            attn_mask=attention_mask(other_mask),
            dropout_p=self.dropout_p if self.training else 0.0,
        )
        output: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return output

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


def feedforward(width: int, sizes: BlockSizes) -> nn.Sequential:
    """Build two linear layers with an exact GELU between them."""
    inner = sizes.feedforward or 4 * width
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))


class CrossAttention(nn.Module):
    """One direction of ViLBERT's block: attention and feed-forward, each followed by a norm.

    Parameters
    ----------
    width : int
        Width of the stream that attends.
    other_width : int
        Width of the stream that is attended to.
    sizes : BlockSizes
    """

    def __init__(self, width: int, other_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.attention = Attention(width, other_width, sizes)
        self.norm_attention = nn.LayerNorm(width)
        self.feedforward = feedforward(width, sizes)
        self.norm_feedforward = nn.LayerNorm(width)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, state: StreamState, other: StreamState) -> Tensor:
        """Return the new tokens ``(batch, length, width)`` of the stream that attends."""
        attended = self.attention(state.tokens, other.tokens, other.mask)
        tokens = self.norm_attention(state.tokens + self.dropout(attended))
        output: Tensor = self.norm_feedforward(tokens + self.dropout(self.feedforward(tokens)))
        return output


class CoAttention(nn.Module):
    """ViLBERT's block: cross-attention in both directions.

    Both directions read the states before the block, and each has its own weights.

    Parameters
    ----------
    text_width, vision_width : int
    sizes : BlockSizes
    """

    def __init__(self, text_width: int, vision_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.text = CrossAttention(text_width, vision_width, sizes)
        self.vision = CrossAttention(vision_width, text_width, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Carry
    ) -> tuple[StreamState, StreamState, Carry]:
        """Return both states anew; what is carried between fusions passes unchanged."""
        return (
            text.with_tokens(self.text(text, vision)),
            vision.with_tokens(self.vision(vision, text)),
            carry,
        )


class StudyDirection(nn.Module):
    """One direction of the study's block: three norms, and none at the end.

    Parameters
    ----------
    width : int
        Width of the stream that attends.
    other_width : int
        Width of the stream that is attended to.
    sizes : BlockSizes
    """

    def __init__(self, width: int, other_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.norm_before = nn.LayerNorm(width)
        self.attention = Attention(width, other_width, sizes)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = feedforward(width, sizes)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, tokens: Tensor, normed: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
        """Return the new tokens of the stream that attends.

        Parameters
        ----------
        tokens, normed : Tensor
            Its tokens ``(batch, length, width)``, before and after ``norm_before``.
        other, other_mask : Tensor
            The other stream's tokens after its ``norm_before``, and its padding mask.
        """
        attended = self.dropout(self.attention(normed, other, other_mask))
        tokens = self.norm_attention(attended + tokens)
        output: Tensor = tokens + self.dropout(self.feedforward(self.norm_feedforward(tokens)))
        return output


class StudyCoAttention(nn.Module):
    """The study's block: norms before and after the attention, and before the feed-forward.

    Parameters
    ----------
    text_width, vision_width : int
    sizes : BlockSizes
    """

    def __init__(self, text_width: int, vision_width: int, sizes: BlockSizes) -> None:
        super().__init__()
        self.text = StudyDirection(text_width, vision_width, sizes)
        self.vision = StudyDirection(vision_width, text_width, sizes)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Carry
    ) -> tuple[StreamState, StreamState, Carry]:
        """Return both states anew; what is carried between fusions passes unchanged."""
        normed_text = self.text.norm_before(text.tokens)
        normed_vision = self.vision.norm_before(vision.tokens)
        return (
            text.with_tokens(self.text(text.tokens, normed_text, normed_vision, vision.mask)),
            vision.with_tokens(self.vision(vision.tokens, normed_vision, normed_text, text.mask)),
            carry,
        )


BLOCKS: dict[str, type[CoAttention | StudyCoAttention]] = {
    "vilbert": CoAttention,
    "study": StudyCoAttention,
}
