"""The architecture as options and a schedule; torch is imported only to build it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import alignkit

if TYPE_CHECKING:
    from alignkit_vilbert.inputs import Inputs
    from alignkit_vilbert.model import TwoStreamModel

HEADS = {"both": ("text", "vision"), "text": ("text",), "vision": ("vision",)}


@dataclass(frozen=True)
class Vilbert:
    """Two transformer streams with co-attention blocks between their layers.

    The streams are pre-norm transformers trained from scratch; the block is ViLBERT's
    (Lu et al. 2019, arXiv:1908.02265): post-norm, separate weights per direction.

    Parameters
    ----------
    depth : int
        Layers of each stream.
    width, heads, feedforward : int
        Width of the streams, attention heads, and inner width of their feed-forward parts.
    fusion_width : int
        Inner width of the co-attention, shared by its heads.
    dropout : float
    image_size, patch_size : int
        Pixels; pictures are resized to ``image_size`` squares.
    max_tokens, vocabulary : int
        Longest text in tokens, and the largest vocabulary, special tokens included.
    head : str
        The streams whose ``[CLS]`` the head reads: ``both``, ``text`` or ``vision``. With
        placement ``none``, a single one is that stream alone.
    """

    depth: int = 12
    width: int = 64
    heads: int = 4
    feedforward: int = 128
    fusion_width: int = 64
    dropout: float = 0.0
    image_size: int = 32
    patch_size: int = 8
    max_tokens: int = 48
    vocabulary: int = 8192
    head: str = "both"

    def __post_init__(self) -> None:
        for name in ("depth", "width", "heads", "feedforward", "fusion_width", "patch_size"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("width", "fusion_width"):
            divides = getattr(self, name) % self.heads == 0
            _require(divides, name, getattr(self, name), f"a multiple of heads={self.heads}")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "from 0 to below 1")
        whole = self.image_size >= 1 and self.image_size % self.patch_size == 0
        _require(
            whole, "image_size", self.image_size, f"a multiple of patch_size={self.patch_size}"
        )
        _require(self.max_tokens >= 3, "max_tokens", self.max_tokens, "at least 3")
        _require(self.head in HEADS, "head", self.head, f"one of {', '.join(HEADS)}")
        _require(self.vocabulary >= 6, "vocabulary", self.vocabulary, "at least 6")

    def depths(self) -> dict[str, int]:
        """Number of layers per stream."""
        return {"text": self.depth, "vision": self.depth}

    def schedule(self, placement: alignkit.Placement) -> list[Any]:
        """Fusions between the layers, where the placement says."""
        return alignkit.between_layers(placement, self.depths())

    def inputs(self, texts: Sequence[str]) -> Inputs:
        """Fit the tokenizer on the texts of the training split."""
        from alignkit_vilbert.inputs import Inputs

        return Inputs.fit(texts, self)

    def load_inputs(self, stored: Mapping[str, Any]) -> Inputs:
        """Read back what ``Inputs.to_json`` gave."""
        from alignkit_vilbert.inputs import Inputs

        return Inputs(stored["words"], self)

    def build(
        self, placement: alignkit.Placement, n_outputs: int, inputs: Inputs
    ) -> TwoStreamModel:
        """Build the model, with fresh weights from torch's generator."""
        from alignkit_vilbert.model import TwoStreamModel

        return TwoStreamModel(self, len(placement), n_outputs, len(inputs.words))


def _require(holds: bool, name: str, value: Any, expected: str) -> None:
    if not holds:
        raise alignkit.UsageError(f"architecture 'vilbert': {name}={value} must be {expected}")
