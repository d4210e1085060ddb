"""Can alignment predict the score of a placement that was left out?"""

from __future__ import annotations

import numpy as np

from alignkit.statistics.permutation import TIE, UnitPermutations, standardised


def left_out_r2(
    x: np.ndarray, y: np.ndarray, permutations: UnitPermutations, controls: np.ndarray | None = None
) -> np.ndarray:
    """Return R^2 of predicting each unit from a line through the others, ``(1 + m,)``.

    One less the sum of squared errors over that of the errors of the mean of the others: 1 at
    best, below 0 where the mean of the others predicts better. With controls, errors are those
    of the controls with x, over those of the controls alone, both fitted to the others; the
    residuals of y are permuted (Freedman and Lane 1983), as what controls explain of y leaves
    the errors of both as they are.

    Parameters
    ----------
    x, y : ndarray (n,)
        Neither constant; with controls, their residuals.
    permutations : UnitPermutations
    controls : ndarray (n, k), optional
        Centred orthonormal columns.

    Returns
    -------
    ndarray
        First the observed value, then that of x with y under each permutation; NaN where the
        fit is not determined without one of the units.
    """
    n = len(x)
    line = standardised(x[:, None])[:, 0]
    basis = np.empty((n, 0)) if controls is None else controls
    without = 1 / n + (basis**2).sum(axis=1)
    leverage = without + line**2
    if (leverage >= 1 - TIE).any():
        return np.full(1 + len(permutations), np.nan)
    weight, weight_without = 1 / (1 - leverage) ** 2, 1 / (1 - without) ** 2
    both = []
    for score in (standardised(y[:, None])[:, 0][None], permutations.permuted(y)):
        rest = score - (score @ basis) @ basis.T if basis.shape[1] else score
        slope = score @ line
        crossed = rest @ (weight * line)
        errors = rest**2 @ weight - 2 * slope * crossed + slope**2 * (weight @ line**2)
        both.append(1 - errors / (rest**2 @ weight_without))
    return np.concatenate(both)
