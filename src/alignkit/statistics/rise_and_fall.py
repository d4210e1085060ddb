"""Whether a score rises up to a point and falls after it, or only flattens on one side.

A parabola that is fitted to a curve which only flattens has a turning point as well, often with a
narrow interval. What tells the two apart is what no monotone curve can imitate: the difference
between a parabola around the point and the decreasing curve nearest to it (it rises, then falls),
and the same for the nearest increasing curve. Scores go with each of these differences if they
rise before the point and fall after it. With scores of any decreasing curve, the first has an
expectation of 0 or less; with those of any increasing curve, the second has.
"""

from __future__ import annotations

import numpy as np

# The one-sided p that each side must have. Noise moves the fitted point towards the side that it
# bends, so the point is drawn to the middle of the range by this share. Both are chosen by
# simulation: of curves that flatten, wherever they flatten, at most 8 % pass.
SIDE_P, DRAWN = 0.07, 0.2


def rises_and_falls(x: np.ndarray, y: np.ndarray, point: float, variance: float, free: int) -> bool:
    r"""Return whether y rises before a point and falls after it.

    Of the rules that let at most 8 % of all monotone curves pass, this one notices the most
    optima away from the middle of the range: more than a line on each side of the point or of
    another break (Simonsohn 2018), the slopes at both ends of the range (Lind and Mehlum 2010),
    or the best of all breaks; see ``benchmarks/calibration.md``.

    Parameters
    ----------
    x, y : ndarray (n,)
    point : float
        In units of x, as fitted; beyond the range of x, its end counts.
    variance : float
        Of the noise of y, from the residuals of the fitted parabola.
    free : int
        Their degrees of freedom.

    Returns
    -------
    bool
        Whether both sides have one-sided p below ``SIDE_P``; False where a side has no units.
    """
    from scipy.special import stdtr

    low, high = float(x.min()), float(x.max())
    point = min(max(point, low), high)
    point += DRAWN * ((low + high) / 2 - point)
    for sign in (1, -1):
        contrast = beyond_decreasing(sign * x, sign * point)
        t = float(contrast @ y) / np.sqrt(max(variance, 1e-300))
        if not contrast.any() or stdtr(free, -t) >= SIDE_P:
            return False
    return True


def beyond_decreasing(x: np.ndarray, point: float) -> np.ndarray:
    """Return the difference of a parabola and the decreasing curve nearest to it, of length 1.

    The parabola has its maximum at a point. The nearest decreasing curve is level up to where the
    mean of the parabola, from the left, is largest, and the parabola itself from there on.

    Parameters
    ----------
    x : ndarray (n,)
        Any order.
    point : float

    Returns
    -------
    ndarray (n,)
        With sum 0; zeros where the parabola does not rise, because no x lies before the point.
    """
    order = np.argsort(x)
    parabola = -((x[order] - point) ** 2)
    means = np.cumsum(parabola) / np.arange(1, len(x) + 1)
    top = int(means.argmax())
    contrast = np.zeros(len(x))
    contrast[order[: top + 1]] = parabola[: top + 1] - means[top]
    length = float(np.sqrt(contrast @ contrast))
    return contrast / length if length > 1e-9 * np.ptp(x) ** 2 else np.zeros(len(x))
