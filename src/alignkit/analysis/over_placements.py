"""Tests whose units are placements, as the rows of a table: flipped signs, exchanged profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.statistics.attainable import least_flip_p
from alignkit.statistics.detection import power_of_contrast

if TYPE_CHECKING:
    from alignkit.statistics.joint import JointTest
    from alignkit.statistics.permutation import UnitPermutations

Row = dict[str, Any]


def sign_flip_row(
    changes: np.ndarray, signs: np.ndarray, exact: bool
) -> tuple[Row, JointTest | None]:
    """Test a mean change against zero by flipping the signs of placements.

    Parameters
    ----------
    changes : ndarray (placements,)
        One mean per placement.
    signs : ndarray (m, placements)
        Combinations of signs, see ``sign_flips``; shared by all tests of a family.
    exact : bool
        Whether these are all combinations.

    Returns
    -------
    dict, JointTest or None
        ``placements``, ``change`` with its interval ``low`` to ``high``, ``p``, ``exact``,
        ``reason``, ``power``, ``detects`` and ``least_p``; and the test, to correct it jointly
        with others.
    """
    from alignkit.statistics.fusions import change_t, mean_change, power_of_change
    from alignkit.statistics.joint import JointTest

    change = mean_change(changes, signs, exact)
    row = {
        "placements": change.n,
        "change": change.mean,
        "low": change.low,
        "high": change.high,
        "p": change.p,
        "exact": change.exact,
        "reason": change.reason,
        "power": power_of_change(change.n),
        "detects": "a change of one standard deviation",
    }
    if change.p is None:
        return row, None
    # Signs of placements that this test lacks change nothing: with all combinations, p is exact.
    row["least_p"] = least_flip_p(change.n) if exact else 1 / (1 + len(signs))
    t, null = change_t(changes, signs)
    return row, JointTest(t, null, change.n - 1, "flips", exact)


def exchange_row(
    steps: np.ndarray, fused: np.ndarray, free: np.ndarray, permutations: UnitPermutations
) -> tuple[Row, JointTest | None]:
    """Compare steps that have a fusion with the same steps of placements that have none there.

    Parameters
    ----------
    steps : ndarray (placements, steps)
        A change over each step of depth.
    fused, free : ndarray of bool (placements, steps)
    permutations : UnitPermutations
        Of the placements that enter, see ``compared``.

    Returns
    -------
    dict, JointTest or None
        ``placements``, ``with_fusion``, ``without``, ``change`` (their difference) with its
        interval ``low`` to ``high``, ``p``, ``exact``, ``reason``, ``power``, ``detects`` and
        ``least_p``; and the test, to correct it jointly with others.
    """
    from alignkit.statistics.fusions import contrast_null, fusion_contrast, least_exchange_p
    from alignkit.statistics.joint import JointTest

    difference = fusion_contrast(steps, fused, free, permutations)
    usable = fused & (free.sum(axis=0) > 0)
    some = bool(usable.any())
    row: Row = {
        "placements": difference.n,
        "with_fusion": float(steps[usable].mean()) if some else None,
        "without": float(steps[free & usable.any(axis=0)].mean()) if some else None,
        "change": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "exact": difference.exact,
        "reason": difference.reason,
        "power": None,
        "detects": "a difference of one standard deviation",
    }
    if difference.p is None:
        return row, None
    row["power"] = power_of_contrast(
        int((fused & usable.any(axis=0)).any(axis=1).sum()),
        int((free & usable.any(axis=0)).any(axis=1).sum()),
    )
    row["least_p"] = least_exchange_p(fused, free, permutations)
    observed, null = contrast_null(steps, fused, free, permutations)
    scale = max(float(null.std()), 1e-300)  # makes metrics comparable
    exact = permutations.exact
    return row, JointTest(abs(observed) / scale, np.abs(null) / scale, 1, id(permutations), exact)
