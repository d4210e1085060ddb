"""Metrics of nearest neighbours."""

from __future__ import annotations

from alignkit import Representation


def mknn(x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine") -> float:
    """Mutual k nearest neighbours.

    Mean over samples of the share of its k nearest that both representations have in
    common (Huh et al. 2024). A sample is no neighbour of itself; ties go to the lowest
    index. In [0, 1], up is more aligned; chance is k / (n - 1).

    Parameters
    ----------
    k : int
        Neighbours, from 1 to n - 1.
    distance : str
        ``cosine`` or ``euclidean``.

    Raises
    ------
    alignkit.UsageError
        When k is not from 1 to n - 1.
    alignkit.UndefinedError
        When a row is zero and the distance is ``cosine``.
    """
    shared = x.neighbour_mask(k, distance).gather(1, y.neighbours(k, distance))
    return float(shared.sum()) / (x.n * k)


def mknn_chance(
    x: Representation, y: Representation, *, k: int = 10, distance: str = "cosine"
) -> float:
    """Mean of ``mknn`` over all permutations of rows: k / (n - 1)."""
    return k / (x.n - 1)
