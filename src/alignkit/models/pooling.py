"""Pooling: how the tokens of a sample become one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def mean_over(tokens: Tensor, content: Tensor) -> Tensor:
    """Return the mean over content tokens, ``(batch, width)``; zero where there are none.

    Parameters
    ----------
    tokens : Tensor (batch, length, width)
    content : Tensor (batch, length) of bool
    """
    weights = content.to(tokens.dtype).unsqueeze(-1)
    # A text without any known word has no content tokens; its mean is zero, not NaN.
    return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)


def max_over(tokens: Tensor, content: Tensor) -> Tensor:
    """Return the maximum over content tokens, ``(batch, width)``; zero where there are none."""
    lowest = tokens.masked_fill(~content.unsqueeze(-1), float("-inf")).amax(1)
    return lowest.masked_fill(~content.any(1, keepdim=True), 0.0)


def last_of(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the last real token of every sample, whichever side is padded."""
    last = mask.shape[1] - 1 - mask.long().flip(1).argmax(1)
    return at(tokens, last)


def at(tokens: Tensor, positions: Tensor) -> Tensor:
    """Return the token at one position of every sample, ``(batch, width)``."""
    index = positions.view(-1, 1, 1).expand(-1, 1, tokens.shape[-1])
    return tokens.gather(1, index).squeeze(1)
