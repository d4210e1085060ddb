"""Comparisons of two correlations as members of a family that is corrected jointly."""

from __future__ import annotations

import numpy as np

from alignkit.statistics.comparison.overlapping import williams_null
from alignkit.statistics.joint import JointTest
from alignkit.statistics.permutation import UnitPermutations


def joint_comparison(
    t: float,
    first: np.ndarray,
    second: np.ndarray,
    outcome: np.ndarray,
    permutations: UnitPermutations,
) -> JointTest:
    """Return a comparison of two correlations with one outcome, to correct by max-T.

    Parameters
    ----------
    t : float
        The observed statistic, at most Williams's t in size.
    first, second, outcome : ndarray (n,)
    permutations : UnitPermutations
        Of these units.
    """
    null = williams_null(first, second, outcome, permutations)
    df = len(outcome) - 3
    return JointTest(abs(t), null, df, id(permutations), permutations.exact)
