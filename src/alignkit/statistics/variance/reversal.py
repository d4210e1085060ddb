"""Whether two tasks rank placements in opposite order: a test of any reversal.

Tasks agree if some order of the placements is that of both, ties allowed. How far two tasks are
from agreeing is what isotonic regression along the best common order leaves over, relative to
the noise. All reversed pairs add to it; testing pairs one by one, each in both tasks and
corrected for all of them, finds a third fewer.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from alignkit.statistics.variance.blocks import Blocks

# As ``blocks.POOLED``, for this statistic; chosen by simulation.
POOLED = 0.4
TIE = 1e-9


def reversal_p(blocks: Blocks, values: np.ndarray, n_studies: int = 9999, seed: int = 0) -> float:
    """Return the p of a reversal between some two tasks.

    The null hypothesis is that all tasks agree in an order of the placements. It is hardest to
    tell from a reversal where one task has no preference at all, so studies are simulated in
    which one task is without, and the other is as observed; of the two, the larger p counts.

    Parameters
    ----------
    blocks : Blocks
    values : ndarray (n, tasks)
        Scores of the runs.
    n_studies, seed : int
        Simulated studies, and their seed.

    Returns
    -------
    float
        Of the two tasks that reverse most clearly, times the number of pairs of tasks; at
        most 1.
    """
    pairs = list(combinations(range(values.shape[1]), 2))
    observed = [float(disagreement(*_of(pair, *_summary(blocks, values)))) for pair in pairs]
    exceeded = np.ones((len(pairs), 2), dtype=int)
    for chunk in blocks.simulated(values, n_studies, seed, POOLED):
        for i, pair in enumerate(pairs):
            for j, null in enumerate(_without_preference(blocks, values, chunk, pair)):
                exceeded[i, j] += int((null >= observed[i] * (1 - TIE)).sum())
    p = exceeded.max(axis=1) / (1 + n_studies) * len(pairs)
    return min(1.0, float(p.min()))


def _without_preference(
    blocks: Blocks, values: np.ndarray, noise: np.ndarray, pair: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yield the disagreement of simulated studies where one task of a pair has no preference."""
    means, weights = _of(pair, *_summary(blocks, noise))
    seen = (blocks.means @ values)[:, pair]
    for other in (0, 1):
        effects = np.zeros_like(seen)
        effects[:, other] = seen[:, other]
        yield disagreement(means + effects, weights)


def _summary(blocks: Blocks, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of placements and their weights, (..., placements, tasks)."""
    variances = blocks.variances(blocks.residuals @ values, POOLED)
    return blocks.means @ values, blocks.counts[:, None] / np.maximum(variances, 1e-300)


def _of(
    pair: tuple[int, int], means: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return means[..., pair], weights[..., pair]


def disagreement(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return how far two tasks are from ranking placements in one order.

    Parameters
    ----------
    means, weights : ndarray (..., placements, 2)
        Mean scores, and the inverse of their squared standard errors.

    Returns
    -------
    ndarray (...)
        The weighted squares that isotonic regression leaves over in both tasks, for the best of
        three common orders: that of each task, and that of the sum of their studentised means.
        0 where these tasks agree.
    """
    both = (means * np.sqrt(weights)).sum(axis=-1)
    orders = np.argsort(np.stack([means[..., 0], means[..., 1], both]), axis=-1)[..., None]
    weights = np.broadcast_to(weights, means.shape)
    left = isotonic_rest(
        np.take_along_axis(means[None], orders, axis=-2),
        np.take_along_axis(weights[None], orders, axis=-2),
    )
    least: np.ndarray = left.sum(axis=-1).min(axis=0)
    return least


def isotonic_rest(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted squares that the best non-decreasing fit leaves over.

    The fit at k is the largest, over starts i up to k, of the least mean of i to j, over ends j
    from k on (the max-min formula of isotonic regression).

    Parameters
    ----------
    values, weights : ndarray (..., n, columns)
        In the order in which the fit must not decrease.

    Returns
    -------
    ndarray (..., columns)
    """
    fit = np.full(values.shape, -np.inf)
    for i in range(values.shape[-2]):
        total = np.cumsum((weights * values)[..., i:, :], axis=-2)
        mean = total / np.cumsum(weights[..., i:, :], axis=-2)
        least = np.minimum.accumulate(mean[..., ::-1, :], axis=-2)[..., ::-1, :]
        fit[..., i:, :] = np.maximum(fit[..., i:, :], least)
    rest: np.ndarray = (weights * (values - fit) ** 2).sum(axis=-2)
    return rest
