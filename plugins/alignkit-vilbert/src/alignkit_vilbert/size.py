"""How large a model of two streams is, counted on a model without values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import nn

import alignkit
from alignkit_vilbert.freeze import STREAMS
from alignkit_vilbert.model import TwoStreamModel
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.streams import Stream
from alignkit_vilbert.vision_models import PretrainedVision

# Captions and titles are short: batches are padded to about this many tokens unless ``pad``.
USUAL_TOKENS = 32


def size_of(
    model: TwoStreamModel, options: StreamOptions, schedule: Sequence[Any]
) -> alignkit.ModelSize:
    """Count the weights of a model, and what a forward pass of one sample costs.

    Parameters
    ----------
    model : TwoStreamModel
        Its weights need no values.
    options : StreamOptions
    schedule : sequence of steps

    Returns
    -------
    ModelSize
    """
    longest = options.longest_text
    tokens = {
        "text": longest if options.pad else min(longest, USUAL_TOKENS),
        "vision": _patches(model.streams["vision"]),
    }
    passed: float = sum(_count(model.streams[s].layers) * tokens[s] for s in STREAMS)
    passed += _count(model.fusions) * sum(tokens.values()) / len(tokens)
    widths = {stream: cast(Stream, model.streams[stream]).width for stream in STREAMS}
    recorded = [step.site[0] for step in schedule if isinstance(step, alignkit.Record)]
    sites = {stream: recorded.count(stream[0]) for stream in STREAMS}
    return alignkit.ModelSize(_count(model), 2.0 * passed, sites, widths)


def _count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _patches(stream: nn.Module) -> int:
    """Return the number of tokens of an image."""
    if isinstance(stream, PretrainedVision):
        return int(stream.embeddings.patch_embed.num_patches) + stream.prefix
    return len(stream.positions)  # type: ignore[arg-type]
