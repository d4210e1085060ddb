"""MBT's exchange: one layer per stream, run over its tokens and the bottleneck tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert import Stream


class Exchange(nn.Module):
    """Runs one layer of each stream over its tokens and the bottleneck tokens.

    Parameters
    ----------
    text, vision : Stream
        The streams. They belong to the model, so their weights are not registered here.
    layers : (int, int)
        Index of the layer of the text and of the vision stream.
    starts : int
        Number of learned initial bottleneck tokens; 0 where an earlier exchange has them.
    """

    def __init__(self, text: Stream, vision: Stream, layers: tuple[int, int], starts: int) -> None:
        super().__init__()
        self._streams = [text, vision]  # a list, so that they are not registered twice
        self.layers = layers
        if starts:
            self.bottleneck = nn.Parameter(torch.empty(starts, text.width))
            nn.init.normal_(self.bottleneck, std=0.02)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Tensor | None
    ) -> tuple[StreamState, StreamState, Tensor]:
        """Return both states anew, and the new bottleneck ``(batch, tokens, width)``."""
        if carry is None:
            carry = self.bottleneck.expand(len(text.tokens), -1, -1)
        states, bottlenecks = [], []
        for stream, layer, state in zip(self._streams, self.layers, (text, vision), strict=True):
            joined = stream.layer(layer, _with_bottleneck(state, carry))
            length = state.tokens.shape[1]
            states.append(state.with_tokens(joined.tokens[:, :length]))
            bottlenecks.append(joined.tokens[:, length:])
        return states[0], states[1], (bottlenecks[0] + bottlenecks[1]) / 2


def _with_bottleneck(state: StreamState, bottleneck: Tensor) -> StreamState:
    attended = state.mask.new_ones(bottleneck.shape[:2])
    return StreamState(
        torch.cat([state.tokens, bottleneck.to(state.tokens.dtype)], 1),
        torch.cat([state.mask, attended], 1),
        torch.cat([state.content, ~attended], 1),
        state.cls,
    )
