"""Permutation tests of correlations: exact for few units, drawn beyond."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

# Up to so many units every permutation is counted: 9! = 362,880.
EXACT_UNITS = 9
# Correlations closer than this, relative to the observed one, are ties; rounding must not
# decide a count. Around zero rounding has an absolute size.
TIE, NOTHING = 1e-9, 1e-12
_ROWS = 50_000  # of pairs of units at a time, to keep memory small


def orders(n: int, drawn: int, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Permutations of n units, ``(m, n)``: all of them up to nine, else drawn.

    Returns
    -------
    ndarray, bool
        The permutations, and whether they are all there are.
    """
    if n <= EXACT_UNITS:
        return _all_orders(n), True
    return rng.permuted(np.tile(np.arange(n), (drawn, 1)), axis=1), False


@lru_cache(maxsize=2)
def _all_orders(n: int) -> np.ndarray:
    found = np.zeros((1, 0), dtype=np.int64)
    for unit in range(n):
        found = np.concatenate([np.insert(found, place, unit, axis=1) for place in range(unit + 1)])
    found.setflags(write=False)
    return found


class Orders:
    """The permutations of one set of units, which all tests on these units share.

    They depend on the units' names and the seed alone, so that no other metric or task
    changes them.

    Parameters
    ----------
    units : sequence of str
    drawn : int
        Permutations where there are more than nine units.
    seed : int

    Attributes
    ----------
    order : ndarray (m, n)
    exact : bool
        Whether these are all permutations.
    seeds : tuple of int or None
        What the generator was seeded with; None where nothing was drawn.
    """

    def __init__(self, units: Sequence[str], drawn: int, seed: int) -> None:
        digest = hashlib.sha256("\0".join(units).encode()).digest()
        seeds = (seed, int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big"))
        self.order, self.exact = orders(len(units), drawn, np.random.default_rng(seeds))
        self.seeds = None if self.exact else seeds
        self._last: tuple[bytes, np.ndarray] = (b"", np.empty(0))

    def __len__(self) -> int:
        return len(self.order)

    def null(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Pearson's r of x with permuted y, ``(m,)``."""
        if self._last[0] != y.tobytes():
            self._last = y.tobytes(), standardised(y[:, None])[:, 0][self.order]
        return self._last[1] @ standardised(x[:, None])[:, 0]


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns with mean zero and length one, so that an inner product is Pearson's r."""
    centred = values - values.mean(axis=0)
    return centred / np.linalg.norm(centred, axis=0)


def null_correlations(x: np.ndarray, y: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Pearson's r of every column of x with permuted y, ``(m, columns)``."""
    return standardised(y[:, None])[:, 0][order] @ standardised(x)


def null_kendall(x: np.ndarray, y: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of x with permuted y, ``(m,)``."""
    i, j = np.triu_indices(len(x), 1)
    rise = np.sign(x[i] - x[j])
    rises = np.sign(y[:, None] - y[None])
    scale = math.sqrt((rise**2).sum() * (rises[i, j] ** 2).sum())
    parts = np.array_split(order, 1 + len(order) // _ROWS)
    return np.concatenate([rises[part[:, i], part[:, j]] @ rise for part in parts]) / scale


def p_value(observed: float, null: np.ndarray, exact: bool) -> tuple[float, int]:
    """Two-sided p, and how many of the null are at least as extreme.

    Counted over all permutations it is b / m; over those drawn, (1 + b) / (1 + m)
    (Phipson and Smyth 2010).
    """
    least = abs(observed) - max(abs(observed) * TIE, NOTHING)
    extreme = int((np.abs(null) >= least).sum())
    return (extreme / len(null) if exact else (1 + extreme) / (1 + len(null))), extreme


def critical(null: np.ndarray, level: float = 0.05) -> float:
    """The |r| that this share of the null exceeds at most."""
    return float(np.quantile(np.abs(null), 1 - level, method="higher"))


def fraction(extreme: int, n: int) -> str:
    """An exact p as it was counted: ``17/40320``."""
    return f"{extreme}/{math.factorial(n)}"
