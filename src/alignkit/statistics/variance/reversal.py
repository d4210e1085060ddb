"""Whether two tasks rank placements in opposite order: a test of any reversal.

Tasks agree if some order of the placements is that of both, ties allowed. How far two tasks are
from agreeing is what isotonic regression along the best common order leaves over, relative to
the noise. All reversed pairs add to it; testing pairs one by one, each in both tasks and
corrected for all of them, finds a third fewer.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from alignkit.statistics.variance.blocks import Blocks

# As ``blocks.POOLED``, for this statistic, and by how many standard errors a difference that two
# tasks agree in is lessened before studies are simulated with it; both chosen by simulation.
POOLED, LESSENED = 0.35, 1.25
TIE = 1e-9


def reversal_p(blocks: Blocks, values: np.ndarray, n_studies: int = 9999, seed: int = 0) -> float:
    """Return the p of a reversal between some two tasks.

    The null hypothesis is that all tasks agree in an order of the placements. Studies are
    simulated in which they do, as the data suggest (``agreeing``); of three such cases, the
    largest p counts.

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
    seen = [_of(pair, *_summary(blocks, values)) for pair in pairs]
    observed = [float(disagreement(*summary)) for summary in seen]
    effects = [agreeing(*summary) for summary in seen]
    exceeded = np.ones((len(pairs), len(effects[0])), dtype=int)
    for chunk in blocks.simulated(values, n_studies, seed, POOLED):
        summary = _summary(blocks, chunk)
        for i, pair in enumerate(pairs):
            means, weights = _of(pair, *summary)
            for j, effect in enumerate(effects[i]):
                null = disagreement(means + effect, weights)
                exceeded[i, j] += int((null >= observed[i] * (1 - TIE)).sum())
    p = exceeded.max(axis=1) / (1 + n_studies) * len(pairs)
    return min(1.0, float(p.min()))


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
        three common orders: that of each task, and that of the sum of their means in units of
        the noise of a task. 0 where these tasks agree.
    """
    weights = np.broadcast_to(weights, means.shape)
    least: np.ndarray = _left_over(means, weights, _orders(means, weights)).min(axis=0)
    return least


def agreeing(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return effects of placements in two tasks that agree, near to those that were seen.

    Both tasks are fitted by isotonic regression along their best common order. A reversal is
    easiest to find by mistake where one task ranks placements clearly and the other does not
    prefer any of them. So each step of a fit is lessened by ``LESSENED`` standard errors, to
    nothing where it is small: in the second task, in the first, or in both. What is left of a
    step is what both tasks surely agree in; to leave it out would cost power.

    Parameters
    ----------
    means, weights : ndarray (placements, 2)

    Returns
    -------
    ndarray (3, placements, 2)
    """
    orders = _orders(means, weights)
    order = orders[int(_left_over(means, weights, orders).argmin())]
    fits = isotonic_fit(means[order], weights[order])
    less = np.stack([_lessened(fits[:, j], weights[order, j]) for j in (0, 1)], axis=-1)
    effects = np.empty((3, *means.shape))
    for effect, lessened in zip(effects, ([0, 1], [1, 0], [1, 1]), strict=True):
        effect[order] = np.where(lessened, less, fits)
    return effects


def _orders(means: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return candidates of a common order, (3, ..., placements)."""
    noise = np.sqrt((1 / weights).mean(axis=-2, keepdims=True))
    both = (means / noise).sum(axis=-1)
    return np.argsort(np.stack([means[..., 0], means[..., 1], both]), axis=-1)


def _left_over(means: np.ndarray, weights: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return what isotonic regression along each order leaves over in both tasks, (3, ...)."""
    values, weights = (
        np.take_along_axis(part[None], orders[..., None], axis=-2) for part in (means, weights)
    )
    rest: np.ndarray = (weights * (values - isotonic_fit(values, weights)) ** 2).sum((-2, -1))
    return rest


def _lessened(fit: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return an isotonic fit, (n,), with its steps lessened, from 0 upwards."""
    steps = np.diff(fit) * np.sqrt(weights[1:])
    starts = np.append(0, 1 + np.flatnonzero(steps > TIE))
    error = np.sqrt(1 / np.add.reduceat(weights, starts))
    gaps = np.diff(fit[starts]) - LESSENED * np.hypot(error[1:], error[:-1])
    levels = np.append(0, np.cumsum(np.maximum(gaps, 0)))
    return np.repeat(levels, np.diff(np.append(starts, len(fit))))


def isotonic_fit(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the non-decreasing values with the least weighted squares of differences.

    The fit at k is the largest, over starts i up to k, of the least mean of i to j, over ends j
    from k on (the max-min formula of isotonic regression).

    Parameters
    ----------
    values, weights : ndarray (..., n, columns)
        In the order in which the fit must not decrease.

    Returns
    -------
    ndarray (..., n, columns)
    """
    # With the order as the first axis, sums over it are of whole arrays.
    values, weights = (np.ascontiguousarray(np.moveaxis(a, -2, 0)) for a in (values, weights))
    products = weights * values
    fit = np.full(values.shape, -np.inf)
    for i in range(len(values)):
        least = np.cumsum(products[i:], axis=0) / np.cumsum(weights[i:], axis=0)
        for k in range(len(least) - 1, 0, -1):
            np.minimum(least[k - 1], least[k], out=least[k - 1])
        np.maximum(fit[i:], least, out=fit[i:])
    return np.moveaxis(fit, 0, -2)
