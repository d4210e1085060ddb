"""Where sites stand on an axis of depth."""

from __future__ import annotations

import re
from collections.abc import Sequence


def depth_of(site: str) -> int | None:
    """Index of a layer's site; None for embeddings and fusions."""
    match = re.fullmatch(r"[tv](\d+)", site)
    return int(match[1]) if match else None


def in_order(sites: Sequence[str], fusions: Sequence[int]) -> list[str]:
    """Sites of one stream in the order in which they run: fusion j before layer fusions[j].

    Where there are more fusions than that, the others stand on top of the last.
    """

    def position(site: str) -> tuple[float, int, int]:
        depth = depth_of(site)
        if depth is not None:
            return depth, 1, 0
        if site.endswith(".in"):
            return -1, 0, 0
        j = int(site.rpartition("f")[2])
        return (fusions[min(j, len(fusions) - 1)] if fusions else float("inf")), 0, j

    return sorted(set(sites), key=position)


def depth_on_axis(site: str, fusions: Sequence[int], layers: int) -> float:
    """Where a site stands on an axis of depth.

    Layer i stands at i, fusion j half a step before layer fusions[j], embeddings at -1. Fusions
    beyond those follow the last of them closely, and those of a stream without any, its last layer.

    Parameters
    ----------
    site : str
    fusions : sequence of int
        Of its stream.
    layers : int
        The number of layers of its stream.
    """
    depth = depth_of(site)
    if depth is not None:
        return depth
    if site.endswith(".in"):
        return -1
    j, last = int(site.rpartition("f")[2]), len(fusions) - 1
    start = fusions[min(j, last)] if fusions else layers
    return start - 0.5 + 0.3 * max(0, j - max(last, 0))


def short_name(site: str) -> str:
    """A site's name without its stream: ``3``, ``in``, ``f0``."""
    depth = depth_of(site)
    return site.partition(".")[2] if depth is None else str(depth)
