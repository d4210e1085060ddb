"""The architecture ``mbt``: streams that exchange information through bottleneck tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import alignkit
from alignkit_vilbert import STREAMS, StreamOptions, TwoStream

if TYPE_CHECKING:
    from alignkit_fusions.exchange import Exchange
    from alignkit_vilbert import Stream

    Step = alignkit.RunLayer | alignkit.Fuse | alignkit.Record


@dataclass(frozen=True)
class MbtOptions(StreamOptions):
    """Options of the bottleneck.

    Parameters
    ----------
    bottlenecks : int
        Number of bottleneck tokens.
    """

    bottlenecks: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.bottlenecks >= 1, "bottlenecks", "at least 1")


class Mbt(TwoStream):
    """Two streams that exchange information through bottleneck tokens.

    From Nagrani et al. 2021, arXiv:2107.00135. A fusion at index k replaces layer k: each
    stream runs its own layer k over its tokens and the bottleneck tokens, and the new
    bottleneck is the mean of the two results. No layer is added. ``late`` in streams of 12
    layers is the paper's fusion from layer 9 on. Both streams must have the same width.
    """

    Options = MbtOptions
    options: MbtOptions

    def schedule(self, placement: alignkit.Placement) -> list[Step]:
        """Lay out the fusions, each in place of the layers at its indices.

        Raises
        ------
        UsageError
            When an index is not that of a layer.
        """
        depths = self.depths()
        _require_layers(placement, depths)
        steps: list[Step] = [alignkit.Record(alignkit.input_site(stream)) for stream in STREAMS]
        next_layer = dict.fromkeys(STREAMS, 0)
        for fusion, pair in enumerate(zip(placement.text, placement.vision, strict=True)):
            replaced = dict(zip(STREAMS, pair, strict=True))
            for stream, layer in replaced.items():
                steps += alignkit.run_layers(stream, next_layer[stream], layer)
                next_layer[stream] = layer + 1
            steps.append(alignkit.Fuse(fusion))
            for stream, layer in replaced.items():
                steps.append(alignkit.Record(alignkit.layer_site(stream, layer)))
        for stream in STREAMS:
            steps += alignkit.run_layers(stream, next_layer[stream], depths[stream])
        return steps

    def fusions(
        self, placement: alignkit.Placement, text: Stream, vision: Stream
    ) -> list[Exchange]:
        """Build one exchange per pair of the placement; the first holds the initial tokens.

        Raises
        ------
        UsageError
            When the streams differ in width.
        """
        from alignkit_fusions.exchange import Exchange

        if text.width != vision.width:
            raise alignkit.UsageError(
                "architecture 'mbt' needs streams of the same width, since they share tokens; "
                f"the text stream has width {text.width}, the vision stream {vision.width}"
            )
        pairs = zip(placement.text, placement.vision, strict=True)
        return [
            Exchange(text, vision, pair, self.options.bottlenecks if fusion == 0 else 0)
            for fusion, pair in enumerate(pairs)
        ]


def _require_layers(placement: alignkit.Placement, depths: dict[str, int]) -> None:
    for stream, indices in zip(STREAMS, (placement.text, placement.vision), strict=True):
        if any(index >= depths[stream] for index in indices):
            raise alignkit.UsageError(
                f"placement '{placement.name}': a bottleneck fusion replaces a layer, so {stream} "
                f"indices go from 0 to {depths[stream] - 1}"
            )
