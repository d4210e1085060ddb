"""The head: combines the streams' ``[CLS]`` states and gives logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alignkit_vilbert.options import StreamOptions

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}


class Head(nn.Module):
    """Two linear layers on the combined ``[CLS]`` states.

    Where the states are added or multiplied and the streams differ in width, the vision state
    is projected to the text's width.

    Parameters
    ----------
    options : StreamOptions
    text_width, vision_width : int
    n_outputs : int
        Number of logits.
    """

    def __init__(
        self, options: StreamOptions, text_width: int, vision_width: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.combination = options.head
        combined = {"concat": text_width + vision_width, "vision": vision_width}.get(
            self.combination, text_width
        )
        elementwise = self.combination in ("sum", "hadamard")
        self.to_text = (
            nn.Linear(vision_width, text_width)
            if elementwise and text_width != vision_width
            else nn.Identity()
        )
        hidden = options.head_width or text_width
        self.layers = nn.Sequential(
            nn.Linear(combined, hidden),
            ACTIVATIONS[str(options.activation)](),
            nn.Dropout(options.new_dropout),
            nn.Linear(hidden, n_outputs),
        )

    def forward(self, text: Tensor, vision: Tensor) -> Tensor:
        """Return logits ``(batch, n_outputs)`` from the ``[CLS]`` states of both streams."""
        logits: Tensor = self.layers(self._combined(text, vision))
        return logits

    def _combined(self, text: Tensor, vision: Tensor) -> Tensor:
        match self.combination:
            case "concat":
                return torch.cat([text, vision], 1)
            case "sum":
                return text.add(self.to_text(vision))
            case "hadamard":
                return text.mul(self.to_text(vision))
        return text if self.combination == "text" else vision
