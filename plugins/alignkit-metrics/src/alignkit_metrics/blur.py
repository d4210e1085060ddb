"""What rounding of the stored values leaves of distances that are all equal."""

from __future__ import annotations

import torch
from torch import Tensor

from alignkit import Representation
from alignkit.metrics.rounding import SLACK, Blur, turned


def blur_of_points(x: Representation, points: Tensor, sizes: Tensor, turns: bool) -> Blur:
    """Return how rounding blurs squared distances between points that were computed from x.

    Parameters
    ----------
    x : Representation
    points : Tensor (n, width)
    sizes : Tensor (width,)
        Mean squares of the values of x, on the scale of the points.
    turns : bool
        Whether the points were scaled to length one.
    """
    rounded = sizes.masked_fill(x.columns.constant, 0.0)
    if turns:
        rounded = turned(rounded, points.square().mean(dim=0))
    return Blur.of(rounded, points.var(dim=0, correction=0), x.precision)


def blur_of_distances(x: Representation) -> Blur:
    """Return how rounding blurs squared distances between rows of ``normalized``."""

    def make() -> Blur:
        squares = torch.zeros_like(x.mean)
        for rows in x.slices():
            squares += x.exact_normalized(rows).square().sum(dim=0)
        spread = squares / x.n
        sizes = spread + (x.mean / x.norm).square()
        return Blur.of(sizes.masked_fill(x.columns.constant, 0.0), spread, x.precision)

    return x.view("blur of distances", make, "same")


def blur_of_directions(x: Representation) -> tuple[Blur, float]:
    """Return how rounding blurs squared distances between rows of ``unit_rows``, and their mean."""

    def make() -> tuple[Blur, float]:
        points = x.unit_rows.double()
        blur = blur_of_points(x, points, points.square().mean(dim=0), turns=True)
        return blur, 2 * float(points.var(dim=0).sum())

    return x.view("blur of directions", make, "same")


def least_u_square(x: Representation, normed: bool = False) -> float:
    """Return the squared norm of a U-centred Gram matrix that rounding alone can give.

    It is that of ``normalized_gram``, with all distances equal; if ``normed``, that of
    ``unit_rows`` after centring and scaling.
    """
    blur, squared = blur_of_directions(x) if normed else (blur_of_distances(x), 2 / (x.n - 1))
    whole = squared * (x.n - 1) / 2  # the squared Frobenius norm of the points
    error = SLACK * blur.of_squared(squared) / 2 / whole
    return x.n * (x.n - 3) * error**2
