"""Placements compared within seeds, where placements may differ in noise: a wild bootstrap.

Seeds are blocks: an effect of a seed that all placements share is removed. What is left over is
flipped in sign, run by run, which keeps the noise of each placement as it is; permuting runs
would pass the noise of one placement on to all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_LEAST_SHARE = 1e-9  # of a run that placements and seeds leave over, to divide by
# Share of a placement's variance that is taken from all placements together: few seeds estimate
# their own variance badly. Chosen by simulation.
POOLED = 0.25
_CHUNK = 1000  # flips at a time, to bound memory


@dataclass(frozen=True)
class Blocks:
    """Runs of placements and seeds.

    Attributes
    ----------
    means : ndarray (placements, n)
        Maps values of runs to means of placements, without effects of seeds, around 0.
    residuals : ndarray (n, n)
        Maps values of runs to what neither placement nor seed explains.
    within_seeds : ndarray (n, n)
        Maps values of runs to what seeds do not explain.
    members : ndarray (placements, n)
        1 where a run belongs to a placement.
    seeds : int
        Seeds whose effect is removed: 1, a common mean, where placements share none.
    df : int
        Degrees of freedom of the residuals.
    """

    means: np.ndarray
    residuals: np.ndarray
    within_seeds: np.ndarray
    members: np.ndarray
    seeds: int
    df: int

    @classmethod
    def of(cls, placements: np.ndarray, seeds: np.ndarray) -> Blocks:
        """Return the blocks of runs, given the placement and seed of each, ``(n,)``."""
        members = _indicators(placements)
        blocks = _indicators(seeds)
        k, n = members.shape
        rank = int(np.linalg.matrix_rank(np.vstack([members, blocks])))
        if rank < k + len(blocks) - 1 or n - rank < 1:  # seeds do not connect the placements
            blocks, rank = np.ones((1, n)), k
        design = np.vstack([members, blocks]).T
        solve = np.linalg.pinv(design)
        means = solve[:k] - solve[:k].mean(axis=0)
        within = np.eye(n) - blocks.T @ np.linalg.pinv(blocks.T)
        return cls(means, np.eye(n) - design @ solve, within, members, len(blocks), n - rank)

    @property
    def counts(self) -> np.ndarray:
        """Runs of each placement, ``(placements,)``."""
        counts: np.ndarray = self.members.sum(axis=1)
        return counts

    def variances(self, residuals: np.ndarray) -> np.ndarray:
        """Return the variance of a run of each placement, drawn a little to their mean.

        Parameters
        ----------
        residuals : ndarray (..., n, dimensions)

        Returns
        -------
        ndarray (..., placements, dimensions)
        """
        squares = np.einsum("pn,...nd->...pd", self.members, residuals**2)
        own = squares / np.maximum(self.counts - 1, 1)[:, None]
        pooled = squares.sum(axis=-2, keepdims=True) / self.df
        # A placement with a single run tells nothing about its own variance.
        share = np.where(self.counts > 1, POOLED, 1.0)[:, None]
        variances: np.ndarray = (1 - share) * own + share * pooled
        return variances

    def flipped(
        self, values: np.ndarray, n_flips: int, seed: int, *, full: bool = True
    ) -> Iterator[np.ndarray]:
        """Yield what is left of values under flipped signs, in chunks.

        Parameters
        ----------
        values : ndarray (n, dimensions)
            All dimensions of a run are flipped together.
        n_flips, seed : int
        full : bool
            Whether to take out the effects of placements and seeds, or of seeds only. The
            latter claims less, and misses a single placement that differs from all others.

        Yields
        ------
        ndarray (flips, n, dimensions)
        """
        project = self.residuals if full else self.within_seeds
        left = np.maximum(np.diag(project), _LEAST_SHARE)
        errors = (project @ values) / np.sqrt(left)[:, None]
        rng = np.random.default_rng(seed)
        for start in range(0, n_flips, _CHUNK):
            size = (min(_CHUNK, n_flips - start), len(values), 1)
            yield errors * rng.choice([-1.0, 1.0], size)


def _indicators(labels: np.ndarray) -> np.ndarray:
    same: np.ndarray = np.unique(labels)[:, None] == labels[None]
    return same.astype(float)


def welch_statistic(blocks: Blocks, values: np.ndarray) -> np.ndarray:
    """Return how far placements are apart, each weighed by its own noise (Welch 1951).

    Parameters
    ----------
    blocks : Blocks
    values : ndarray (..., n, dimensions)

    Returns
    -------
    ndarray (...)
        0 or larger.
    """
    means = blocks.means @ values
    variances = blocks.variances(blocks.residuals @ values).sum(axis=-1)
    weights = blocks.counts / np.maximum(variances, 1e-300)
    centre = (weights[..., None] * means).sum(axis=-2) / weights.sum(axis=-1)[..., None]
    distance = ((means - centre[..., None, :]) ** 2).sum(axis=-1)
    statistic: np.ndarray = (weights * distance).sum(axis=-1)
    return statistic


def pair_t(blocks: Blocks, values: np.ndarray) -> np.ndarray:
    """Return the studentised difference of every pair of placements in every dimension.

    Parameters
    ----------
    blocks : Blocks
    values : ndarray (..., n, dimensions)

    Returns
    -------
    ndarray (..., pairs, dimensions)
        First minus second placement, pairs in the order of ``numpy.triu_indices``.
    """
    means = blocks.means @ values
    errors = blocks.variances(blocks.residuals @ values) / blocks.counts[:, None]
    i, j = np.triu_indices(len(blocks.members), 1)
    scale = np.sqrt(np.maximum(errors[..., i, :] + errors[..., j, :], 1e-300))
    t: np.ndarray = (means[..., i, :] - means[..., j, :]) / scale
    return t
