"""What rounding of the stored values leaves of distances that are all equal."""

from __future__ import annotations

import torch
from torch import Tensor

from alignkit import Representation
from alignkit.metrics.rounding import SLACK, Blur


def blur_of_points(x: Representation, points: Tensor, sizes: Tensor) -> Blur:
    """Return how rounding blurs squared distances between points that were computed from x.

    Parameters
    ----------
    x : Representation
    points : Tensor (n, width)
    sizes : Tensor (width,)
        Mean squares of the values of x, on the scale of the points.
    """
    rounded = sizes.masked_fill(x.columns.constant, 0.0)
    return Blur.of(rounded, points.var(dim=0, correction=0), x.precision)


def sizes_of_directions(directions: Tensor, rows: Tensor | None = None) -> Tensor:
    """Return mean squares of what is rounded in rows that were scaled to length one, ``(width,)``.

    What rounding changes along a row is lost with its length: nearly everything, for a column that
    makes up most of it. So is what it changes along a mean that was subtracted from every row.

    Parameters
    ----------
    directions : Tensor (n, width)
        The scaled rows.
    rows : Tensor (n, width), optional
        They as they were before their means were subtracted, scaled alike; by default no mean was.
    """
    left = 1 - directions.square()
    if rows is None:
        return (directions.square() * left).mean(dim=0)
    return (rows.square() * (left - 1 / rows.shape[1]).clamp_(min=0)).mean(dim=0)


def blur_of_directions(x: Representation) -> tuple[Blur, float]:
    """Return how rounding blurs squared distances between rows of ``unit_rows``, and their mean."""

    def make() -> tuple[Blur, float]:
        points = x.unit_rows.double()
        blur = blur_of_points(x, points, sizes_of_directions(points))
        return blur, 2 * float(points.var(dim=0).sum())

    return x.view("blur of directions", make, "same")


def is_only_rounding(square: float, x: Representation, normed: bool = False) -> bool:
    """Return whether a U-centred Gram matrix with this squared norm may have equal distances.

    Parameters
    ----------
    square : float
        The squared Frobenius norm.
    x : Representation
    normed : bool
        Whether the matrix is that of ``unit_rows`` after centring and scaling, not that of
        ``normalized``.
    """
    if normed:
        blur, squared = blur_of_directions(x)
        return square <= _least(x, blur, squared)
    squared = 2 / (x.n - 1)  # the mean of squared distances
    means = (x.mean.masked_fill(x.columns.constant, 0.0) / x.norm).square()
    most = Blur.most(1 / x.n + float(means.sum()), x.precision)
    if square > _least(x, most, squared):
        return False
    spread = sum(x.exact_normalized(rows).square().sum(dim=0) for rows in x.slices()) / x.n
    sizes = (spread + means).masked_fill(x.columns.constant, 0.0)
    return square <= _least(x, Blur.of(sizes, torch.as_tensor(spread), x.precision), squared)


def _least(x: Representation, blur: Blur, squared: float) -> float:
    whole = squared * (x.n - 1) / 2  # the squared Frobenius norm of the points
    error = SLACK * blur.of_squared(squared) / 2 / whole
    return x.n * (x.n - 3) * error**2
