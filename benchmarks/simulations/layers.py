"""Whether intermediate layers correlate more strongly with the score than the last layer.

Equal strength: two correlations of 0.6 with the score, of the same or of opposite sign, over 8
and 20 placements. A family: two tasks, four metrics and three rules, 24 comparisons on the same
placements, all of strength 0.5. Power: 0.8 against 0.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.statistics.comparison.overlapping import compare_overlapping, williams_null
from alignkit.statistics.joint import JointTest, max_t
from alignkit.statistics.permutation import UnitPermutations
from simulations.rows import SEED, Row

PERMUTATIONS = 499
PAIRS = (
    ("r = +0.6 and +0.6", (0.6, 0.6), 8, "at most 0.06", 0.045),
    ("r = +0.6 and -0.6", (0.6, -0.6), 8, "at most 0.06", 0.549),
    ("r = +0.6 and +0.6", (0.6, 0.6), 20, "at most 0.06", 0.047),
    ("r = +0.6 and -0.6", (0.6, -0.6), 20, "at most 0.06", 0.974),
    ("r = 0 and 0", (0.0, 0.0), 8, "at most 0.06", 0.041),
    ("r = +0.8 and +0.2", (0.8, 0.2), 8, "power", 0.272),
    ("r = +0.8 and +0.2", (0.8, 0.2), 20, "power", 0.795),
    ("r = +0.8 and -0.2", (0.8, -0.2), 20, "power", 0.971),
)
# Placements, what is allowed, and the rate of Holm's correction where it was simulated.
FAMILIES: tuple[tuple[int, str, float | None], ...] = (
    (8, "at most 0.06", 0.026),
    (20, "at most 0.06", None),
)


def claims(r: tuple[float, float], n: int, studies: int, seed: int = SEED) -> int:
    """Return in how many studies the two are said to differ in strength, either way.

    Parameters
    ----------
    r : tuple of float
        The true correlations with the score; the two share nothing else.
    n : int
        Number of placements.
    studies, seed : int
    """
    rng = np.random.default_rng([seed, n])
    claimed = 0
    for _ in range(studies):
        score = rng.standard_normal(n)
        first, second = (a * score + np.sqrt(1 - a * a) * rng.standard_normal(n) for a in r)
        p = compare_overlapping(first, second, score).p_stronger
        claimed += p is not None and p < 0.05
    return claimed


def family_claims(n: int, studies: int, seed: int = SEED) -> int:
    """Return in how many studies any of 24 comparisons of equal strength is claimed to differ."""
    rng = np.random.default_rng([seed, n, 24])
    permutations = UnitPermutations(list(map(str, range(n))), PERMUTATIONS, seed)
    if permutations.exact:  # a sample of them, for speed
        drawn = rng.integers(len(permutations), size=PERMUTATIONS)
        permutations.indices, permutations.exact = permutations.indices[drawn], False
    claimed = 0
    for _ in range(studies):
        tests, p = [], []
        common = rng.standard_normal(n)
        for _ in range(2):
            score = np.sqrt(0.5) * (common + rng.standard_normal(n))
            shared = rng.standard_normal((4, n))  # what the layers of a task have in common
            for _ in range(4):
                noise = 0.8 * shared + 0.6 * rng.standard_normal((4, n))
                last, *others = 0.5 * score + np.sqrt(0.75) * noise
                for other in others:
                    compared = compare_overlapping(other, last, score)
                    null = williams_null(other, last, score, permutations)
                    t = abs(compared.t_stronger or 0.0)
                    tests.append(JointTest(t, null, n - 3, "units", permutations.exact))
                    p.append(1.0 if compared.p_stronger is None else compared.p_stronger)
        claimed += np.maximum(max_t(tests), p).min() < 0.05
    return claimed


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for name, r, n, limit, before in PAIRS:
        times = claims(r, n, studies)
        yield Row(f"{name}; n = {n}", "verdict either way", times, studies, limit, before)
    for n, limit, before in FAMILIES:
        times = family_claims(n, studies)
        case = f"24 comparisons, all r = 0.5; n = {n}"
        yield Row(case, "verdict in any", times, studies, limit, before)
