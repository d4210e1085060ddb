"""Corrections that take p-values, and min-p; max-T is in ``joint.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from alignkit.statistics.permutation import NOTHING, TIE, p_of_count


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for the family-wise error rate (Holm 1979).

    Parameters
    ----------
    p : ndarray (tests,)
        NaN marks a test that was not made; it stays NaN and does not count.

    Returns
    -------
    ndarray (tests,)
        Corrected p-values, 0 to 1, in the order given.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Return p-values corrected for the false discovery rate (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p : ndarray (tests,)
        NaN marks a test that was not made; it stays NaN and does not count.

    Returns
    -------
    ndarray (tests,)
        Corrected p-values, 0 to 1, in the order given.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = false_discovery_control(p[known], method="bh")
    return adjusted


class _Permutations(Protocol):
    """Permutations that several tests share."""

    @property
    def exact(self) -> bool:
        """Whether these are all permutations."""


def min_p(family: Sequence[tuple[np.ndarray, _Permutations]]) -> list[tuple[float, float]]:
    """Return the one-sided p of each test, and that corrected by min-p (Westfall and Young 1993).

    For statistics whose size does not tell their evidence: each is compared with its own null,
    and the smallest p of any test with that under the same permutation. Groups of tests on
    other units are combined as in ``max_t``.

    Parameters
    ----------
    family : sequence of (values, permutations)
        The observed statistic and, after it, that under every permutation, ``(1 + m,)``; larger
        is more extreme. Tests on the same units share their permutations.

    Returns
    -------
    list of (p, corrected p)
    """
    smallest: dict[int, np.ndarray] = {}
    counted = []
    for values, permutations in family:
        null = np.sort(values[1:])
        slack = np.maximum(np.abs(values) * TIE, NOTHING)
        beyond = len(null) - np.searchsorted(null, values - slack, side="left")
        counted.append(beyond[0])
        key = id(permutations)
        smallest[key] = np.minimum(smallest.get(key, beyond[1:]), beyond[1:])
    exact = {id(permutations): permutations.exact for _, permutations in family}
    result = []
    for (values, permutations), observed in zip(family, counted, strict=True):
        m = len(values) - 1
        p_groups = []
        for key, counts in smallest.items():
            # At equal shares, as groups may have other numbers of permutations.
            as_extreme = int((counts / len(counts) <= observed / m + NOTHING).sum())
            p_groups.append(p_of_count(as_extreme, len(counts), exact[key]))
        p = p_of_count(int(observed), m, permutations.exact)
        corrected = p_groups[0]
        if len(p_groups) > 1:
            corrected = 1 - math.prod(1 - p_group for p_group in p_groups)
        result.append((p, max(p, corrected)))
    return result
