"""The architecture ``vilbert``: co-attention blocks between the layers of two streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import alignkit
from alignkit_vilbert.options import VilbertOptions
from alignkit_vilbert.two_stream import TwoStream

if TYPE_CHECKING:
    from torch import nn

    from alignkit_vilbert.streams import Stream


class Vilbert(TwoStream):
    """Two transformer streams with co-attention blocks between their layers.

    The blocks are those of ViLBERT (Lu et al. 2019, arXiv:1908.02265) or of the study. The
    streams are small transformers trained from scratch, or pretrained models.
    """

    Options = VilbertOptions
    options: VilbertOptions

    def fusions(
        self, placement: alignkit.Placement, text: Stream, vision: Stream
    ) -> list[nn.Module]:
        """Build one co-attention block per pair of the placement."""
        from alignkit_vilbert.coattention import BLOCKS

        block = BLOCKS[str(self.options.block)]
        sizes = self.options.block_sizes()
        return [block(text.width, vision.width, sizes) for _ in range(len(placement))]
