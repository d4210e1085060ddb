"""The architecture ``lxmert``: cross-modal layers after all layers of both streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import alignkit
from alignkit_vilbert import STREAMS, StreamOptions, TwoStream

if TYPE_CHECKING:
    from alignkit_fusions.cross_layer import CrossModalLayer
    from alignkit_vilbert import Stream

    Step = alignkit.RunLayer | alignkit.Fuse | alignkit.Record


@dataclass(frozen=True)
class LxmertOptions(StreamOptions):
    """Options of the stack of cross-modal layers.

    Parameters
    ----------
    cross_layers : int
        Number of cross-modal layers.
    cross_heads : int, optional
        Number of their attention heads; default ``heads``, or 12 with named models.
    cross_feedforward : int, optional
        Inner width of their feed-forward layers; default ``feedforward``, or four times the
        streams' width with named models.
    """

    cross_layers: int = 5
    cross_heads: int | None = None
    cross_feedforward: int | None = None

    def __post_init__(self) -> None:
        if self.named_streams():
            self.fill_in({"cross_heads": 12})
        else:
            self.fill_in({"cross_heads": self.heads, "cross_feedforward": self.feedforward})
        super().__post_init__()
        self.require(self.cross_layers >= 1, "cross_layers", "at least 1")


class Lxmert(TwoStream):
    """Two streams and a stack of cross-modal layers on top of them.

    The layers are those of LXMERT (Tan and Bansal 2019, arXiv:1908.07490): cross-attention
    whose weights both directions share, self-attention and feed-forward layers, each with a
    residual around it and a norm after it. Both streams must have the same width, since they
    share weights. The only possible placement is after all layers.
    """

    Options = LxmertOptions
    options: LxmertOptions

    def default_placement(self) -> alignkit.Placement:
        """Return the placement after all layers."""
        depths = self.depths()
        return alignkit.Placement([depths["text"]], [depths["vision"]], "top")

    def schedule(self, placement: alignkit.Placement) -> list[Step]:
        """Run both streams to their end, then the stack.

        Raises
        ------
        UsageError
            When the placement is not after all layers.
        """
        top = self.default_placement()
        if (placement.text, placement.vision) != (top.text, top.vision):
            raise alignkit.UsageError(
                "architecture 'lxmert' has its fusions on top of both streams, not at placement "
                f"'{placement.name}'; leave `placement` out, or use "
                f"`placement={top.text[0]}/{top.vision[0]}`"
            )
        steps: list[Step] = list(super().schedule(alignkit.Placement([], [])))
        for fusion in range(self.options.cross_layers):
            steps.append(alignkit.Fuse(fusion))
            steps += [alignkit.Record(alignkit.fusion_site(stream, fusion)) for stream in STREAMS]
        return steps

    def fusions(
        self, placement: alignkit.Placement, text: Stream, vision: Stream
    ) -> list[CrossModalLayer]:
        """Build the cross-modal layers, from the bottom of the stack to its top.

        Raises
        ------
        UsageError
            When the streams differ in width, or ``cross_heads`` does not divide it.
        """
        from alignkit_fusions.cross_layer import CrossModalLayer

        del placement  # the stack has one place
        options = self.options
        if text.width != vision.width:
            raise alignkit.UsageError(
                "architecture 'lxmert' needs streams of the same width, since they share weights; "
                f"the text stream has width {text.width}, the vision stream {vision.width}"
            )
        heads, inner = options.cross_heads or 1, options.cross_feedforward or 4 * text.width
        divides = text.width % heads == 0
        options.require(divides, "cross_heads", f"a divisor of the streams' width {text.width}")
        return [
            CrossModalLayer(text.width, heads, inner, options.new_dropout)
            for _ in range(options.cross_layers)
        ]
