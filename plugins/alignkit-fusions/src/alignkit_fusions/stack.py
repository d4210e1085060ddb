"""LXMERT's stack: cross-modal layers after all layers of both streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import alignkit
from alignkit_vilbert.two_stream import STREAMS, TwoStream


@dataclass(frozen=True)
class Lxmert(TwoStream):
    """Two streams, and a stack of cross-modal layers on top of them.

    A layer is that of LXMERT (Tan and Bansal 2019, arXiv:1908.07490): cross-attention whose
    weights both directions share, self-attention, feed-forward, each around a residual and
    followed by a norm. The streams must have one width, since they share weights.

    Parameters
    ----------
    cross_layers : int
        Layers of the stack. The placement is after everything, and no other.
    cross_heads : int, optional
        ``heads``; with named models 12.
    cross_feedforward : int, optional
        ``feedforward``; with named models four times the width.
    """

    cross_layers: int = 5
    cross_heads: int | None = None
    cross_feedforward: int | None = None

    def __post_init__(self) -> None:
        named = bool(self.named())
        self.settle(
            {
                "cross_heads": 12 if named else self.heads,
                "cross_feedforward": None if named else self.feedforward,
            }
        )
        super().__post_init__()
        self.require(self.cross_layers >= 1, "cross_layers", "at least 1")

    def default_placement(self) -> alignkit.Placement:
        """After everything."""
        depths = self.depths()
        return alignkit.Placement([depths["text"]], [depths["vision"]], "top")

    def schedule(self, placement: alignkit.Placement) -> list[Any]:
        """Both streams to their end, then the stack."""
        top = self.default_placement()
        if (placement.text, placement.vision) != (top.text, top.vision):
            raise alignkit.UsageError(
                f"architecture 'lxmert' has its fusions on top of both streams; leave out "
                f"--placement {placement.name}, or give {top.text[0]}/{top.vision[0]}"
            )
        steps = super().schedule(alignkit.Placement([], []))
        for fusion in range(self.cross_layers):
            steps.append(alignkit.Fuse(fusion))
            steps += [alignkit.Record(alignkit.fusion_site(s, fusion)) for s in STREAMS]
        return steps

    def fusions(self, placement: alignkit.Placement, text: Any, vision: Any) -> list[Any]:
        """One cross-modal layer after the other."""
        from alignkit_fusions.cross_layer import CrossModalLayer

        if text.width != vision.width:
            raise alignkit.UsageError(
                f"architecture 'lxmert' shares weights between streams of one width; text has "
                f"{text.width}, vision {vision.width}"
            )
        heads, inner = self.cross_heads or 1, self.cross_feedforward or 4 * text.width
        fits = text.width % heads == 0
        self.require(fits, "cross_heads", f"a divisor of the streams' width {text.width}")
        return [
            CrossModalLayer(text.width, heads, inner, self.new_dropout)
            for _ in range(self.cross_layers)
        ]
