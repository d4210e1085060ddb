"""The whole model: two streams, the fusions between them, and a head on their ``[CLS]``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alignkit import StreamState
from alignkit_vilbert.architecture import HEADS, Vilbert
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
        self.fusions = nn.ModuleList(CoAttention(options, width, width) for _ in range(n_fusions))
        # The streams are pre-norm: their last state needs a norm before it is read.
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in HEADS[options.head]})
        self.classifier = nn.Sequential(
            nn.Linear(len(self.norms) * width, width), nn.GELU(), nn.Dropout(options.dropout),
            nn.Linear(width, n_outputs),
        )  # fmt: skip
        self.apply(_initialise)

    def head(self, text: StreamState, vision: StreamState) -> Tensor:
        """Logits from ``[CLS]`` of the streams that the head reads."""
        states = {"text": text, "vision": vision}
        cls = [norm(states[name].pooled("cls")) for name, norm in self.norms.items()]
        return self.classifier(torch.cat(cls, 1))


def _initialise(module: nn.Module) -> None:
    """Keep the variance of activations through depth (Glorot and Bengio 2010).

    With torch's smaller default, small models from scratch stay for hundreds of steps on the
    plateau where neither stream alone lowers the loss.
    """
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
