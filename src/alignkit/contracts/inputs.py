"""How an architecture's inputs turn texts and images into tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.contracts.guard import Guarded, check_json, whose
from alignkit.models.placement import STREAMS
from alignkit.plugins.calls import PluginCall, described

if TYPE_CHECKING:
    from torch import Tensor


class GuardedInputs(Guarded):
    """Inputs of a model whose tokens, pixels and batches are checked as they are made."""

    what = "its inputs"
    required = ("tokens", "pixels", "batch", "to_json")

    def tokens(self, text: str) -> np.ndarray:
        """Return the token indices of a text, ``(length,)``."""
        call = self._call("the tokens of a text", "an array of whole numbers, one per token")
        tokens: np.ndarray = self._ask(call, "tokens", text)
        right = isinstance(tokens, np.ndarray) and tokens.ndim == 1 and tokens.dtype.kind in "iu"
        if not right or not len(tokens):
            raise call.gave(tokens)
        return tokens

    def pixels(self, image: Any) -> np.ndarray:
        """Return the pixels of an image, ``(channels, height, width)``, always of one shape."""
        call = self._call("the pixels of a picture", "a (3, height, width) array of one shape")
        pixels = self._ask(call, "pixels", image)
        if not isinstance(pixels, np.ndarray) or pixels.ndim != 3 or pixels.dtype.kind not in "uif":
            raise call.gave(pixels)
        first = self.__dict__.setdefault("_shape", pixels.shape)
        if pixels.shape != first:
            raise call.failed(f"gave shape {pixels.shape}, and {first} for another picture")
        return pixels

    def batch(self, tokens: Sequence[np.ndarray], pixels: np.ndarray) -> dict[str, Any]:
        """Return the inputs of a model, by stream and name."""
        n = len(tokens)
        call = self._call(f"the batch of {n} samples", "tensors by name, under 'text' and 'vision'")
        batch = self._ask(call, "batch", tokens, pixels)
        if not isinstance(batch, Mapping) or set(batch) != set(STREAMS):
            raise call.gave(batch)
        return {stream: _checked_part(call, stream, batch[stream]) for stream in STREAMS}

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which the inputs can be restored."""
        call = self._call("what to store of its inputs", "plain values by name, as JSON has them")
        stored = self._ask(call, "to_json")
        if not isinstance(stored, dict):
            raise call.gave(stored)
        return check_json(call, stored)


def _checked_part(call: PluginCall, stream: str, part: Any) -> dict[str, Tensor]:
    import torch

    if not isinstance(part, Mapping):
        raise call.failed(f"gave {described(part)} for {stream}")
    for name, value in part.items():
        if not isinstance(value, torch.Tensor):
            raise call.failed(f"gave {described(value)} as '{name}' of {stream}")
    return dict(part)


def check_stored(architecture: Any, inputs: Any, text: str, image: Any = None) -> None:
    """Check that inputs are the same when a run reads them back: before it trains for hours.

    Parameters
    ----------
    architecture : GuardedArchitecture
    inputs : GuardedInputs
    text : str
    image : Image or ndarray, optional
        A picture, where one is at hand: reading one is slow, and pixels may be cached.

    Raises
    ------
    PluginError
        If they cannot be stored, or give other tokens or pixels afterwards.
    """
    restored = architecture.load_inputs(json.loads(json.dumps(inputs.to_json())))
    call = PluginCall(whose(architecture), "`load_inputs` of what `to_json` gave")
    if not np.array_equal(inputs.tokens(text), restored.tokens(text)):
        raise call.failed("gave inputs that make other tokens of a text than before")
    if image is not None and not np.array_equal(inputs.pixels(image), restored.pixels(image)):
        raise call.failed("gave inputs that make other pixels than before")
