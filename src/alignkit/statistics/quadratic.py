"""Quadratic regression of score on alignment, for an optimal alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import unit_permutations
from alignkit.statistics.requirements import MIN_UNITS, is_constant

TIE = 1e-9


@dataclass(frozen=True)
class Optimum:
    """A quadratic fit of score on alignment.

    Attributes
    ----------
    n : int
        Number of units.
    curvature : float or None
        Coefficient of the squared standardised alignment, in standard deviations of the
        score; negative where the score has a maximum.
    gain : float or None
        Share of variance that the quadratic term explains beyond the linear one, 0 to 1.
    p : float or None
        p-value of the quadratic term, over permuted residuals of the linear fit.
    exact : bool
        Whether every permutation was counted.
    at, low, high : float or None
        Alignment at the turning point, with its 95 % interval (Fieller 1954); without ends
        where a straight line fits as well.
    kind : str
        ``highest`` or ``lowest``: what the score is at the turning point.
    within : bool or None
        Whether the turning point lies within the observed range of alignment.
    coefficients : tuple of float
        Of 1, x and x squared, in raw units.
    reason : str
        Why there is no fit; empty where there is one.
    """

    n: int
    curvature: float | None = None
    gain: float | None = None
    p: float | None = None
    exact: bool = False
    at: float | None = None
    low: float | None = None
    high: float | None = None
    kind: str = ""
    within: bool | None = None
    coefficients: tuple[float, ...] = ()
    reason: str = ""


def quadratic_fit(
    x: np.ndarray, y: np.ndarray, n_permutations: int = 9999, seed: int = 0
) -> Optimum:
    """Fit y on x and x squared, test the quadratic term, and locate the turning point.

    Residuals of the linear fit are permuted over units (Freedman and Lane 1983) and the
    quadratic term is fitted again; the statistic is its share of the remaining variance.

    Parameters
    ----------
    x, y : ndarray (n,)
        Alignment and score of units.
    n_permutations, seed : int
        Size and seed of the sample of permutations where there are more than nine units.

    Returns
    -------
    Optimum
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    n = len(x)
    reason = _reason_for_no_fit(x, y)
    if reason:
        return Optimum(n, reason=reason)
    z, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    design = np.column_stack([np.ones(n), z, z**2])
    beta, covariance = _least_squares(design, v)
    permutations, exact = unit_permutations(n, n_permutations, np.random.default_rng(seed))
    p = _p_of_quadratic_term(design, v, permutations, exact)
    at, low, high = (
        None if point is None else float(x.mean() + point * x.std())
        for point in _turning_point(beta, covariance, n)
    )
    return Optimum(
        n,
        curvature=float(beta[2]),
        gain=float(_gain(design, v)),
        p=p,
        exact=exact,
        at=at,
        low=low,
        high=high,
        kind="highest" if beta[2] < 0 else "lowest",
        within=None if at is None else bool(x.min() <= at <= x.max()),
        coefficients=_in_raw_units(beta, x, y),
    )


def _reason_for_no_fit(x: np.ndarray, y: np.ndarray) -> str:
    if len(x) < MIN_UNITS:
        return f"{len(x)} unit(s), at least {MIN_UNITS} are needed"
    for name, values in (("alignment", x), ("the score", y)):
        if is_constant(values):
            return f"{name} is constant"
    if len(np.unique(x)) < 4:
        return "alignment takes fewer than 4 values"
    return ""


def _least_squares(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ beta
    variance = float(residual @ residual) / (len(y) - design.shape[1])
    return beta, variance * np.linalg.inv(design.T @ design)


def _p_of_quadratic_term(
    design: np.ndarray, y: np.ndarray, permutations: np.ndarray, exact: bool
) -> float:
    """Permute the residuals of the linear fit and leave its linear part in place."""
    linear, _ = np.linalg.qr(design[:, :2])
    square = design[:, 2] - linear @ (linear.T @ design[:, 2])
    square /= np.linalg.norm(square)
    residual = y - linear @ (linear.T @ y)
    permuted = residual[permutations]
    rest = permuted - (permuted @ linear) @ linear.T  # residuals of a linear fit
    share = np.abs(rest @ square) / np.maximum(np.linalg.norm(rest, axis=1), 1e-300)
    observed = abs(residual @ square) / np.linalg.norm(residual)
    extreme = int((share >= observed * (1 - TIE)).sum())
    return extreme / len(permutations) if exact else (1 + extreme) / (1 + len(permutations))


def _gain(design: np.ndarray, y: np.ndarray) -> float:
    """Return R squared of the full fit minus that of the linear one; y has variance 1."""
    fits = [design[:, :k] @ np.linalg.lstsq(design[:, :k], y, rcond=None)[0] for k in (2, 3)]
    return float((((y - fits[0]) ** 2).sum() - ((y - fits[1]) ** 2).sum()) / len(y))


def _turning_point(
    beta: np.ndarray, covariance: np.ndarray, n: int
) -> tuple[float | None, float | None, float | None]:
    """Return -b1 / (2 b2) with Fieller's interval; no interval where b2 may be zero."""
    from scipy.stats import t

    top, bottom = -beta[1], 2 * beta[2]
    if abs(bottom) < TIE:
        return None, None, None
    ratio = float(top / bottom)
    v_top, v_bottom, v_both = covariance[1, 1], 4 * covariance[2, 2], -2 * covariance[1, 2]
    quantile = t.ppf(0.975, n - 3) ** 2
    a = bottom**2 - quantile * v_bottom
    b = top * bottom - quantile * v_both
    c = top**2 - quantile * v_top
    inside = b * b - a * c
    if a <= 0 or inside < 0:
        return ratio, None, None
    half = float(np.sqrt(inside))
    return ratio, float((b - half) / a), float((b + half) / a)


def _in_raw_units(beta: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
    m, s = float(x.mean()), float(x.std())
    linear, square = float(beta[1]) / s, float(beta[2]) / s**2
    standard = (float(beta[0]) - linear * m + square * m * m, linear - 2 * square * m, square)
    scale = float(y.std())
    return (standard[0] * scale + float(y.mean()), standard[1] * scale, standard[2] * scale)
