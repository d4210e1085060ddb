"""Whether a score rises up to a point and falls after it: one line on each side.

A parabola that is fitted to a curve which only flattens has a turning point as well, often with a
narrow interval. Two lines (after Simonsohn 2018) do not take the curve for a parabola.
"""

from __future__ import annotations

import numpy as np

# A line is fitted to the units on its side of the point, but to no fewer than these, so that a
# point close to an end of the range is judged as well. Each side must have its slope by this
# one-sided p. Chosen by simulation: curves that flatten pass in at most 8 % of studies, wherever
# they flatten; thresholds below miss more optima.
LEAST_UNITS, LEAST_SHARE = 4, 0.4
SIDE_P = 0.12


def rises_and_falls(x: np.ndarray, y: np.ndarray, point: float) -> bool:
    """Return whether y rises before a point and falls after it.

    The two lines share one variance: each alone has too few units to estimate it.

    Parameters
    ----------
    x, y : ndarray (n,)
        At least 6 units.
    point : float
        In units of x.

    Returns
    -------
    bool
        Whether both slopes have one-sided p below ``SIDE_P``; False where one cannot be fitted.
    """
    from scipy.special import stdtr

    sides = [(x[side], y[side]) for side in _sides(x, point)]
    if any(np.ptp(values) == 0 for values, _ in sides):
        return False
    lines = [_line(*side) for side in sides]
    free = sum(len(values) for values, _ in sides) - 4
    variance = sum(rest for _, _, rest in lines) / free
    for (slope, spread, _), sign in zip(lines, (1, -1), strict=True):
        error = np.sqrt(max(variance / spread, 1e-300))
        if stdtr(len(x) - 4, -sign * slope / error) >= SIDE_P:
            return False
    return True


def _sides(x: np.ndarray, point: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which units belong to the line before a point and to that after it."""
    n, ordered = len(x), np.sort(x)
    least = max(LEAST_UNITS, int(np.ceil(LEAST_SHARE * n)))
    before = max(int((x <= point).sum()), least)
    after = max(int((x > point).sum()), least)
    return x <= ordered[before - 1], x >= ordered[n - after]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the slope of a line, the spread of x and the squared residuals, both summed."""
    dx, dy = x - x.mean(), y - y.mean()
    spread = float(dx @ dx)
    slope = float(dx @ dy) / spread
    return slope, spread, float(((dy - slope * dx) ** 2).sum())
