"""Can alignment predict the score of a placement that was left out?"""

from __future__ import annotations

import numpy as np

from alignkit.statistics.permutation import TIE, UnitPermutations, standardised


def left_out_r2(x: np.ndarray, y: np.ndarray, permutations: UnitPermutations) -> np.ndarray:
    """Return R^2 of predicting each unit from a line through the others, ``(1 + m,)``.

    One less the sum of squared errors over that of the errors of the mean of the others: 1 at
    best, below 0 where the mean of the others predicts better.

    Parameters
    ----------
    x, y : ndarray (n,)
        Neither constant.
    permutations : UnitPermutations

    Returns
    -------
    ndarray
        First the observed value, then that of x with y under each permutation; NaN where x is
        constant without one of the units.
    """
    n = len(x)
    line = standardised(x[:, None])[:, 0]
    leverage = 1 / n + line**2
    if (leverage >= 1 - TIE).any():
        return np.full(1 + len(permutations), np.nan)
    weight = 1 / (1 - leverage) ** 2
    both = []
    for score in (standardised(y[:, None])[:, 0][None], permutations.permuted(y)):
        slope = score @ line
        crossed = score @ (weight * line)
        errors = score**2 @ weight - 2 * slope * crossed + slope**2 * (weight @ line**2)
        both.append(1 - errors * ((n - 1) / n) ** 2)
    return np.concatenate(both)
