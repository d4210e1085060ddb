"""MBT's exchange: two layers, one per stream, over their own tokens and the bottleneck's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from alignkit import StreamState


class Exchange(nn.Module):
    """Run one layer of each stream with the bottleneck beside its tokens.

    Parameters
    ----------
    text, vision : Module
        The streams. They are the model's, so their weights are not counted here.
    layers : (int, int)
        Of the text and of the vision stream.
    starts : int
        Learned tokens that the bottleneck starts from; 0 where an earlier exchange has
        brought it.
    """

    def __init__(self, text: Any, vision: Any, layers: tuple[int, int], starts: int) -> None:
        super().__init__()
        self._streams = [text, vision]  # a list, so that they are not registered twice
        self.layers = layers
        if starts:
            self.bottleneck = nn.Parameter(torch.empty(starts, text.width))
            nn.init.normal_(self.bottleneck, std=0.02)

    def forward(
        self, text: StreamState, vision: StreamState, carry: Any
    ) -> tuple[StreamState, StreamState, Any]:
        if carry is None:
            carry = self.bottleneck.expand(len(text.tokens), -1, -1)
        states, made = [], []
        for stream, layer, state in zip(self._streams, self.layers, (text, vision), strict=True):
            joined = stream.layer(layer, _beside(state, carry))
            length = state.tokens.shape[1]
            states.append(state.with_tokens(joined.tokens[:, :length]))
            made.append(joined.tokens[:, length:])
        return states[0], states[1], (made[0] + made[1]) / 2


def _beside(state: StreamState, bottleneck: Tensor) -> StreamState:
    attended = state.mask.new_ones(bottleneck.shape[:2])
    return StreamState(
        torch.cat([state.tokens, bottleneck.to(state.tokens.dtype)], 1),
        torch.cat([state.mask, attended], 1),
        torch.cat([state.content, ~attended], 1),
        state.cls,
    )
