"""The spaces that come with alignkit."""

from __future__ import annotations

from typing import Any

from alignkit.errors import UsageError
from alignkit.models.placement import STREAMS, Placement
from alignkit.runs.placements import choose_placement, placements_that_fit, with_registered_name
from alignkit.search.bounds import Bound
from alignkit.search.layers import placement_of, placement_of_mask
from alignkit.search.spaces import Space, SpaceContext, Values, architecture_options


def placement(context: SpaceContext, distinct: bool = False) -> Space:
    """Vary the number of blocks, and centre and spread per stream.

    For twelve layers, 2 to 8 blocks, centres 2 to 10 and spreads 1 to 4.

    Parameters
    ----------
    distinct : bool
        Move blocks that fall on the same layer to free ones, which keeps their number.
    """
    scale = {s: depth / 12 for s, depth in context.depths.items()}
    smaller = min(scale.values())
    bounds = {"blocks": Bound(max(1, round(2 * smaller)), max(1, round(8 * smaller)))}
    for stream in STREAMS:
        bounds[f"{stream}_centre"] = Bound(2 * scale[stream], 10 * scale[stream])
        bounds[f"{stream}_spread"] = Bound(scale[stream], 4 * scale[stream])
    blocks = context.bounds.get("blocks", bounds["blocks"])

    def to_placement(values: Values) -> Placement:
        meant = placement_of(values, context.depths, distinct)
        assert meant is not None
        return with_registered_name(meant, context.depths)

    fewest = min(blocks.choices) if blocks.choices else blocks.low
    most = min(context.depths.values()) + 1  # before every layer, and after the last
    if fewest > most:
        raise UsageError(f"bound 'blocks' starts at {fewest}; at most {most} blocks fit")
    return Space("placement", bounds, to_placement, min_blocks=int(fewest))


def named(context: SpaceContext) -> Space:
    """Choose among registered placements by name."""
    names = list(dict.fromkeys(context.placements)) or _all_that_fit(context)
    known = {name: choose_placement(name, context.config.architecture.make()) for name in names}
    for candidate in known.values():
        candidate.check_depths(context.depths)
    only = Bound(choices=tuple(names))
    return Space("named", {"placement": only}, lambda v: known[v["placement"]], size=len(names))


def mask(context: SpaceContext) -> Space:
    """Vary one Boolean per stream and layer index."""
    either = Bound(choices=(False, True))
    bounds = {f"{s}_{i}": either for s in STREAMS for i in range(context.depths[s] + 1)}
    return Space(
        "mask",
        bounds,
        lambda values: with_registered_name(
            placement_of_mask(values, context.depths), context.depths
        ),
    )


def hparams(context: SpaceContext) -> Space:
    """Vary the learning rate, the epochs, and the dropout where the architecture has it."""
    rate = context.config.training.learning_rate
    bounds = {"learning_rate": Bound(rate / 10, rate * 10, log=True), "epochs": Bound(3, 9)}
    if "dropout" in architecture_options(context.config):
        bounds["dropout"] = Bound(0.0, 0.4)
    return Space("hparams", bounds)


def _all_that_fit(context: SpaceContext) -> list[str]:
    """Return the registered placements that the architecture can hold, each layer list once."""
    fitting: dict[tuple[Any, Any], str] = {}
    for known in placements_that_fit(context.depths):
        fitting.setdefault((known.text, known.vision), known.name)
    return list(fitting.values())
