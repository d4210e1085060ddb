"""Placements are plain data, or functions of the depth; a space is what a search varies.

This file can be used as it is:

alignkit --plugin examples/third_party/placements.py train --placement evenly:count=4
alignkit --plugin examples/third_party/placements.py search run --space block:count=2
"""

from collections.abc import Mapping
from typing import Any

import alignkit


def evenly(depths: Mapping[str, int], count: int = 3) -> dict[str, list[int]]:
    """Spread over the depth of each stream, the last before its last layer."""
    shortest = min(depths.values())
    if not 1 <= count <= shortest:
        raise alignkit.UsageError(
            f"placement 'evenly': count={count} must be from 1 to the depth, {shortest}"
        )
    return {
        stream: [depth * (i + 1) // count - 1 for i in range(count)]
        for stream, depth in depths.items()
    }


def block(context: Any, count: int = 3) -> alignkit.Space:
    """Vary where a block of consecutive fusions begins, in each stream.

    Parameters
    ----------
    count : int
        Number of fusions.
    """
    starts = {s: alignkit.Bound(0, depth - count + 1) for s, depth in context.depths.items()}
    if any(bound.low > bound.high for bound in starts.values()):
        raise alignkit.UsageError(f"space 'block': count={count} is more than the streams hold")

    def chosen(values: Mapping[str, Any]) -> alignkit.Placement:
        first = [values[f"{stream}_start"] for stream in starts]
        text, vision = (range(start, start + count) for start in first)
        return alignkit.Placement(text, vision)

    varied = {f"{stream}_start": bound for stream, bound in starts.items()}
    return alignkit.Space("block", varied, chosen)


@alignkit.hookimpl
def register_placements(register: alignkit.RegisterPlacements) -> None:
    register("two_late", [8, 11], summary="two fusions, both late")
    register("crossed", {"text": [9, 11], "vision": [3, 5]}, summary="late text, early vision")
    register("evenly", evenly)


@alignkit.hookimpl
def register_spaces(register: alignkit.RegisterSpaces) -> None:
    register("block", block)
