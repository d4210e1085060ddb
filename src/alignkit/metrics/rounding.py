"""What rounding did to stored values: which columns are constant but for it, how distances err."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Single and double precision are computed in, so that values carry errors of several operations;
# shorter numbers are what is left of longer ones, rounded once to be stored.
OPERATIONS = 8
COMPUTED_IN = 1e-6
DOUBLE = float(np.finfo(np.float64).eps)
# Rounding errors spread at most this much more than evenly spread ones of the largest size.
SLACK = 1.25


class Precision(NamedTuple):
    """The numbers in which values are stored.

    Attributes
    ----------
    eps : float
        Their spacing around 1, at least that of float64, in which they are read.
    tiny : float
        The smallest that has all digits: below it, the spacing no longer shrinks.
    """

    eps: float
    tiny: float

    @classmethod
    def of(cls, kind: torch.dtype | np.dtype) -> Precision:
        """Return the precision of a type; that of float64 for integers."""
        info: torch.finfo | np.finfo
        if isinstance(kind, torch.dtype):
            if not kind.is_floating_point:
                return cls(DOUBLE, 0.0)
            info = torch.finfo(kind)
        elif kind.kind == "f":
            info = np.finfo(kind)
        else:
            return cls(DOUBLE, 0.0)
        return cls(max(float(info.eps), DOUBLE), float(info.tiny))

    @property
    def error(self) -> float:
        """The relative error of a value: half a spacing, or that of several operations."""
        return OPERATIONS * self.eps if self.eps < COMPUTED_IN else self.eps / 2

    def is_constant(self, lowest: Tensor, highest: Tensor, size: Tensor | None = None) -> Tensor:
        """Return whether columns between these values could be one value each, but for rounding.

        A value that was rounded once can only have become one of two neighbouring numbers.

        Parameters
        ----------
        lowest, highest : Tensor (width,)
        size : Tensor (width,), optional
            The magnitude of what was rounded; by default the middle of both.
        """
        middle = (lowest / 2 + highest / 2).abs() if size is None else size
        return highest - lowest <= 2 * self.error * middle.clamp(min=self.tiny)


class Columns(NamedTuple):
    """What is known about the columns of a matrix, all ``(width,)`` in float64 but the last two.

    Attributes
    ----------
    mean, lowest, highest : Tensor
    constant : Tensor (width,)
        Whether the column is constant but for rounding.
    noisy : Tensor (columns,)
        The indices of constant columns in which rounding left more than one value.
    """

    mean: Tensor
    lowest: Tensor
    highest: Tensor
    constant: Tensor
    noisy: Tensor

    @classmethod
    def of(cls, mean: Tensor, lowest: Tensor, highest: Tensor, precision: Precision) -> Columns:
        """Judge every column by its own values."""
        constant = precision.is_constant(lowest, highest)
        mean = torch.where(lowest == highest, lowest, mean)
        return cls(mean, lowest, highest, constant, (constant & (lowest < highest)).nonzero()[:, 0])

    @property
    def deviation(self) -> float:
        """The largest distance of a value from the mean of its column; 0 if all are constant."""
        largest = torch.maximum(self.highest - self.mean, self.mean - self.lowest)
        return float(largest[~self.constant].max()) if not bool(self.constant.all()) else 0.0


def turned(sizes: Tensor, shares: Tensor) -> Tensor:
    """Return what is left of rounding errors once rows are scaled to length one, ``(width,)``.

    A longer row does not differ from a shorter one of its direction, so that the error of a column
    that makes up most of the length is lost with the length.

    Parameters
    ----------
    sizes : Tensor (width,)
        Mean squares of the values that are rounded, in rows of length one.
    shares : Tensor (width,)
        Mean squares of all values in rows of length one; they sum to 1.
    """
    return sizes * (1 - 2 * shares) + shares * (shares @ sizes)


class Blur(NamedTuple):
    """How rounding blurs squared distances between points.

    Attributes
    ----------
    along : float
        Variance of the error of a difference of two points, in the direction of the difference.
    across : float
        Variance of the squared length of that error.
    """

    along: float
    across: float

    @classmethod
    def of(cls, sizes: Tensor, spread: Tensor, precision: Precision) -> Blur:
        """Return the blur of points whose columns have these mean squares and variances.

        Parameters
        ----------
        sizes : Tensor (width,)
            Mean squares of what is rounded, on the scale of the points.
        spread : Tensor (width,)
            Variances of the columns, by which they count.
        """
        errors = sizes.clamp(min=0) * (2 * precision.error**2 / 3)  # of two values, evenly spread
        whole = float(spread.sum())
        along = float(spread @ errors) / whole if whole else 0.0
        return cls(along, 2 * float(errors @ errors))

    @classmethod
    def most(cls, size: float, precision: Precision) -> Blur:
        """Return a bound of the blur, for rows whose rounded values have this mean square length.

        It takes no pass over the values, and shows in nearly all cases that rounding is not all.
        """
        error = size * (2 * precision.error**2 / 3)
        return cls(error, 2 * error**2)

    def of_squared(self, squared: float) -> float:
        """Return the standard deviation of the error of a squared distance of this size."""
        return float((4 * squared * self.along + self.across) ** 0.5)
