"""Power: how likely a study is to detect a true association, and how many placements it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.errors import UsageError
from alignkit.statistics.permutation import UnitPermutations, null_correlations, p_value
from alignkit.statistics.requirements import MIN_UNITS, MIN_UNITS_INTERVAL

if TYPE_CHECKING:
    import pandas as pd

MAX_UNITS = 2000  # the largest number of units that is considered
_NODES = 128  # of the Gauss-Legendre quadrature


def power(n: int, r: float, level: float = 0.05) -> float:
    """Return the exact power of a two-sided t-test of a correlation over n units.

    Fisher's representation: with x and y normal, the t statistic of a sample is, given the
    standard deviation of x in it, noncentral t with noncentrality rho / sqrt(1 - rho^2) times
    that deviation, which is chi distributed and integrated over.

    Parameters
    ----------
    n : int
        Number of units; at least 4.
    r : float
        The true correlation of unit means, -1 to 1.
    level : float
        Significance level of the test; for Bonferroni's correction, divided by the number of
        tests.

    Returns
    -------
    float
        Probability of rejection, 0 to 1.

    Raises
    ------
    UsageError
        If there are too few units, or the correlation or the level is out of range.
    """
    from scipy.stats import chi2, nct
    from scipy.stats import t as student

    _check(n, r, level)
    if abs(r) == 1:
        return 1.0
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    spread = np.sqrt(chi2.ppf((nodes + 1) / 2, n - 1))
    away = abs(r) / math.sqrt(1 - r * r) * spread
    beyond = student.isf(level / 2, n - 2)
    above, below = nct.sf(beyond, n - 2, away), nct.cdf(-beyond, n - 2, away)
    # Far in either tail scipy returns NaN where the value is 0 or 1.
    above = np.where(np.isnan(above), (away > beyond).astype(float), above)
    return float(np.clip((weights / 2) @ (above + np.nan_to_num(below)), 0, 1))


def required_units(r: float, target: float = 0.8, level: float = 0.05) -> int | None:
    """Return the smallest number of units with the wanted power, of those that can be tested.

    Parameters
    ----------
    r : float
        The true correlation of unit means.
    target : float
        The power wanted, between 0 and 1.
    level : float
        Significance level of the test.

    Returns
    -------
    int or None
        None where even 2,000 units are too few.
    """
    low, high = MIN_UNITS, MAX_UNITS
    if power(high, r, level) < target:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, r, level) >= target else (middle + 1, high)
    return low


@dataclass
class Plan:
    """Power over numbers of placements and of tests: the result of ``plan``.

    Attributes
    ----------
    table : DataFrame
        ``placements``, ``seeds``, ``tests``, ``level`` (of one test, after Bonferroni),
        ``observed_r`` and ``power``; ``simulated`` where studies were simulated.
    settings : dict
        The arguments, and under ``needed`` the smallest number of placements per number of
        tests.
    """

    table: pd.DataFrame
    settings: dict[str, Any]

    @property
    def observed_r(self) -> float:
        """The correlation of unit means, attenuated by the variance between seeds."""
        return float(self.table["observed_r"].iloc[0])


def plan(
    r: float,
    placements: Sequence[int],
    seeds: int = 3,
    tests: Sequence[int] = (1,),
    *,
    icc_metric: float = 1.0,
    icc_outcome: float = 1.0,
    target: float = 0.8,
    level: float = 0.05,
    studies: int = 0,
    seed: int = 0,
) -> Plan:
    """Tabulate power over numbers of placements and of tests corrected together.

    Parameters
    ----------
    r : float
        The true correlation of placements, -1 to 1.
    placements : sequence of int
        Numbers of placements; at least 6, as for a test.
    seeds : int
        Runs of each placement.
    tests : sequence of int
        Numbers of tests that are corrected together.
    icc_metric, icc_outcome : float
        Intraclass correlation of alignment and of performance: how alike the seeds of a
        placement are, above 0 to 1, which means that seeds do not matter.
    target : float
        The power wanted, between 0 and 1.
    level : float
        Significance level before correction.
    studies, seed : int
        Number and seed of simulated studies per row, each with the permutation test itself;
        none when 0.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError
        If an argument is out of range.
    """
    import pandas as pd

    if not 0 < target < 1:
        raise UsageError(f"`target` is {target}; power must be between 0 and 1")
    if min(tests) < 1:
        raise UsageError(f"`tests` is {min(tests)}; at least 1 test is needed")
    if min(placements) < MIN_UNITS:
        raise UsageError(
            f"`placements` is {min(placements)}; a test, and so its power, needs at least "
            f"{MIN_UNITS}"
        )
    attenuated = observed_r(r, seeds, icc_metric, icc_outcome)
    rows = []
    for m in sorted(set(tests)):
        for n in sorted(set(placements)):
            row = {
                "placements": n,
                "seeds": seeds,
                "tests": m,
                "level": level / m,
                "observed_r": attenuated,
                "power": power(n, attenuated, level / m),
            }
            if studies:
                row["simulated"] = simulate(
                    n,
                    seeds,
                    r,
                    icc_metric=icc_metric,
                    icc_outcome=icc_outcome,
                    level=level / m,
                    studies=studies,
                    seed=seed,
                )
            rows.append(row)
    needed = [
        {"tests": m, "placements": required_units(attenuated, target, level / m)}
        for m in sorted(set(tests))
    ]
    settings = {
        "r": r,
        "seeds": seeds,
        "icc_metric": icc_metric,
        "icc_outcome": icc_outcome,
        "target": target,
        "level": level,
        "studies": studies,
        "seed": seed,
        "needed": needed,
    }
    return Plan(pd.DataFrame(rows), settings)


def observed_r(r: float, seeds: int, icc_metric: float = 1.0, icc_outcome: float = 1.0) -> float:
    """Return a true correlation attenuated by the variance between seeds (Spearman 1904).

    Parameters
    ----------
    r : float
        The true correlation of placements.
    seeds : int
        Runs whose mean is a unit's value.
    icc_metric, icc_outcome : float
        Share of the variance of runs that lies between placements, above 0 to 1.

    Raises
    ------
    UsageError
        If there is no seed, or an intraclass correlation is out of range.
    """
    if seeds < 1:
        raise UsageError(f"`seeds` is {seeds}; at least 1 seed is needed")
    for name, icc in (("icc_metric", icc_metric), ("icc_outcome", icc_outcome)):
        if not 0 < icc <= 1:
            raise UsageError(
                f"`{name}` is {icc}; an intraclass correlation must be above 0 and at most 1"
            )
    reliability = [seeds * icc / (1 + (seeds - 1) * icc) for icc in (icc_metric, icc_outcome)]
    return r * math.sqrt(reliability[0] * reliability[1])


def simulate(
    units: int,
    seeds: int,
    r: float,
    *,
    icc_metric: float = 1.0,
    icc_outcome: float = 1.0,
    level: float = 0.05,
    studies: int = 2000,
    permutations: int = 1999,
    seed: int = 0,
) -> float:
    """Return the share of simulated studies in which the permutation test of unit means rejects.

    Parameters
    ----------
    units, seeds : int
        Number of placements, and runs of each.
    r : float
        The true correlation of placements.
    icc_metric, icc_outcome : float
        Intraclass correlation of alignment and of performance.
    level : float
        Significance level of the test.
    studies, permutations, seed : int
        Number of studies, and number and seed of permutations. All studies share one sample
        of permutations; up to nine units every permutation is enumerated.
    """
    _check(units, r, level)
    rng = np.random.default_rng([seed, units, seeds])
    x, y = unit_values(rng, studies, units, seeds, r, icc_metric, icc_outcome)
    shared = UnitPermutations([str(i) for i in range(units)], permutations, seed)
    return float((permutation_p(x, y, shared) < level).mean())


def unit_values(
    rng: np.random.Generator,
    studies: int,
    units: int,
    seeds: int,
    r: float,
    icc_metric: float,
    icc_outcome: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate unit means of alignment and performance, ``(studies, units)`` each.

    Parameters
    ----------
    rng : Generator
    studies, units, seeds : int
        Number of studies, placements per study and runs per placement.
    r : float
        The true correlation of placements.
    icc_metric, icc_outcome : float
        Intraclass correlation of alignment and of performance.
    """
    x = rng.standard_normal((studies, units))
    y = r * x + math.sqrt(1 - r * r) * rng.standard_normal((studies, units))
    noisy = []
    for values, icc in ((x, icc_metric), (y, icc_outcome)):
        # The variance of a mean over seeds is the variance of one seed over their number.
        deviation = math.sqrt((1 - icc) / icc / seeds)
        noisy.append(values + deviation * rng.standard_normal(values.shape))
    return noisy[0], noisy[1]


def permutation_p(x: np.ndarray, y: np.ndarray, permutations: UnitPermutations) -> np.ndarray:
    """Return the permutation p of many studies of the same size, ``(studies,)``.

    Parameters
    ----------
    x, y : ndarray (studies, units)
    permutations : UnitPermutations
        Shared by all studies.
    """
    p = np.empty(len(x))
    for i, (alignment, score) in enumerate(zip(x, y, strict=True)):
        null = null_correlations(alignment[:, None], score, permutations.indices)[:, 0]
        r = float(np.corrcoef(alignment, score)[0, 1])
        p[i] = p_value(r, null, permutations.exact)[0]
    return p


def _check(n: int, r: float, level: float) -> None:
    if n < MIN_UNITS_INTERVAL:
        raise UsageError(f"{n} unit(s): power needs at least {MIN_UNITS_INTERVAL}")
    if not -1 <= r <= 1:
        raise UsageError(f"`r` is {r}; a correlation must be between -1 and 1")
    if not 0 < level < 1:
        raise UsageError(f"`level` is {level}; a significance level must be between 0 and 1")
