"""Checks that a pooling turns the states of every sample into a vector of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from alignkit.contracts.pooling import pooled, require_pooling
from alignkit.models.encoders import SiteState
from alignkit.models.walk import StreamState
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.testing.faults import as_failures

SAMPLES, LENGTH, WIDTH = 6, 5, 4
TOLERANCE = 1e-5


def check_pooling(pooling: str) -> tuple[int, ...]:
    """Pool made-up states of a stream and of an encoder, some of them padded.

    Parameters
    ----------
    pooling : str
        A registered pooling.

    Returns
    -------
    tuple of int
        The shape of the vectors, ``(samples, width)``.

    Raises
    ------
    AssertionError
        When it fails, gives anything but finite vectors of the width of the states, writes to its
        input, does not repeat, depends on what padding holds or on the other samples of the batch,
        or has no gradient.
    UsageError
        For an unknown pooling.
    """
    require_pooling(pooling)
    call = PluginCall(registry().get("poolings", pooling), "its vectors")
    tokens = torch.randn(SAMPLES, LENGTH, WIDTH, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([LENGTH, 4, 3, 2, 2, 1])  # the last two have no content
    mask = torch.arange(LENGTH) < lengths[:, None]
    content = mask & (torch.arange(LENGTH) > 0) & (torch.arange(SAMPLES) < SAMPLES - 2)[:, None]

    def of(tokens: Tensor, rows: slice = slice(None), encoder: bool = False) -> Tensor:
        parts = tokens[rows], mask[rows].clone(), content[rows].clone()
        first = torch.zeros(len(parts[0]), dtype=torch.int64)
        return pooled(SiteState(*parts, first) if encoder else StreamState(*parts), pooling)

    with as_failures():
        given = tokens.clone()
        vectors = of(given)
        if not torch.equal(given, tokens):
            raise call.failed("writes to its input")
        if not torch.equal(of(tokens), vectors):
            raise call.failed("gave others for the same states when asked again")
        padded = torch.where(mask[:, :, None], tokens, torch.full_like(tokens, 99.0))
        if _differ(of(padded), vectors):
            raise call.failed("depends on what padding holds; `mask` says where there is none")
        if _differ(of(tokens, slice(1, 2)), vectors[1:2]):
            raise call.failed("gave another vector for a sample alone than in a batch")
        of(tokens, encoder=True)
        leaf = tokens.clone().requires_grad_()
        if of(leaf).grad_fn is None:
            raise call.failed("gave values without a gradient, on which no loss can train")
        return tuple(vectors.shape)


def _differ(one: Tensor, other: Tensor) -> bool:
    return not torch.allclose(one, other, atol=TOLERANCE)
