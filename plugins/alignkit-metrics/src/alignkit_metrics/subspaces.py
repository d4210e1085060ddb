"""Metrics of the subspaces that representations span."""

from __future__ import annotations

import torch
from torch import Tensor

import alignkit
from alignkit import Representation


def svcca(
    x: Representation, y: Representation, *, threshold: float = 0.99, dims: int | None = None
) -> float:
    """Singular vector canonical correlation.

    Mean canonical correlation of the principal subspaces of both (Raghu et al. 2017), by an
    exact SVD. In [0, 1], up is more aligned; unrelated subspaces of many dimensions are far
    above 0.

    Parameters
    ----------
    threshold : float
        Share of the variance that the principal components of each side keep.
    dims : int, optional
        Keep so many components instead; all there are, if there are fewer.

    Raises
    ------
    alignkit.UsageError
        When threshold is not in (0, 1], or dims is not from 1.
    alignkit.UndefinedError
        When a representation is constant.
    """
    one, other = (_principal(side, threshold, dims) for side in (x, y))
    return float(torch.linalg.svdvals(one.T @ other).mean())


def _principal(x: Representation, threshold: float, dims: int | None) -> Tensor:
    """Left singular vectors of the components that are kept, ``(n, components)``."""
    vectors, values = x.singular
    if dims is not None:
        if dims < 1:
            raise alignkit.UsageError(f"svcca: dims={dims} must be at least 1")
        return vectors[:, :dims]
    if not 0 < threshold <= 1:
        raise alignkit.UsageError(f"svcca: threshold={threshold} must be above 0 and at most 1")
    share = (values.square() / values.square().sum()).cumsum(0)
    # The first count whose share reaches the threshold; rounding must not add components.
    kept = int((share < threshold - 1e-12).sum()) + 1
    return vectors[:, :kept]
