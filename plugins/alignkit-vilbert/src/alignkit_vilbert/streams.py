"""The two streams: small pre-norm transformers that run one layer at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.inputs import PAD, SEP
from alignkit_vilbert.two_stream import TwoStream


class Layer(nn.Module):
    """Self-attention and feed-forward, each behind a norm and around a residual."""

    def __init__(self, width: int, options: TwoStream) -> None:
        super().__init__()
        dropout = options.dropout or 0.0
        self.heads, self.drop = options.heads, dropout
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, options.feedforward), nn.GELU(), nn.Linear(options.feedforward, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        tokens = tokens + self.dropout(self._attend(self.norm_attention(tokens), mask))
        return tokens + self.dropout(self.feedforward(self.norm_feedforward(tokens)))

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = tokens.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        query, key, value = self.query_key_value(tokens).view(shape).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.drop if self.training else 0.0
        )
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class Stream(nn.Module):
    """Layers shared by both kinds of stream; subclasses embed."""

    pooler = None

    def __init__(self, width: int, depth: int, options: TwoStream) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(Layer(width, options) for _ in range(depth))
        self.norm = nn.Identity() if options.final == "raw" else nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout or 0.0)

    def layer(self, index: int, state: StreamState) -> StreamState:
        """Run one layer; the last one is followed by the stream's final norm."""
        tokens = self.layers[index](state.tokens, attention_mask(state.mask))
        last = index == len(self.layers) - 1
        return state.with_tokens(self.norm(tokens) if last else tokens)


class TextStream(Stream):
    """Words with learned positions, between ``[CLS]`` and ``[SEP]``."""

    def __init__(self, options: TwoStream, vocabulary: int) -> None:
        width = options.width_of("text")
        super().__init__(width, options.depths()["text"], options)
        self.words = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.positions = nn.Parameter(torch.zeros(options.number("max_tokens"), width))
        nn.init.normal_(self.words.weight)
        nn.init.normal_(self.positions, std=0.2)

    def embed(self, tokens: Tensor) -> StreamState:
        """Embed ``(batch, length)`` token indices."""
        embedded = self.words(tokens) + self.positions[: tokens.shape[1]]
        content = (tokens != PAD) & (tokens != SEP)
        content[:, 0] = False
        return StreamState(self.dropout(embedded), tokens != PAD, content)


class VisionStream(Stream):
    """Square patches with learned positions, after a learned ``[CLS]``."""

    def __init__(self, options: TwoStream) -> None:
        width = options.width_of("vision")
        super().__init__(width, options.depths()["vision"], options)
        patches = (options.number("image_size") // options.patch_size) ** 2
        self.patches = nn.Conv2d(3, width, options.patch_size, options.patch_size)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(patches + 1, width))
        nn.init.normal_(self.cls, std=0.2)
        nn.init.normal_(self.positions, std=0.2)

    def embed(self, pixels: Tensor) -> StreamState:
        """Embed ``(batch, 3, size, size)`` pixels in [-1, 1]."""
        patches = self.patches(pixels).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(len(patches), -1, -1), patches], 1) + self.positions
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        content = mask.clone()
        content[:, 0] = False
        return StreamState(self.dropout(tokens), mask, content)


def attention_mask(mask: Tensor) -> Tensor | None:
    """Broadcast a padding mask over heads and queries; None where nothing is padded."""
    return None if bool(mask.all()) else mask[:, None, None, :]
