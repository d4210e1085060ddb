"""The least p-value that a test can attain, raw and corrected, whatever the data are.

A permutation test of few units has few arrangements to count: its p cannot fall below that of
the most extreme one. Where even this p, corrected, is not below the level, the test cannot
succeed, and its outcome is no result.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from alignkit.statistics.permutation import EXACT_UNITS
from alignkit.statistics.requirements import LEVEL

# Up to this many units every combination of signs is enumerated: 2^13 = 8,192.
EXACT_FLIPS = 13


def least_permutation_p(n: int, n_permutations: int = 9999, *, sides: int = 2) -> float:
    """Return the least p of permuting n units.

    Parameters
    ----------
    n : int
        Number of units; at least 1.
    n_permutations : int
        Size of the sample where there are more than ``EXACT_UNITS`` units.
    sides : int
        1 for a one-sided test, 2 for a two-sided one.

    Returns
    -------
    float
        sides / n!, for an arrangement and its mirror image (values without such a symmetry may
        attain half of it); 1 / (1 + m) for a sample of m permutations.
    """
    return min(1.0, sides / math.factorial(n)) if n <= EXACT_UNITS else 1 / (1 + n_permutations)


def least_flip_p(n: int, n_permutations: int = 9999) -> float:
    """Return the least two-sided p of flipping the signs of n units, or of swapping n pairs.

    Parameters
    ----------
    n : int
        Number of units; at least 1.
    n_permutations : int
        Size of the sample where there are more than ``EXACT_FLIPS`` units.

    Returns
    -------
    float
        2 / 2^n, for all signs alike; 1 / (1 + m) for a sample of m combinations of signs.
    """
    return min(1.0, 2 / 2**n) if n <= EXACT_FLIPS else 1 / (1 + n_permutations)


def least_partition_p(sizes: Sequence[int], n_permutations: int = 9999) -> float:
    """Return the least p of exchanging observations between groups at random.

    Parameters
    ----------
    sizes : sequence of int
        Number of observations of each group.
    n_permutations : int
        Number of permutations that are drawn.

    Returns
    -------
    float
        (1 + m / a) / (1 + m): of m permutations, a share of 1 / a divides the observations as
        the most extreme of a divisions does.
    """
    divisions = math.factorial(sum(sizes))
    for size in sizes:
        divisions //= math.factorial(size)
    for alike in Counter(sizes).values():  # groups of one size can be exchanged as a whole
        divisions //= math.factorial(alike)
    return (1 + n_permutations / divisions) / (1 + n_permutations)


def least_corrected_p(least: float, tests: int = 1, *, joint: bool = False) -> float:
    """Return the least p after correction for a family of tests.

    Parameters
    ----------
    least : float
        The least raw p of each test.
    tests : int
        Number of tests in the family.
    joint : bool
        Whether units are rearranged jointly in all tests (max-T), which costs nothing here:
        one arrangement can be the most extreme in every test. Otherwise Holm's correction,
        which multiplies the smallest p by the number of tests.
    """
    return least if joint else min(1.0, least * max(1, tests))


def least_units_to_flip(tests: int = 1, *, joint: bool = False, level: float = LEVEL) -> int:
    """Return the least number of units whose signs, flipped, can give a corrected p below a level.

    Parameters
    ----------
    tests : int
        Number of tests in the family.
    joint : bool
        See ``least_corrected_p``.
    level : float
        Significance level, above 0.
    """
    return _least_units(lambda n: 2**n, tests, joint, level)


def least_units_to_permute(tests: int = 1, *, joint: bool = False, level: float = LEVEL) -> int:
    """Return the least number of units whose permutations can give a corrected p below a level.

    Parameters
    ----------
    tests : int
        Number of tests in the family.
    joint : bool
        See ``least_corrected_p``.
    level : float
        Significance level, above 0.
    """
    return _least_units(math.factorial, tests, joint, level)


def _least_units(arrangements: Callable[[int], int], tests: int, joint: bool, level: float) -> int:
    """Return the least n of whose arrangements two in all give a corrected p below the level."""
    n = 1
    while least_corrected_p(2 / arrangements(n), tests, joint=joint) >= level:
        n += 1
    return n
