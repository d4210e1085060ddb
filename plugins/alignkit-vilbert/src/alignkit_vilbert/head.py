"""The head: joins the streams' ``[CLS]`` and gives logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}


class Head(nn.Module):
    """Two linear layers on the joined ``[CLS]``.

    Streams of different widths are brought to the text's before they are added or
    multiplied.

    Parameters
    ----------
    options : TwoStream
    text_width, vision_width, n_outputs : int
    """

    def __init__(
        self, options: TwoStream, text_width: int, vision_width: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.join = options.head
        joined = {"concat": text_width + vision_width, "vision": vision_width}.get(
            self.join, text_width
        )
        uneven = self.join in ("sum", "hadamard") and text_width != vision_width
        self.to_text = nn.Linear(vision_width, text_width) if uneven else nn.Identity()
        hidden = options.head_width or text_width
        self.layers = nn.Sequential(
            nn.Linear(joined, hidden),
            ACTIVATIONS[str(options.activation)](),
            nn.Dropout(options.new_dropout),
            nn.Linear(hidden, n_outputs),
        )

    def forward(self, text: Tensor, vision: Tensor) -> Tensor:
        """Logits from ``[CLS]`` of both streams."""
        return self.layers(self._joined(text, vision))

    def _joined(self, text: Tensor, vision: Tensor) -> Tensor:
        match self.join:
            case "concat":
                return torch.cat([text, vision], 1)
            case "sum":
                return text + self.to_text(vision)
            case "hadamard":
                return text * self.to_text(vision)
        return text if self.join == "text" else vision
