"""Look-ups among nearest neighbours that several metrics share."""

from __future__ import annotations

import torch
from torch import Tensor

from alignkit import Representation
from alignkit.metrics.ties import Ties


def set_ties(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine", **others: object
) -> list[Ties | None]:
    """Return how neighbours tie for the last of k places, in x and in y."""
    del others
    ties = (side.ties(k, distance) for side in (x, y))
    return [side if side is not None and side.shared else None for side in ties]


def list_ties(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine", **others: object
) -> list[Ties | None]:
    """Return how neighbours tie for any of k places, in x and in y."""
    del others
    return [side.ties(k, distance) for side in (x, y)]


def nearest_ties(x: Representation, y: Representation) -> list[Ties | None]:
    """Return how the nearest neighbours of x and of y tie, by Euclidean distance."""
    return list_ties(x, y, k=1, distance="euclidean")


def share_places(k: int, distance: str, *sides: Representation) -> bool:
    """Return whether in any representation, neighbours tie for the last of k places."""
    return any(set_ties(side, side, k=k, distance=distance)[0] is not None for side in sides)


def lack_order(k: int, distance: str, *sides: Representation) -> bool:
    """Return whether in any representation, neighbours tie for any of k places."""
    return any(side.ties(k, distance) is not None for side in sides)


def ranks_in(x: Representation, y: Representation, k: int, distance: str) -> Tensor:
    """Return the rank in x, from 1, of each neighbour in y; 0 if it is none in x, ``(n, k)``."""
    return rank_in(x, y.neighbours(k, distance), None, k, distance)


def rank_in(
    x: Representation, targets: Tensor, rows: Tensor | None, k: int, distance: str
) -> Tensor:
    """Return the ranks in x of the targets among the neighbours of some rows; 0 if absent.

    Without ``rows``, the targets in row i are looked up among the neighbours of sample i.
    """
    indices, ranks = x.neighbour_sets(k, distance)
    if rows is not None:
        indices, ranks = indices[rows], ranks[rows]
    targets = targets.to(indices.dtype).contiguous()
    positions = torch.searchsorted(indices, targets).clamp_(max=k - 1)
    present = indices.gather(-1, positions) == targets
    return torch.where(present, ranks.gather(-1, positions), 0)
