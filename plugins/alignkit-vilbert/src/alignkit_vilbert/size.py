"""How large a model of two streams is, counted on a model without values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

import alignkit
from alignkit_vilbert.freeze import STREAMS
from alignkit_vilbert.streams import Stream
from alignkit_vilbert.vision_models import PretrainedVision

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream

# Captions and titles are short: batches are padded to about this many tokens unless ``pad``.
USUAL_TOKENS = 32


def size_of(architecture: TwoStream, placement: alignkit.Placement) -> alignkit.ModelSize:
    """Count the weights of a model, and what a forward pass of one sample costs.

    Parameters
    ----------
    architecture : TwoStream
    placement : Placement

    Returns
    -------
    ModelSize

    Raises
    ------
    DataError
        When the shapes of a named model are unknown, as its files are missing.
    """
    options = architecture.options
    if options.named_streams():
        options = replace(options, from_scratch=True)
    unread = type(architecture)(**vars(options))
    words = " ".join(f"w{number}" for number in range(options.vocabulary))
    with torch.device("meta"):  # shapes without memory
        model = unread.build(placement, 1, unread.inputs([words]))
    longest = options.longest_text
    tokens = {
        "text": longest if options.pad else min(longest, USUAL_TOKENS),
        "vision": _patches(model.streams["vision"]),
    }
    passed: float = sum(_count(model.streams[s].layers) * tokens[s] for s in STREAMS)
    passed += _count(model.fusions) * sum(tokens.values()) / len(tokens)
    widths = {stream: cast(Stream, model.streams[stream]).width for stream in STREAMS}
    steps = unread.schedule(placement)
    recorded = [step.site[0] for step in steps if isinstance(step, alignkit.Record)]
    sites = {stream: recorded.count(stream[0]) for stream in STREAMS}
    return alignkit.ModelSize(_count(model), 2.0 * passed, sites, widths)


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _patches(stream: nn.Module) -> int:
    """Return the number of tokens of an image."""
    if isinstance(stream, PretrainedVision):
        return int(stream.embeddings.patch_embed.num_patches) + stream.prefix
    return len(stream.positions)  # type: ignore[arg-type]
