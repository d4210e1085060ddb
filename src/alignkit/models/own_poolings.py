"""The poolings that come with alignkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alignkit.models.pooling import max_over

if TYPE_CHECKING:
    from torch import Tensor

    from alignkit.models.encoders import SiteState
    from alignkit.models.walk import StreamState


def cls(state: StreamState | SiteState) -> Tensor:
    """Return the class token, or the mean over content tokens of a stream without one."""
    return state.pooled("cls")


def mean(state: StreamState | SiteState) -> Tensor:
    """Return the mean over content tokens: neither padding nor special tokens."""
    return state.pooled("mean")


def maximum(state: StreamState | SiteState) -> Tensor:
    """Return the maximum over content tokens, of each column."""
    return max_over(state.tokens, state.content)
