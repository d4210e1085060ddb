"""Placements compared within seeds, where placements may differ in noise: a parametric bootstrap.

Seeds are blocks: an effect of a seed that all placements share is removed. Studies without an
effect are simulated with the noise that each placement shows (Krishnamoorthy, Lu and Mathew
2007). Permuting runs would pass the noise of one placement on to all; flipping the signs of what
is left over cannot notice a single placement of three seeds that differs from the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Share of a placement's variance that is taken from all placements together: few seeds estimate
# their own variance badly. Chosen by simulation.
POOLED = 0.25
_LEAST = 1e-9  # degrees of freedom to divide by
_CHUNK = 1000  # simulated studies at a time, to bound memory


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

    def variances(self, residuals: np.ndarray, pooled: float = POOLED) -> np.ndarray:
        """Return the variance of a run of each placement, drawn a little to their mean.

        Parameters
        ----------
        residuals : ndarray (..., n, dimensions)
        pooled : float
            Share that is taken from all placements, 0 to 1.

        Returns
        -------
        ndarray (..., placements, dimensions)
        """
        squares = np.einsum("pn,...nd->...pd", self.members, residuals**2)
        own = squares / np.maximum(self._free, _LEAST)[:, None]
        mean = squares.sum(axis=-2, keepdims=True) / self.df
        share = self._pooled(pooled)[:, None]
        variances: np.ndarray = (1 - share) * own + share * mean
        return variances

    def simulated(
        self, values: np.ndarray, n_studies: int, seed: int, pooled: float = POOLED
    ) -> Iterator[np.ndarray]:
        """Yield normal noise of runs with the covariance that each placement shows, in chunks.

        Parameters
        ----------
        values : ndarray (n, dimensions)
        n_studies, seed : int
        pooled : float
            Share of a placement's covariance that is taken from all placements.

        Yields
        ------
        ndarray (studies, n, dimensions)
        """
        residuals = self.residuals @ values
        products = np.einsum("pn,nd,ne->pde", self.members, residuals, residuals)
        own = products / np.maximum(self._free, _LEAST)[:, None, None]
        share = self._pooled(pooled)[:, None, None]
        size, directions = np.linalg.eigh((1 - share) * own + share * products.sum(0) / self.df)
        roots = directions * np.sqrt(np.maximum(size, 0))[:, None]
        of_runs = np.einsum("pn,pde->ned", self.members, roots)
        rng = np.random.default_rng(seed)
        for start in range(0, n_studies, _CHUNK):
            shape = (len(values), min(_CHUNK, n_studies - start), values.shape[1])
            yield np.swapaxes(rng.standard_normal(shape) @ of_runs, 0, 1)

    @property
    def _free(self) -> np.ndarray:
        """Share of the degrees of freedom of the residuals that belongs to each placement."""
        return self.members @ np.diag(self.residuals)

    def _pooled(self, share: float) -> np.ndarray:
        # A placement with a single run tells nothing about its own variance.
        return np.where(self.counts > 1, share, 1.0)


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
