"""Permutation tests of correlations: exact for few units, sampled for more."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

# Up to this many units every permutation is enumerated: 9! = 362,880.
EXACT_UNITS = 9
# Correlations closer than this, relative to the observed one, are ties, so that rounding does
# not decide a count. Around zero, rounding has an absolute size.
TIE, NOTHING = 1e-9, 1e-12
_CHUNK = 50_000  # permutations at a time, to bound memory
_KEPT = 2  # permuted variables in memory: a score and its ranks


def unit_permutations(
    n: int, n_permutations: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Return permutations of n units: all of them up to nine units, a random sample beyond.

    Parameters
    ----------
    n : int
        Number of units.
    n_permutations : int
        Size of the sample.
    rng : Generator

    Returns
    -------
    ndarray of int (m, n), bool
        One permutation per row, and whether these are all permutations.
    """
    if n <= EXACT_UNITS:
        return _all_permutations(n), True
    return rng.permuted(np.tile(np.arange(n), (n_permutations, 1)), axis=1), False


@lru_cache(maxsize=2)
def _all_permutations(n: int) -> np.ndarray:
    indices = np.zeros((1, 0), dtype=np.int64)
    for unit in range(n):
        indices = np.concatenate(
            [np.insert(indices, place, unit, axis=1) for place in range(unit + 1)]
        )
    indices.setflags(write=False)
    return indices


class UnitPermutations:
    """The permutations of one set of units, shared by all tests on these units.

    They depend on the names of the units and the seed alone, so adding a metric or a task
    does not change them.

    Parameters
    ----------
    units : sequence of str
        Names of the units.
    n_permutations : int
        Size of the sample where there are more than nine units.
    seed : int

    Attributes
    ----------
    indices : ndarray of int (m, n)
        One permutation per row.
    exact : bool
        Whether these are all permutations.
    seeds : tuple of int or None
        Seeds of the generator; None where nothing was sampled.
    """

    def __init__(self, units: Sequence[str], n_permutations: int, seed: int) -> None:
        digest = hashlib.sha256("\0".join(units).encode()).digest()
        seeds = (seed, int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big"))
        self.indices, self.exact = unit_permutations(
            len(units), n_permutations, np.random.default_rng(seeds)
        )
        self.seeds = None if self.exact else seeds
        self._permuted: dict[bytes, np.ndarray] = {}

    def __len__(self) -> int:
        """Return the number of permutations."""
        return len(self.indices)

    def null(self, x: np.ndarray, y: np.ndarray, controls: np.ndarray | None = None) -> np.ndarray:
        """Return Pearson's r of x with permuted y, ``(m,)``.

        With controls, the residuals of y are permuted and the controls fitted again to each
        permutation (Freedman and Lane 1983; Winkler et al. 2014).

        Parameters
        ----------
        x, y : ndarray (n,)
            Values of the units, in the order of their names; with controls, their residuals.
        controls : ndarray (n, k), optional
            Centred orthonormal columns.
        """
        permuted = self.permuted(y)
        null: np.ndarray = permuted @ standardised(x[:, None])[:, 0]
        if controls is None or not controls.shape[1]:
            return null
        explained = ((permuted @ controls) ** 2).sum(axis=1)
        null /= np.sqrt(np.maximum(1 - explained, NOTHING))
        return null

    def studentised_null(
        self, x: np.ndarray, y: np.ndarray, controls: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the studentised r of x with permuted y, ``(m,)``; see ``studentised``.

        Parameters
        ----------
        x, y, controls
            As for ``null``.
        """
        permuted, fixed = self.permuted(y), standardised(x[:, None])[:, 0]
        products = permuted @ fixed
        if controls is not None and controls.shape[1]:
            permuted = permuted - (permuted @ controls) @ controls.T
        null: np.ndarray = products / np.sqrt(permuted**2 @ fixed**2)
        return null

    def permuted(self, y: np.ndarray) -> np.ndarray:
        """Return standardised y under every permutation, ``(m, n)``; the last few are kept.

        Parameters
        ----------
        y : ndarray (n,)
            Values of the units, in the order of their names; not constant.
        """
        key = y.tobytes()
        if key not in self._permuted:
            while len(self._permuted) >= _KEPT:
                self._permuted.pop(next(iter(self._permuted)))
            self._permuted[key] = standardised(y[:, None])[:, 0][self.indices]
        return self._permuted[key]


def studentised(x: np.ndarray, y: np.ndarray) -> float:
    """Return Pearson's r over its standard error under no association, whatever the variances.

    The sum of the products of standardised x and y over the root of the sum of their squares
    (DiCiccio and Romano 2017), from -sqrt(n) to sqrt(n). Unlike that of r, its permutation
    test does not take unequal variances or one outlying unit for an association.

    Parameters
    ----------
    x, y : ndarray (n,)
        Neither constant.
    """
    products = standardised(x[:, None])[:, 0] * standardised(y[:, None])[:, 0]
    return float(products.sum() / np.sqrt((products**2).sum()))


def standardised(values: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and length 1, whose inner products are Pearson's r.

    Parameters
    ----------
    values : ndarray (n, columns)
        No column may be constant.
    """
    centred = values - values.mean(axis=0)
    columns: np.ndarray = centred / np.linalg.norm(centred, axis=0)
    return columns


def null_correlations(x: np.ndarray, y: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """Return Pearson's r of every column of x with permuted y.

    Parameters
    ----------
    x : ndarray (n, columns)
    y : ndarray (n,)
    permutations : ndarray of int (m, n)

    Returns
    -------
    ndarray (m, columns)
    """
    r: np.ndarray = standardised(y[:, None])[:, 0][permutations] @ standardised(x)
    return r


def null_kendall(x: np.ndarray, y: np.ndarray, permutations: np.ndarray) -> np.ndarray:
    """Return Kendall's tau-b of x with permuted y, ``(m,)``.

    Parameters
    ----------
    x, y : ndarray (n,)
    permutations : ndarray of int (m, n)
    """
    i, j = np.triu_indices(len(x), 1)
    x_signs = np.sign(x[i] - x[j])
    y_signs = np.sign(y[:, None] - y[None])
    scale = math.sqrt((x_signs**2).sum() * (y_signs[i, j] ** 2).sum())
    chunks = np.array_split(permutations, 1 + len(permutations) // _CHUNK)
    return np.concatenate([y_signs[rows[:, i], rows[:, j]] @ x_signs for rows in chunks]) / scale


def p_value(observed: float, null: np.ndarray, exact: bool) -> tuple[float, int]:
    """Return a two-sided p-value and the number of null values at least as extreme.

    With all m permutations p is b / m; with a sample of m it is (1 + b) / (1 + m)
    (Phipson and Smyth 2010).

    Parameters
    ----------
    observed : float
    null : ndarray (m,)
        The statistic under each permutation.
    exact : bool
        Whether ``null`` covers all permutations.

    Returns
    -------
    (p, b)
    """
    extreme = _at_least(abs(observed), np.abs(null))
    return p_of_count(extreme, len(null), exact), extreme


def one_sided_p(observed: float, null: np.ndarray, exact: bool) -> float:
    """Return the share of arrangements whose statistic is at least as large as that observed.

    Parameters
    ----------
    observed, null, exact
        As for ``p_value``.
    """
    return p_of_count(_at_least(observed, null), len(null), exact)


def p_of_count(extreme: int, m: int, exact: bool) -> float:
    """Return the p of ``extreme`` of ``m`` permutations, see ``p_value``.

    Parameters
    ----------
    extreme, m : int
    exact : bool
        Whether these are all permutations, the observed one among them.
    """
    return extreme / m if exact else (1 + extreme) / (1 + m)


def _at_least(observed: float, null: np.ndarray) -> int:
    return int((null >= observed - max(abs(observed) * TIE, NOTHING)).sum())


def critical_r(null: np.ndarray, level: float = 0.05) -> float:
    """Return the |r| that at most a share ``level`` of the null exceeds.

    Parameters
    ----------
    null : ndarray (m,)
        Correlations under permutation.
    level : float
        Significance level, between 0 and 1.
    """
    return float(np.quantile(np.abs(null), 1 - level, method="higher"))


def p_fraction(extreme: int, n: int) -> str:
    """Return an exact p-value as the fraction that was counted, such as ``17/40320``.

    Parameters
    ----------
    extreme : int
        Permutations at least as extreme as the observed one.
    n : int
        Number of units.
    """
    return f"{extreme}/{math.factorial(n)}"
