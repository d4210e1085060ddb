"""Does a correlation survive what real studies bring: outliers, unequal variances, curves?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from alignkit.statistics.quadratic import least_squares, quadratic_design

# Chosen by simulation (benchmarks/simulations/robust.py) among pairs of thresholds that keep
# verdicts without an association at 6 % (y = x^2: 8 %), for the most power. They may lie above
# 0.05, because the plain corrected p must be below it as well.
STUDENTISED_LEVEL = 0.125
RANK_LEVEL = 0.1
TURN_LEVEL = 0.05

Weakness = Literal["studentised", "ranks", "turns"]


def weaknesses(row: Mapping[str, Any]) -> list[Weakness]:
    """Return which robust tests do not confirm a correlation.

    Parameters
    ----------
    row : mapping
        A row of the table of correlations: ``p_studentised``, ``p_spearman_adjusted`` and
        ``p_turn``.

    Returns
    -------
    list of str
        ``studentised``: its p (DiCiccio and Romano 2017) is not below 0.125; ``ranks``: the
        corrected p of Spearman's correlation is not below 0.1; ``turns``: the relation rises
        and falls within the range of alignment, see ``turning_p``.
    """
    weak: list[Weakness] = []
    if row["p_studentised"] >= STUDENTISED_LEVEL:
        weak.append("studentised")
    if row["p_spearman_adjusted"] >= RANK_LEVEL:
        weak.append("ranks")
    if row["p_turn"] is not None and row["p_turn"] < TURN_LEVEL:
        weak.append("turns")
    return weak


def turning_p(x: np.ndarray, y: np.ndarray, controls: int = 0) -> float | None:
    """Return the p of a quadratic term, where the parabola turns within the range of x.

    A straight line through a parabola can have any slope, depending on which x were observed.
    This is a check of the line, not a test for an optimum: it uses Student's t, which errs
    towards finding a turn.

    Parameters
    ----------
    x, y : ndarray (n,)
        Neither constant.
    controls : int
        Number of variables that were controlled for in x and y.

    Returns
    -------
    float or None
        1 where the parabola does not turn within the range; None where none can be fitted.
    """
    from scipy.stats import t as student

    free = len(x) - 3 - controls
    if free < 2 or len(np.unique(x)) < 4:
        return None
    z = (x - x.mean()) / x.std()
    beta, covariance = least_squares(quadratic_design(z), y, controls)
    slopes = beta[1] + 2 * beta[2] * np.array([z.min(), z.max()])
    if slopes[0] * slopes[1] >= 0:
        return 1.0
    error = float(np.sqrt(covariance[2, 2]))
    return 0.0 if error == 0 else float(2 * student.sf(abs(beta[2]) / error, free))
