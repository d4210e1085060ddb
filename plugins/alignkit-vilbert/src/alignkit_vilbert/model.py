"""The whole model: two streams, the fusions between them, and a head on both ``[CLS]``."""

from __future__ import annotations

import torch
from alignkit import StreamState
from torch import Tensor, nn

from alignkit_vilbert.architecture import Vilbert
from alignkit_vilbert.coattention import CoAttention
from alignkit_vilbert.streams import TextStream, VisionStream


class TwoStreamModel(nn.Module):
    """Holds the parts; the schedule says in which order they run.

    Parameters
    ----------
    options : Vilbert
    n_fusions, n_outputs, vocabulary : int
    """

    def __init__(self, options: Vilbert, n_fusions: int, n_outputs: int, vocabulary: int) -> None:
        super().__init__()
        width = options.width
        self.streams = nn.ModuleDict(
            {"text": TextStream(options, vocabulary), "vision": VisionStream(options)}
        )
        self.fusions = nn.ModuleList(
            CoAttention(options, width, width) for _ in range(n_fusions)
        )
        # The streams are pre-norm: their last state needs a norm before it is read.
        self.norms = nn.ModuleDict({"text": nn.LayerNorm(width), "vision": nn.LayerNorm(width)})
        self.classifier = nn.Sequential(
            nn.Linear(2 * width, width), nn.GELU(), nn.Dropout(options.dropout),
            nn.Linear(width, n_outputs),
        )  # fmt: skip

    def head(self, text: StreamState, vision: StreamState) -> Tensor:
        """Logits from ``[CLS]`` of both streams."""
        states = {"text": text, "vision": vision}
        cls = [self.norms[name](state.pooled("cls")) for name, state in states.items()]
        return self.classifier(torch.cat(cls, 1))
