"""Permutation tests of correlations: exact for few units, drawn beyond, joint over a family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations as all_permutations

import numpy as np

# Up to so many units every permutation is counted: 9! = 362,880.
EXACT_UNITS = 9
# Correlations closer than this are ties; rounding must not decide a count.
TIE = 1e-9


def orders(n: int, drawn: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Permutations of n units, ``(m, n)``: all of them up to nine, else drawn.

    Returns
    -------
    ndarray, bool
        The permutations, and whether they are all there are.
    """
    if n <= EXACT_UNITS:
        return np.array(list(all_permutations(range(n))), dtype=np.int64).reshape(-1, n), True
    return rng.permuted(np.tile(np.arange(n), (drawn, 1)), axis=1), False


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns with mean zero and length one, so that an inner product is Pearson's r."""
    centred = values - values.mean(axis=0)
    return centred / np.linalg.norm(centred, axis=0)


def null_correlations(x: np.ndarray, y: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Pearson's r of every column of x with permuted y, ``(m, columns)``."""
    return standardised(y[:, None])[:, 0][order] @ standardised(x)


def p_value(observed: float, null: np.ndarray, exact: bool) -> tuple[float, int]:
    """Two-sided p, and how many of the null are at least as extreme.

    Counted over all permutations it is b / m; over those drawn, (1 + b) / (1 + m)
    (Phipson and Smyth 2010).
    """
    extreme = int((np.abs(null) >= abs(observed) * (1 - TIE) - TIE * TIE).sum())
    return (extreme / len(null) if exact else (1 + extreme) / (1 + len(null))), extreme


def max_t(observed: np.ndarray, nulls: Sequence[np.ndarray], exact: bool) -> np.ndarray:
    """Family-wise adjusted p by the largest |r| of each permutation (Westfall and Young 1993).

    Parameters
    ----------
    observed : ndarray (hypotheses,)
    nulls : sequence of ndarray (m, columns)
        Null correlations of all hypotheses, row i of each under the same permutation.
    """
    largest = np.abs(np.concatenate(nulls, axis=1)).max(axis=1)
    return np.array([p_value(one, largest, exact)[0] for one in observed])


def fraction(extreme: int, n: int) -> str:
    """An exact p as it was counted: ``17/40320``."""
    return f"{extreme}/{math.factorial(n)}"
