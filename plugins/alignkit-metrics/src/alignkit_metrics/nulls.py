"""Metrics of neighbours on permuted rows of y, where neighbours tie: many orders at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit import Representation
from alignkit.metrics.ties import Neighbours

# Entries of neighbours that are compared at once.
ENTRIES = 1 << 18
# Bytes of the table over pairs of samples and layers; a larger null is computed pair by pair.
TABLE_LIMIT = 1 << 30


def stacked_null(
    xs: Sequence[Representation],
    ys: Sequence[Representation],
    orders: Sequence[Tensor],
    k: int,
    distance: str,
    score: Callable[[Neighbours, Neighbours], Tensor],
) -> np.ndarray:
    """Return the mean score of samples with the rows of y permuted.

    Parameters
    ----------
    score : callable
        Given the neighbours in x and in y, returns the score of every sample, ``(n,)``.

    Returns
    -------
    ndarray (len(orders), len(xs), len(ys))
    """
    n = xs[0].n
    in_x, in_y = ([side.tied_neighbours(k, distance) for side in sides] for sides in (xs, ys))
    most = max(len(side.entries.rows) for side in (*in_x, *in_y))
    step = max(1, ENTRIES // most)
    values = np.empty((len(orders), len(xs), len(ys)))
    same = torch.arange(n)

    def fill(work: tuple[int, int]) -> None:
        start, column = work
        some = orders[start : start + step]
        permuted = in_y[column].stacked(some)
        for at, side in enumerate(in_x):
            scores = score(side.stacked([same] * len(some)), permuted)
            means = scores.view(len(some), n).mean(dim=1)
            values[start : start + step, at, column] = means.cpu().numpy()

    starts = range(0, len(orders), step)
    works = [(start, column) for start in starts for column in range(len(ys))]
    list(alignkit.parallel_map(fill, works))
    return values


def nearest_rank_null(
    xs: Sequence[Representation], ys: Sequence[Representation], orders: Sequence[Tensor]
) -> np.ndarray | None:
    """Return the values of ``information_imbalance`` with the rows of y permuted.

    All ranks in y are found once. None if their table would be too large.
    """
    n = xs[0].n
    if 32 * n * n * len(ys) > TABLE_LIMIT:
        return None
    device = ys[0].device
    everyone = torch.arange(n, device=device)
    others, rows = everyone.repeat(n), everyone.repeat_interleave(n)
    tables = torch.stack([y.ranks_of(others, rows) for y in ys], dim=1)
    nearest = [x.tied_neighbours(1, "euclidean") for x in xs]
    sides = [(side.entries.rows, side.entries.columns, side.weights) for side in nearest]

    def values_of(order: Tensor) -> Tensor:
        values = [
            2 * weights @ tables[order[of] * n + order[other]] / n**2
            for of, other, weights in sides
        ]
        return torch.stack(values)

    return values_of_orders(values_of, orders, device)


def values_of_orders(
    values_of: Callable[[Tensor], Tensor], orders: Sequence[Tensor], device: torch.device
) -> np.ndarray:
    """Return the values of every order of samples, fetched from the device at once."""
    values = alignkit.parallel_map(values_of, [order.to(device) for order in orders])
    return torch.stack(list(values)).cpu().numpy()
