"""How many dimensions a representation has: its spectrum, and the TwoNN estimate."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alignkit.errors import UndefinedError
from alignkit.metrics.representation import Representation

# The share of samples, those with the largest ratios, that TwoNN leaves out (Facco et al. 2017).
DISCARDED = 0.1
# Fewer distinct samples give no estimate that means anything.
LEAST_DISTINCT = 10


def variance_shares(x: Representation) -> np.ndarray:
    """Return the share of the variance along each principal component, largest first.

    Parameters
    ----------
    x : Representation (n, width)

    Returns
    -------
    ndarray (rank,)
        Eigenvalues of the covariance over their sum, in float64; all positive, sum 1. The rank
        is at most n - 1 and at most the width.

    Raises
    ------
    UndefinedError
        When all samples are the same.
    UsageError
        When a value is not finite.
    """
    if x.n > x.width:
        products = x.cross(x, torch.float64)
    else:
        rows = x.exact_normalized(slice(None))
        products = rows @ rows.T
    values = torch.linalg.eigvalsh(products).flip(0)
    noise = max(x.rank_tolerance**2, len(values) * torch.finfo(values.dtype).eps)
    kept = values[values > noise * values[0]]
    shares: np.ndarray = (kept / kept.sum()).cpu().numpy()
    return shares


def components(shares: np.ndarray, of_variance: float) -> int:
    """Return the least number of principal components that have a share of the variance.

    Parameters
    ----------
    shares : ndarray (rank,)
        From ``variance_shares``.
    of_variance : float
        Above 0 and below 1.
    """
    reached = np.cumsum(shares) >= of_variance - 1e-12  # a sum that rounding leaves below it
    return int(np.argmax(reached)) + 1


def participation_ratio(shares: np.ndarray) -> float:
    """Return the squared sum of the eigenvalues over the sum of their squares.

    The number of components if all had the same variance; from 1 to the rank.

    Parameters
    ----------
    shares : ndarray (rank,)
        From ``variance_shares``.
    """
    return float(shares.sum() ** 2 / (shares**2).sum())


def twonn(x: Representation) -> float:
    """Return the intrinsic dimension by the two nearest neighbours (Facco et al. 2017).

    Where samples lie on a manifold of dimension d with a density that is locally even, the
    distance to the second neighbour over that to the first has the distribution 1 - r^-d. The
    tenth of the samples with the largest ratios is left out, and -log(1 - i / n) of the i-th
    ratio is fitted to its logarithm by a line through the origin, whose slope is d. Samples
    that coincide, but for rounding, count once.

    Parameters
    ----------
    x : Representation (n, width)

    Raises
    ------
    UndefinedError
        When fewer than ten samples are distinct, or both neighbours of all are equally far.
    UsageError
        When a value is not finite.
    """
    first, second = distinct_neighbours(x)
    n = len(first)
    kept = int(n * (1 - DISCARDED))
    ratios = np.log(np.sort(second / first)[:kept])
    if not ratios.any():
        raise UndefinedError(f"{x.label}: both nearest neighbours of every sample are equally far")
    heights = -np.log1p(-np.arange(1, kept + 1) / n)
    return float(ratios @ heights / (ratios @ ratios))


def distinct_neighbours(x: Representation) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances to the two nearest neighbours, of samples that do not coincide.

    Parameters
    ----------
    x : Representation (n, width)

    Returns
    -------
    ndarray (m,), ndarray (m,)
        Euclidean distances to the first and the second neighbour, in float64; m is the number
        of distinct samples.

    Raises
    ------
    UndefinedError
        When fewer than ten samples are distinct.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    while True:
        if x.n < LEAST_DISTINCT:
            raise UndefinedError(
                f"{x.label}: {x.n} distinct samples, and TwoNN needs at least {LEAST_DISTINCT}"
            )
        nearest = x.neighbours(2, "euclidean")
        distances, lengths = _distances(x, nearest)
        coincide = distances <= 2**0.5 * x.precision.error * lengths[:, None]
        if not coincide.any():
            return distances[:, 0], distances[:, 1]
        rows, places = np.nonzero(coincide)
        ends = nearest.cpu().numpy()[rows, places]
        graph = coo_array((np.ones(len(rows)), (rows, ends)), shape=(x.n, x.n))
        _, labels = connected_components(graph, directed=False)
        x = x[np.sort(np.unique(labels, return_index=True)[1])]


def _distances(x: Representation, nearest: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return distances to neighbours ``(n, k)`` and the lengths of rows ``(n,)``, in float64."""
    distances, lengths = [], []
    for rows, block in x.blocks():
        others = [x.rows(column) for column in nearest[rows].T]
        distances.append(torch.stack([(block - o).norm(dim=1) for o in others], dim=1))
        lengths.append(block.norm(dim=1))
    return torch.cat(distances).cpu().numpy(), torch.cat(lengths).cpu().numpy()
