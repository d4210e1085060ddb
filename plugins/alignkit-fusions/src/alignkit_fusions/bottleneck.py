"""MBT: the streams' own layers, which exchange through a few bottleneck tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import alignkit
from alignkit_vilbert.freeze import parse_freeze
from alignkit_vilbert.two_stream import STREAMS, TwoStream


@dataclass(frozen=True)
class Mbt(TwoStream):
    """Two streams that exchange through bottleneck tokens.

    From Nagrani et al. 2021, arXiv:2107.00135. A fusion at index k takes the place of layer
    k: each stream runs its own layer k over its tokens and the bottleneck's, and the new
    bottleneck is the mean of what the two have made of it. No layer is added. ``late`` in
    streams of 12 layers is the paper's fusion from layer 9 on. The streams must have one
    width.

    Parameters
    ----------
    bottlenecks : int
        Tokens of the bottleneck.
    """

    bottlenecks: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.bottlenecks >= 1, "bottlenecks", "at least 1")

    def schedule(self, placement: alignkit.Placement) -> list[Any]:
        """As co-attention's, but that a fusion runs its layers itself."""
        depths = self.depths()
        for stream in STREAMS:
            if any(index >= depths[stream] for index in getattr(placement, stream)):
                raise alignkit.UsageError(
                    f"placement '{placement.name}': a bottleneck takes the place of a layer; "
                    f"{stream} indices go from 0 to {depths[stream] - 1}"
                )
        parse_freeze(self.freeze, depths)
        steps: list[Any] = [alignkit.Record(alignkit.input_site(stream)) for stream in STREAMS]
        done = dict.fromkeys(STREAMS, 0)
        for fusion in range(len(placement)):
            owned = {stream: getattr(placement, stream)[fusion] for stream in STREAMS}
            for stream, layer in owned.items():
                steps += alignkit.run_layers(stream, done[stream], layer)
                done[stream] = layer + 1
            steps.append(alignkit.Fuse(fusion))
            steps += [alignkit.Record(alignkit.layer_site(*one)) for one in owned.items()]
        for stream in STREAMS:
            steps += alignkit.run_layers(stream, done[stream], depths[stream])
        return steps

    def fusions(self, placement: alignkit.Placement, text: Any, vision: Any) -> list[Any]:
        """One exchange per pair of the placement; the first brings the bottleneck."""
        from alignkit_fusions.exchange import Exchange

        if text.width != vision.width:
            raise alignkit.UsageError(
                f"architecture 'mbt' shares tokens between streams of one width; text has "
                f"{text.width}, vision {vision.width}"
            )
        pairs = zip(placement.text, placement.vision, strict=True)
        return [
            Exchange(text, vision, pair, self.bottlenecks if number == 0 else 0)
            for number, pair in enumerate(pairs)
        ]
