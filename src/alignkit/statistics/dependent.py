"""Two correlations with one outcome, over the same units: which of two metrics goes with it more?

The correlations are dependent (same units) and overlapping (same outcome z), so that
neither can be treated as if it came from another sample.
"""

from __future__ import annotations

import math

from alignkit.errors import UsageError

LEAST_UNITS = 4


def determinant(r_xy: float, r_xz: float, r_yz: float) -> float:
    """Determinant of the correlation matrix of three variables; below zero it is impossible."""
    return 1 - r_xy**2 - r_xz**2 - r_yz**2 + 2 * r_xy * r_xz * r_yz


def williams(r_xz: float, r_yz: float, r_xy: float, n: int) -> tuple[float, float]:
    """Test whether x and y correlate equally with z (Williams 1959; Steiger 1980, T2).

    Parameters
    ----------
    r_xz, r_yz : float
        The correlations that are compared.
    r_xy : float
        The correlation of x with y.
    n : int
        Units; at least 4.

    Returns
    -------
    (t, p)
        t has n - 3 degrees of freedom and is positive when r_xz is the larger; p is
        two-sided. Where x and y are the same variable, t is 0 and p is 1.

    Raises
    ------
    UsageError
        For fewer than four units, or three correlations that no data can have.
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


def zou(r_xz: float, r_yz: float, r_xy: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of r_xz - r_yz (Zou 2007, dependent and overlapping).

    Parameters
    ----------
    r_xz, r_yz, r_xy : float
    n : int
        Units; at least 4.
    level : float
        Confidence, between 0 and 1.

    Returns
    -------
    (low, high)
        Both 0 where x and y are the same variable.

    Raises
    ------
    UsageError
        For fewer than four units, three correlations that no data can have, or such a level.
    """
    _check(r_xz, r_yz, r_xy, n)
    if r_xy >= 1:
        return 0.0, 0.0
    (low_x, high_x), (low_y, high_y) = (fisher_interval(r, n, level) for r in (r_xz, r_yz))
    shared = _correlation_of_correlations(r_xz, r_yz, r_xy)
    difference = r_xz - r_yz
    down = _combined(r_xz - low_x, high_y - r_yz, shared)
    up = _combined(high_x - r_xz, r_yz - low_y, shared)
    return difference - down, difference + up


def fisher_interval(r: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a Pearson correlation by Fisher's z; n is at least 4."""
    from scipy.stats import norm

    if not 0 < level < 1:
        raise UsageError(f"the level of an interval is {level}; it must be between 0 and 1")
    if n < LEAST_UNITS:
        raise UsageError(f"{n} unit(s); an interval of a correlation needs {LEAST_UNITS}")
    if abs(r) >= 1:
        return r, r
    z, half = math.atanh(r), norm.ppf((1 + level) / 2) / math.sqrt(n - 3)
    return math.tanh(z - half), math.tanh(z + half)


def _correlation_of_correlations(r_xz: float, r_yz: float, r_xy: float) -> float:
    """Asymptotic correlation between the two estimates (Pearson and Filon 1898)."""
    spread = (1 - r_xz**2) * (1 - r_yz**2)
    if spread <= 0:
        return 0.0
    rest = 1 - r_xz**2 - r_yz**2 - r_xy**2
    return ((r_xy - r_xz * r_yz / 2) * rest + r_xy**3) / spread


def _combined(one: float, other: float, shared: float) -> float:
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * shared * one * other))


def _check(r_xz: float, r_yz: float, r_xy: float, n: int) -> None:
    if n < LEAST_UNITS:
        raise UsageError(f"{n} unit(s); comparing two correlations needs at least {LEAST_UNITS}")
    if not all(-1 <= r <= 1 for r in (r_xz, r_yz, r_xy)):
        raise UsageError(f"correlations {r_xz}, {r_yz}, {r_xy}; each must be between -1 and 1")
    if determinant(r_xy, r_xz, r_yz) < -1e-9:
        raise UsageError(
            f"no data have the correlations {r_xz:+.3f} and {r_yz:+.3f} with the outcome and "
            f"{r_xy:+.3f} with each other"
        )
