"""One answer from three tasks on the same placements, whose scores correlate 0.5.

A metric has a value per task, and those of a placement correlate 0.5 as well. ``before`` is a
fixed-effect average of Fisher's z that takes the tasks as independent. Power is that of the
verdict where every task has the same true r.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from alignkit.statistics.correlation.pooling import (
    JointPermutations,
    pooled_statistics,
    pooled_verdict,
)
from alignkit.statistics.multiple_testing import min_p
from simulations.rows import SEED, Row

TASKS, UNITS, PERMUTATIONS = 3, (8, 12, 16), 499
DESIGNS = ("no association", "an outlier of 5 SD", "unequal seeds")


def tasks(
    rng: np.random.Generator, units: int, r: float, design: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return x and y of every task over the same placements."""
    x, y = (
        math.sqrt(0.5) * (rng.standard_normal(units) + rng.standard_normal((TASKS, units)))
        for _ in range(2)
    )
    y = r * x + math.sqrt(1 - r * r) * y
    if design == "an outlier of 5 SD":
        x[:, 0], y[:, 0] = 5 * rng.choice([-1, 1], 2)
    if design == "unequal seeds":
        spread = np.exp(rng.standard_normal(units)) * math.sqrt(0.7 / 0.3 / 3)
        x = x + spread * rng.standard_normal((TASKS, units))
        y = y + spread * rng.standard_normal((TASKS, units))
    return list(zip(x, y, strict=True))


def judged(
    units: int, studies: int, r: float = 0.0, design: str = DESIGNS[0], seed: int = SEED
) -> tuple[int, int, int]:
    """Return in how many studies there is a verdict, p below 0.05, and p as if independent."""
    from scipy.stats import rankdata

    rng = np.random.default_rng([seed, units])
    joint = JointPermutations([[str(i) for i in range(units)]] * TASKS, PERMUTATIONS, seed)
    if joint.exact:  # a sample of them is enough here
        joint.indices = rng.permuted(np.tile(np.arange(units), (PERMUTATIONS, 1)), axis=1)
        joint.exact = False
    verdicts = small = independent = 0
    for _ in range(studies):
        pairs = tasks(rng, units, r, design)
        signs = [1] * TASKS
        z, by_error = pooled_statistics(pairs, signs, joint)
        ranks = [(rankdata(x), rankdata(y)) for x, y in pairs]
        by_rank, _ = pooled_statistics(ranks, signs, joint)
        p, p_studentised, p_spearman = (
            min_p([(np.abs(values), joint)])[0][0] for values in (z, by_error, by_rank)
        )
        row = {"family": "primary", "r": z[0], "spearman": by_rank[0], "p_adjusted": p}
        row |= {"p_studentised": p_studentised, "p_spearman": p_spearman}
        row["least_p_adjusted"] = 1 / (PERMUTATIONS + 1)
        verdicts += pooled_verdict(row) in ("supported", "contradicted")
        small += p < 0.05
        independent += 2 * norm.sf(abs(z[0]) * math.sqrt(TASKS * (units - 3))) < 0.05
    return verdicts, small, int(independent)


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for design in DESIGNS:
        for n in UNITS:
            verdicts, small, before = judged(n, studies, design=design)
            yield Row(
                f"{design}; {n}", "supported or contradicted", verdicts, studies, "at most 0.06"
            )
            limit = "0.04 to 0.06" if design == DESIGNS[0] else ""
            yield Row(f"{design}; {n}", "p < 0.05", small, studies, limit, before / studies)
    for n in UNITS:
        verdicts, small, before = judged(n, studies, r=0.7)
        yield Row(f"true r 0.7 in every task; {n}", "supported", verdicts, studies)
        yield Row(
            f"true r 0.7 in every task; {n}", "p < 0.05", small, studies, "", before / studies
        )
