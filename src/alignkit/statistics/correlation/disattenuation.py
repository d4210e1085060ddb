"""Correlation of what placements are, without the noise of their seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.intervals import correlation_interval
from alignkit.statistics.requirements import MIN_UNITS_INTERVAL, is_constant
from alignkit.statistics.variance.decomposition import mean_squares


@dataclass(frozen=True)
class Disattenuated:
    """A correlation of means over seeds, divided by what noise of seeds lets it reach.

    Attributes
    ----------
    r : float
        An estimate of the correlation of the placements' expected values over seeds
        (Spearman 1904). It is never clipped: beyond 1 or -1 it is above the ceiling, which
        happens by chance where the correlation is strong or the reliability is poorly known.
    low, high : float
        Ends of the interval of the correlation of means, divided likewise.
    reliability_x, reliability_y : float
        Share of the variance of the means that is not noise of seeds, above 0 and up to 1.
    """

    r: float
    low: float
    high: float
    reliability_x: float
    reliability_y: float


def reliability_of_means(values: np.ndarray, units: np.ndarray) -> float | None:
    """Return the reliability of means over the runs of each unit, ICC(1, k).

    It is 1 - MSW / MSB of a one-way analysis of variance, k ICC / (1 + (k - 1) ICC).

    Parameters
    ----------
    values : ndarray (n,)
        One value per run.
    units : ndarray (n,)
        The unit of each run.

    Returns
    -------
    float or None
        At most 1; 0 or less where units differ no more than seeds do. None where no unit has
        two runs, or nothing varies.
    """
    squares = mean_squares(values, units)
    if squares is None or squares[0] <= 0:
        return None
    between, within = squares
    return 1 - within / between


def disattenuated(x: np.ndarray, y: np.ndarray, units: np.ndarray) -> Disattenuated | None:
    """Correct a correlation over units for the noise of their runs' seeds.

    Its interval takes the reliabilities as known: in simulated studies of 8 to 30 units with 2
    or 3 seeds and an ICC of 0.5 or 0.8 it covers 0.94 to 0.98, where a bootstrap over units
    covers 0.78 to 0.94 and is often without end.

    Parameters
    ----------
    x, y : ndarray (n,)
        Alignment and score of each run.
    units : ndarray (n,)
        The unit of each run; at least four of them, some with two runs or more.

    Returns
    -------
    Disattenuated or None
        None where a reliability is unknown or not above 0, or a variable is constant.
    """
    index, counts = np.unique(units, return_inverse=True, return_counts=True)[1:]
    if len(counts) < MIN_UNITS_INTERVAL:
        return None
    reliabilities = [reliability_of_means(values, units) for values in (x, y)]
    means = [np.bincount(index, values) / counts for values in (x, y)]
    known = [share for share in reliabilities if share is not None and share > 0]
    if len(known) < 2 or any(map(is_constant, means)):
        return None
    ceiling = math.sqrt(known[0] * known[1])
    r = float(np.corrcoef(means[0], means[1])[0, 1])
    low, high = correlation_interval(means[0], means[1])
    return Disattenuated(r / ceiling, low / ceiling, high / ceiling, known[0], known[1])
