"""Turn the parameters of a placement search into layer indices, also those of old studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from alignkit.models.placement import STREAMS, Placement

# Names in studies that were made before alignkit, which are read as well.
STUDY_NAMES = {
    "num_coattn_layers": "blocks",
    "t_center": "text_centre",
    "t_spread": "text_spread",
    "v_center": "vision_centre",
    "v_spread": "vision_spread",
}
PARAMETERS = tuple(STUDY_NAMES.values())


def describes_layers(parameter: str) -> bool:
    """Return whether a parameter of a search only says where blocks are."""
    stream, _, layer = parameter.rpartition("_")
    mask = stream in STREAMS and layer.isdigit()
    return mask or parameter in PARAMETERS or parameter in STUDY_NAMES


def spread_layers(
    blocks: int, centre: float, spread: float, depth: int, distinct: bool = False
) -> list[int]:
    """Place blocks at the quantiles of a normal distribution over the layers.

    The i-th of n blocks goes to ``round(centre + spread * q((i + 1) / (n + 1)))``, q being
    the standard normal quantile, clipped to the layers 0 to depth - 1.

    Parameters
    ----------
    blocks : int
    centre, spread : float
        Mean and standard deviation of the distribution, in layers.
    depth : int
        Number of layers of the stream.
    distinct : bool
        Move blocks that fall on the same layer to the nearest free layers (isotonic
        regression). Otherwise they merge, and there may be fewer than ``blocks``.

    Returns
    -------
    list of int
        Strictly increasing layer indices.
    """
    wanted = [centre + spread * NormalDist().inv_cdf((i + 1) / (blocks + 1)) for i in range(blocks)]
    if distinct:
        return _apart(wanted, depth)
    return sorted({min(max(round(place), 0), depth - 1) for place in wanted})


def _apart(wanted: Sequence[float], depth: int) -> list[int]:
    """Return the strictly increasing integers nearest to given numbers, in least squares."""
    from scipy.optimize import isotonic_regression

    if not wanted:
        return []
    # A strictly increasing sequence of integers minus its index is non-decreasing.
    level = isotonic_regression([place - i for i, place in enumerate(wanted)]).x
    most = depth - len(wanted)
    return [i + min(max(round(float(place)), 0), most) for i, place in enumerate(level)]


def placement_of(
    values: Mapping[str, Any], depths: Mapping[str, int], distinct: bool = False
) -> Placement | None:
    """Return the placement that parameters mean; the longer of two lists loses its last indices.

    Returns
    -------
    Placement or None
        None when these are not the parameters of a placement search.
    """
    values = {STUDY_NAMES.get(name, name): value for name, value in values.items()}
    if not set(PARAMETERS) <= set(values):
        return None
    sides = [
        spread_layers(
            int(values["blocks"]),
            float(values[f"{stream}_centre"]),
            float(values[f"{stream}_spread"]),
            depths[stream],
            distinct,
        )
        for stream in STREAMS
    ]
    shorter = min(map(len, sides))
    text, vision = (side[:shorter] for side in sides)
    return Placement(text, vision)


def placement_of_mask(values: Mapping[str, Any], depths: Mapping[str, int]) -> Placement:
    """Return the placement of one Boolean per layer; the longer list is thinned out evenly."""
    chosen = [
        [i for i in range(depths[stream] + 1) if values[f"{stream}_{i}"]] for stream in STREAMS
    ]
    shorter = min(map(len, chosen))
    text, vision = (_thinned(side, shorter) for side in chosen)
    return Placement(text, vision)


def _thinned(indices: Sequence[int], count: int) -> list[int]:
    if count == 0:
        return []
    if count == 1:
        return [indices[(len(indices) - 1) // 2]]
    step = (len(indices) - 1) / (count - 1)
    return [indices[round(i * step)] for i in range(count)]
