"""Two correlations that share a variable: of x and of y with the same z.

The correlations are dependent (same units) and overlapping (same outcome z), so neither can
be treated as if it came from an independent sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alignkit.errors import UsageError
from alignkit.statistics.intervals import fisher_interval
from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.requirements import MIN_UNITS, MIN_UNITS_INTERVAL, is_constant


@dataclass(frozen=True)
class OverlappingComparison:
    """Two correlations with one outcome.

    Attributes
    ----------
    n : int
        Number of units.
    r_first, r_second, r_between : float or None
        Correlation of each variable with the outcome, and of the two with each other.
    difference, low, high : float or None
        First minus second, and its 95 % interval (Zou 2007).
    t, p : float or None
        Williams's test of equal correlations, with their signs.
    stronger_by : float or None
        |first| minus |second|.
    t_stronger, p_stronger : float or None
        Test of equal strength whatever the signs: the first is stronger only if it differs from
        the second and from its opposite, so the weaker of the two Williams tests counts. t is
        positive where the first is stronger.
    reason : str
        Why there is no test; empty where there is one.
    """

    n: int
    r_first: float | None = None
    r_second: float | None = None
    r_between: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    t: float | None = None
    p: float | None = None
    stronger_by: float | None = None
    t_stronger: float | None = None
    p_stronger: float | None = None
    reason: str = ""


def compare_overlapping(
    first: np.ndarray, second: np.ndarray, outcome: np.ndarray
) -> OverlappingComparison:
    """Compare the correlations of two variables with one outcome, over at least six units.

    Parameters
    ----------
    first, second, outcome : ndarray (n,)

    Returns
    -------
    OverlappingComparison
    """
    n = len(outcome)
    if n < MIN_UNITS:
        return OverlappingComparison(
            n, reason=f"{n} placement(s) with alignment and score, {MIN_UNITS} are needed"
        )
    for name, values in (("alignment", first), ("alignment", second), ("the score", outcome)):
        if is_constant(values):
            return OverlappingComparison(n, reason=f"{name} is constant over placements")
    r = np.corrcoef([first, second, outcome])
    r_first, r_second, r_between = float(r[0, 2]), float(r[1, 2]), float(r[0, 1])
    estimates = (n, r_first, r_second, r_between, r_first - r_second)
    try:
        t, p = williams_test(r_first, r_second, r_between, n)
        low, high = zou_interval(r_first, r_second, r_between, n)
    except UsageError as error:
        return OverlappingComparison(*estimates, reason=str(error))
    t_stronger, p_stronger = strength_test(r_first, r_second, r_between, n)
    stronger_by = abs(r_first) - abs(r_second)
    return OverlappingComparison(*estimates, low, high, t, p, stronger_by, t_stronger, p_stronger)


def strength_test(r_xz: float, r_yz: float, r_xy: float, n: int) -> tuple[float, float]:
    """Test whether x and y correlate equally strongly with z, whatever the signs.

    ``|r_xz| = |r_yz|`` where the correlations are equal or opposite. Each is tested by Williams's
    test, the latter with y turned round, and both must be rejected, so the larger p counts.

    Parameters
    ----------
    r_xz, r_yz, r_xy : float
        See ``williams_test``.
    n : int
        Number of units; at least 4.

    Returns
    -------
    (t, p)
        t is positive where r_xz is the stronger; p is two-sided.

    Raises
    ------
    UsageError
        As ``williams_test``.
    """
    same, p_same = williams_test(r_xz, r_yz, r_xy, n)
    turned, p_turned = williams_test(r_xz, -r_yz, -r_xy, n)
    sign = math.copysign(1.0, abs(r_xz) - abs(r_yz))
    return sign * min(abs(same), abs(turned)), max(p_same, p_turned)


def williams_null(
    first: np.ndarray, second: np.ndarray, outcome: np.ndarray, permutations: UnitPermutations
) -> np.ndarray:
    """Return the size of Williams's t with the outcome permuted over units, ``(m,)``.

    It serves to correct tests on the same units jointly, as it keeps their dependence.

    Parameters
    ----------
    first, second, outcome : ndarray (n,)
        None of them constant.
    permutations : UnitPermutations
        Of these units.
    """
    n, r_between = len(outcome), float(np.corrcoef(first, second)[0, 1])
    r_first, r_second = (permutations.null(x, outcome) for x in (first, second))
    if r_between >= 1:
        return np.zeros(len(permutations))
    area = 1 - r_between**2 - r_first**2 - r_second**2 + 2 * r_between * r_first * r_second
    mean = (r_first + r_second) / 2
    variance = 2 * (n - 1) / (n - 3) * np.maximum(area, 0) + mean**2 * (1 - r_between) ** 3
    t = np.abs(r_first - r_second) * np.sqrt((n - 1) * (1 + r_between))
    size: np.ndarray = t / np.sqrt(np.maximum(variance, 1e-300))
    return size


def williams_test(r_xz: float, r_yz: float, r_xy: float, n: int) -> tuple[float, float]:
    """Test whether x and y correlate equally with z (Williams 1959; Steiger 1980, T2).

    Parameters
    ----------
    r_xz, r_yz : float
        The correlations to compare.
    r_xy : float
        The correlation of x with y.
    n : int
        Number of units; at least 4.

    Returns
    -------
    (t, p)
        t has n - 3 degrees of freedom and is positive when r_xz is the larger; p is
        two-sided. Where x and y are the same variable, t is 0 and p is 1.

    Raises
    ------
    UsageError
        If there are fewer than four units, or no data can have the three correlations.
    """
    from scipy.stats import t as student

    _check(r_xz, r_yz, r_xy, n)
    difference = r_xz - r_yz
    mean = (r_xz + r_yz) / 2
    area = max(0.0, determinant(r_xy, r_xz, r_yz))
    variance = 2 * (n - 1) / (n - 3) * area + mean**2 * (1 - r_xy) ** 3
    if difference == 0 or r_xy >= 1:
        return 0.0, 1.0
    if variance <= 0:
        return math.copysign(math.inf, difference), 0.0
    t = difference * math.sqrt((n - 1) * (1 + r_xy) / variance)
    return t, float(2 * student.sf(abs(t), n - 3))


def zou_interval(
    r_xz: float, r_yz: float, r_xy: float, n: int, level: float = 0.95
) -> tuple[float, float]:
    """Return the confidence interval of r_xz - r_yz (Zou 2007, dependent and overlapping).

    Parameters
    ----------
    r_xz, r_yz : float
        The correlations to compare.
    r_xy : float
        The correlation of x with y.
    n : int
        Number of units; at least 4.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    (low, high)
        Both 0 where x and y are the same variable.

    Raises
    ------
    UsageError
        If there are fewer than four units, no data can have the three correlations, or the
        level is not between 0 and 1.
    """
    _check(r_xz, r_yz, r_xy, n)
    if r_xy >= 1:
        return 0.0, 0.0
    (low_x, high_x), (low_y, high_y) = (fisher_interval(r, n, level) for r in (r_xz, r_yz))
    covariation = _correlation_of_estimates(r_xz, r_yz, r_xy)
    difference = r_xz - r_yz
    down = _combined_distance(r_xz - low_x, high_y - r_yz, covariation)
    up = _combined_distance(high_x - r_xz, r_yz - low_y, covariation)
    return difference - down, difference + up


def determinant(r_xy: float, r_xz: float, r_yz: float) -> float:
    """Return the determinant of the correlation matrix of three variables.

    Below 0 (beyond rounding), no data can have these correlations.
    """
    return 1 - r_xy**2 - r_xz**2 - r_yz**2 + 2 * r_xy * r_xz * r_yz


def _correlation_of_estimates(r_xz: float, r_yz: float, r_xy: float) -> float:
    """Return the asymptotic correlation between the two estimates (Pearson and Filon 1898)."""
    scale = (1 - r_xz**2) * (1 - r_yz**2)
    if scale <= 0:
        return 0.0
    rest = 1 - r_xz**2 - r_yz**2 - r_xy**2
    return ((r_xy - r_xz * r_yz / 2) * rest + r_xy**3) / scale


def _combined_distance(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(0.0, first**2 + second**2 - 2 * correlation * first * second))


def _check(r_xz: float, r_yz: float, r_xy: float, n: int) -> None:
    if n < MIN_UNITS_INTERVAL:
        raise UsageError(
            f"{n} unit(s); comparing two correlations needs at least {MIN_UNITS_INTERVAL}"
        )
    if not all(-1 <= r <= 1 for r in (r_xz, r_yz, r_xy)):
        raise UsageError(f"correlations {r_xz}, {r_yz}, {r_xy}; each must be between -1 and 1")
    if determinant(r_xy, r_xz, r_yz) < -1e-9:
        raise UsageError(
            f"no data have the correlations {r_xz:+.3f} and {r_yz:+.3f} with the outcome and "
            f"{r_xy:+.3f} with each other"
        )
