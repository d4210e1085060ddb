"""Is there an optimal alignment? Score against alignment with a quadratic term."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alignkit.statistics.permutation import orders

LEAST_UNITS = 6
TIE = 1e-9


@dataclass(frozen=True)
class Optimum:
    """A quadratic fit of score on alignment.

    Attributes
    ----------
    n : int
    curvature : float or None
        Coefficient of the squared standardised alignment, in standard deviations of the
        score; below 0 the score has a highest point.
    gain : float or None
        Share of variance that the quadratic term adds to the linear one.
    p : float or None
        Of the quadratic term, over permuted residuals of the linear fit.
    exact : bool
    at, low, high : float or None
        Where the curve turns, with its 95 % interval (Fieller 1954); no ends where the
        curve may as well be straight.
    kind : str
        ``highest`` or ``lowest``.
    within : bool or None
        Whether it lies in the range of alignment that was seen.
    reason : str
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


def optimum(x: np.ndarray, y: np.ndarray, drawn: int = 9999, seed: int = 0) -> Optimum:
    """Fit y on x and x squared; test the square, and find where the curve turns.

    Residuals of the linear fit are permuted over units (Freedman and Lane 1983) and the
    quadratic term is fitted again; the statistic is its share of the variance left.

    Parameters
    ----------
    x, y : ndarray (n,)
        Alignment and score of units.
    drawn, seed : int
        Where there are more than nine units.

    Returns
    -------
    Optimum
        ``coefficients`` are of 1, x and x squared in raw units.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    n = len(x)
    reason = _why_not(x, y)
    if reason:
        return Optimum(n, reason=reason)
    z, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    design = np.column_stack([np.ones(n), z, z**2])
    beta, covariance = _least_squares(design, v)
    order, exact = orders(n, drawn, np.random.default_rng(seed))
    p = _p_of_square(design, v, order, exact)
    turn, low, high = _turning_point(beta, covariance, n)
    at, low, high = (
        None if one is None else float(x.mean() + one * x.std()) for one in (turn, low, high)
    )
    return Optimum(
        n,
        float(beta[2]),
        float(_gain(design, v)),
        p,
        exact,
        at,
        low,
        high,
        "highest" if beta[2] < 0 else "lowest",
        None if at is None else bool(x.min() <= at <= x.max()),
        _in_raw_units(beta, x, y),
    )


def _why_not(x: np.ndarray, y: np.ndarray) -> str:
    if len(x) < LEAST_UNITS:
        return f"{len(x)} unit(s), at least {LEAST_UNITS} are needed"
    for name, values in (("alignment", x), ("the score", y)):
        if np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())):
            return f"{name} is constant"
    if len(np.unique(x)) < 4:
        return "alignment takes fewer than 4 values"
    return ""


def _least_squares(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residual = y - design @ beta
    variance = float(residual @ residual) / (len(y) - design.shape[1])
    return beta, variance * np.linalg.inv(design.T @ design)


def _p_of_square(design: np.ndarray, y: np.ndarray, order: np.ndarray, exact: bool) -> float:
    """Permute the residuals of the linear fit; the linear part stays."""
    linear, _ = np.linalg.qr(design[:, :2])
    square = design[:, 2] - linear @ (linear.T @ design[:, 2])
    square /= np.linalg.norm(square)
    residual = y - linear @ (linear.T @ y)
    permuted = residual[order]
    rest = permuted - (permuted @ linear) @ linear.T  # what a linear fit leaves of it
    share = np.abs(rest @ square) / np.maximum(np.linalg.norm(rest, axis=1), 1e-300)
    observed = abs(residual @ square) / np.linalg.norm(residual)
    extreme = int((share >= observed * (1 - TIE)).sum())
    return extreme / len(order) if exact else (1 + extreme) / (1 + len(order))


def _gain(design: np.ndarray, y: np.ndarray) -> float:
    """R squared of the full fit less that of the linear one; y has variance 1."""
    fits = [design[:, :k] @ np.linalg.lstsq(design[:, :k], y, rcond=None)[0] for k in (2, 3)]
    return float((((y - fits[0]) ** 2).sum() - ((y - fits[1]) ** 2).sum()) / len(y))


def _turning_point(
    beta: np.ndarray, covariance: np.ndarray, n: int
) -> tuple[float | None, float | None, float | None]:
    """-b1 / (2 b2) with Fieller's interval; no interval where b2 may be zero."""
    from scipy.stats import t

    top, bottom = -beta[1], 2 * beta[2]
    if abs(bottom) < TIE:
        return None, None, None
    ratio = float(top / bottom)
    v_top, v_bottom, both = covariance[1, 1], 4 * covariance[2, 2], -2 * covariance[1, 2]
    quantile = t.ppf(0.975, n - 3) ** 2
    a = bottom**2 - quantile * v_bottom
    b = top * bottom - quantile * both
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
