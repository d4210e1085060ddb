"""The tests of ``alignkit correlate`` on studies with Gaussian values.

Without any association, the primary test must reject at the 5 % level in 4 to 6 % of studies,
and max-T must make a false claim anywhere in a family in at most 5.5 %; with a true r of 0.7 the
test must detect it as often as ``alignkit power`` predicts. A unit is the mean of its seeds. For
comparison: what treating seeds as independent runs would do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alignkit.statistics.joint import CorrelationTest, max_t
from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.power import observed_r, permutation_p, power
from simulations.rows import SEED, Row

PERMUTATIONS = 1999  # where there are more than nine placements


@dataclass(frozen=True)
class Grid:
    """The design of simulated studies.

    Attributes
    ----------
    units, seeds : int
        Number of placements, and runs of each.
    icc_x, icc_y : float
        Intraclass correlation of alignment and of performance.
    r : float
        The true correlation of placements.
    within : float
        The correlation of the seeds' deviations from their placement.
    """

    units: int
    seeds: int
    icc_x: float
    icc_y: float
    r: float = 0.0
    within: float = 0.0


NULLS = (
    Grid(6, 3, 0.97, 0.97),
    Grid(7, 3, 0.97, 0.97),
    Grid(8, 3, 0.97, 0.97),
    Grid(8, 3, 0.8, 0.95),
    Grid(8, 3, 0.8, 0.95, within=0.7),
    Grid(12, 3, 0.97, 0.97),
    Grid(16, 3, 0.8, 0.95),
    Grid(24, 3, 0.97, 0.97),
)
ASSOCIATED = tuple(Grid(n, 3, 0.97, 0.97, r=0.7) for n in (8, 12, 16, 24))
# Placements of three tasks, and which of them have a true association with four metrics.
FAMILIES = (
    ((8, 8, 8), ()),
    ((12, 12, 12), ()),
    ((6, 8, 12), ()),
    ((8, 8, 8), (0,)),
    ((6, 8, 12), (2,)),
)


def studies_of(grid: Grid, studies: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Simulate alignment and performance of runs, ``(studies, units, seeds)`` each."""

    def pair(shape: tuple[int, ...], r: float) -> tuple[np.ndarray, np.ndarray]:
        x, noise = rng.standard_normal((2, *shape))
        return x, r * x + math.sqrt(1 - r * r) * noise

    placements = pair((studies, grid.units, 1), grid.r)
    seeds = pair((studies, grid.units, grid.seeds), grid.within)
    deviations = [math.sqrt((1 - icc) / icc) for icc in (grid.icc_x, grid.icc_y)]
    return tuple(p + sd * s for p, sd, s in zip(placements, deviations, seeds, strict=True))


def rejected(grid: Grid, studies: int, seed: int = SEED) -> tuple[int, int]:
    """Return how many are rejected at 5 %: placement means by permutation, runs by Student's t."""
    from scipy.stats import pearsonr

    rng = np.random.default_rng([seed, grid.units, grid.seeds, int(100 * grid.icc_x)])
    x, y = studies_of(grid, studies, rng)
    permutations = UnitPermutations([str(i) for i in range(grid.units)], PERMUTATIONS, seed)
    p = permutation_p(x.mean(axis=2), y.mean(axis=2), permutations)
    naive = pearsonr(x.reshape(studies, -1), y.reshape(studies, -1), axis=1).pvalue
    return int((p < 0.05).sum()), int((naive < 0.05).sum())


def family_wise(
    units: tuple[int, ...], true: tuple[int, ...], studies: int, seed: int = SEED
) -> int:
    """Return the number of studies in which max-T claims an association that does not exist.

    Four metrics that correlate about 0.8 with each other, on tasks whose scores correlate 0.5;
    the first placements are the same in every task.

    Parameters
    ----------
    units : tuple of int
        Number of placements of each task.
    true : tuple of int
        Tasks in which all metrics are associated with the score (r about 0.9).
    studies, seed : int
        Number of simulated studies, and their seed.
    """
    rng = np.random.default_rng([seed, *units, len(true)])
    names = [str(i) for i in range(max(units))]
    permutations = {n: UnitPermutations(names[:n], PERMUTATIONS, seed) for n in set(units)}
    false_claims = 0
    for _ in range(studies):
        tests, nulls = [], []
        for task, (x, y) in enumerate(_tasks(max(units), len(units), true, rng)):
            n = units[task]
            for metric in x[:, :n]:
                r = float(np.corrcoef(metric, y[:n])[0, 1])
                tests.append(CorrelationTest(metric, y[:n], r, permutations[n]))
                nulls.append(task not in true)
        false_claims += any(p < 0.05 for p, null in zip(max_t(tests), nulls, strict=True) if null)
    return false_claims


def _tasks(
    units: int, tasks: int, true: tuple[int, ...], rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    common = rng.standard_normal(units)
    for task in range(tasks):
        y = math.sqrt(0.5) * common + math.sqrt(0.5) * rng.standard_normal(units)
        shared = y if task in true else rng.standard_normal(units)
        yield shared + 0.5 * rng.standard_normal((4, units)), y


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for grid in NULLS:
        case = f"{grid.units} x {grid.seeds}, ICC {grid.icc_x}, {grid.icc_y}"
        case += f", seeds correlate {grid.within}" * (grid.within > 0)
        ours, naive = rejected(grid, studies)
        yield Row(f"no association; {case}", "p < 0.05", ours, studies, "0.04 to 0.06")
        yield Row(f"no association; {case}", "runs as units: p < 0.05", naive, studies)
    for units, true in FAMILIES:
        named = ", ".join(f"task {task + 1}" for task in true) or "no task"
        case = f"3 tasks of {', '.join(map(str, units))}; {named} associated"
        claims = family_wise(units, true, studies)
        yield Row(case, "false claim by max-T", claims, studies, "at most 0.055")
    for grid in ASSOCIATED:
        predicted = power(grid.units, observed_r(grid.r, grid.seeds, grid.icc_x, grid.icc_y))
        ours, _ = rejected(grid, studies)
        case = f"true r {grid.r}; {grid.units} x {grid.seeds}"
        yield Row(case, "p < 0.05", ours, studies, f"predicted {predicted:.3f}")
