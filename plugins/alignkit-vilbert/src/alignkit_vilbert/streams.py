"""The streams: their common part, and small pre-norm transformers for text and images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.inputs import PAD, SEP
from alignkit_vilbert.options import StreamOptions


class Stream(nn.Module):
    """A stream whose layers run one at a time; subclasses also have ``embed``.

    Attributes
    ----------
    width : int
        Width of its states.
    layers : ModuleList
    norm : Module
        What follows the last layer.
    pooler : Module or None
        What the head reads the stream through, if anything.
    """

    width: int
    layers: nn.ModuleList
    norm: nn.Module
    pooler: nn.Module | None

    def layer(self, index: int, state: StreamState) -> StreamState:
        """Run one layer; the last one is followed by the stream's final norm."""
        raise NotImplementedError


class Layer(nn.Module):
    """Self-attention and feed-forward layers, each with a norm before and a residual around it.

    Parameters
    ----------
    width : int
    options : StreamOptions
    """

    def __init__(self, width: int, options: StreamOptions) -> None:
        super().__init__()
        dropout = options.dropout or 0.0
        self.heads, self.dropout_p = options.heads, dropout
        self.norm_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_feedforward = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, options.feedforward), nn.GELU(), nn.Linear(options.feedforward, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        """Transform ``(batch, length, width)`` tokens; ``mask`` is as `attention_mask` gives it."""
        tokens = tokens + self.dropout(self._attend(self.norm_attention(tokens), mask))
        output: Tensor = tokens + self.dropout(self.feedforward(self.norm_feedforward(tokens)))
        return output

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = tokens.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        query, key, value = self.query_key_value(tokens).view(shape).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=self.dropout_p if self.training else 0.0
        )
        output: Tensor = self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return output


class SmallStream(Stream):
    """The layers of a small stream; subclasses embed.

    Parameters
    ----------
    width, depth : int
    options : StreamOptions
    """

    pooler = None

    def __init__(self, width: int, depth: int, options: StreamOptions) -> None:
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


class TextStream(SmallStream):
    """Words with learned positions, between ``[CLS]`` and ``[SEP]``.

    Parameters
    ----------
    options : StreamOptions
    depth : int
        Number of layers.
    vocabulary : int
        Number of words.
    """

    def __init__(self, options: StreamOptions, depth: int, vocabulary: int) -> None:
        width = options.width_of("text")
        super().__init__(width, depth, options)
        self.words = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.positions = nn.Parameter(torch.zeros(options.longest_text, width))
        nn.init.normal_(self.words.weight)
        nn.init.normal_(self.positions, std=0.2)

    def embed(self, tokens: Tensor) -> StreamState:
        """Embed ``(batch, length)`` token indices."""
        embedded = self.words(tokens) + self.positions[: tokens.shape[1]]
        content = (tokens != PAD) & (tokens != SEP)
        content[:, 0] = False
        return StreamState(self.dropout(embedded), tokens != PAD, content)


class VisionStream(SmallStream):
    """Square patches with learned positions, after a learned ``[CLS]``.

    Parameters
    ----------
    options : StreamOptions
    depth : int
        Number of layers.
    """

    def __init__(self, options: StreamOptions, depth: int) -> None:
        width = options.width_of("vision")
        super().__init__(width, depth, options)
        assert options.image_size is not None
        patches = (options.image_size // options.patch_size) ** 2
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
