"""How likely a study is to find an association that is there, and how many placements it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.errors import UsageError
from alignkit.statistics.permutation import Orders, null_correlations, p_value

if TYPE_CHECKING:
    import pandas as pd

LEAST_UNITS = 4
MOST_UNITS = 2000
_NODES = 128


def power(n: int, r: float, level: float = 0.05) -> float:
    """Chance that a two-sided test of a correlation over n units rejects, exactly.

    Fisher's representation: with x and y normal, the t statistic of a sample is, given the
    spread of x in it, noncentral t with noncentrality rho / sqrt(1 - rho^2) times that spread.
    The spread is chi distributed, and integrated over.

    Parameters
    ----------
    n : int
        Units; at least 4.
    r : float
        The true correlation of unit means, -1 to 1.
    level : float
        Of the test, after division by the number of tests where Bonferroni's bound is meant.
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
    # Far in the tail of either side the library gives NaN where the value is 0 or 1.
    above = np.where(np.isnan(above), (away > beyond).astype(float), above)
    return float(np.clip((weights / 2) @ (above + np.nan_to_num(below)), 0, 1))


def needed(r: float, target: float = 0.8, level: float = 0.05) -> int | None:
    """The fewest units with at least this power; None where even 2,000 are too few."""
    low, high = LEAST_UNITS, MOST_UNITS
    if power(high, r, level) < target:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, r, level) >= target else (middle + 1, high)
    return low


@dataclass
class Plan:
    """What ``plan`` found.

    Attributes
    ----------
    table : DataFrame
        ``placements``, ``seeds``, ``tests``, ``level`` (of one test, after Bonferroni),
        ``observed_r`` and ``power``; ``simulated`` where studies were simulated.
    settings : dict
        With ``needed``: the fewest placements per number of tests.
    warnings : list of str
    """

    table: pd.DataFrame
    settings: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


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
        The true correlation of placements.
    placements, tests : sequence of int
    seeds : int
    icc_metric, icc_outcome : float
        How alike the seeds of a placement are; 1 where seeds do not matter.
    target : float
        The power that is wanted.
    level : float
    studies, seed : int
        Simulated studies per row, with the permutation test itself; none when 0.

    Raises
    ------
    UsageError
        For numbers that cannot be.
    """
    import pandas as pd

    if not 0 < target < 1:
        raise UsageError(f"the power wanted is {target}; it must be between 0 and 1")
    if min(tests) < 1:
        raise UsageError(f"{min(tests)} test(s); at least 1 is needed")
    left = observed_r(r, seeds, icc_metric, icc_outcome)
    rows = []
    for m in sorted(set(tests)):
        for n in sorted(set(placements)):
            row = {
                "placements": n,
                "seeds": seeds,
                "tests": m,
                "level": level / m,
                "observed_r": left,
                "power": power(n, left, level / m),
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
    needs = [
        {"tests": m, "placements": needed(left, target, level / m)} for m in sorted(set(tests))
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
        "needed": needs,
    }
    warnings = []
    if min(placements) < 6:
        warnings.append("with fewer than 6 placements correlate makes no test")
    if abs(left) < abs(r):
        warnings.append(f"seeds blur r = {r:g} to {left:.2f} between unit means")
    return Plan(pd.DataFrame(rows), settings, warnings)


def observed_r(r: float, seeds: int, icc_metric: float = 1.0, icc_outcome: float = 1.0) -> float:
    """What is left of a true correlation of placements once seeds blur both sides (Spearman 1904).

    Parameters
    ----------
    r : float
    seeds : int
        Runs whose mean is a unit's value.
    icc_metric, icc_outcome : float
        Share of the variance of runs that lies between placements, above 0 to 1.
    """
    if seeds < 1:
        raise UsageError(f"{seeds} seed(s); at least 1 is needed")
    for icc in (icc_metric, icc_outcome):
        if not 0 < icc <= 1:
            raise UsageError(f"an intraclass correlation is {icc}; it must be above 0, at most 1")
    reliable = [seeds * icc / (1 + (seeds - 1) * icc) for icc in (icc_metric, icc_outcome)]
    return r * math.sqrt(reliable[0] * reliable[1])


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
    """Share of simulated studies in which the permutation test of unit means rejects.

    Parameters
    ----------
    units, seeds : int
    r : float
        The true correlation of placements.
    icc_metric, icc_outcome : float
        How alike the seeds of a placement are.
    studies, permutations, seed : int
        Permutations are drawn anew for no study: where there are more than nine units, one
        draw serves all.
    """
    _check(units, r, level)
    rng = np.random.default_rng([seed, units, seeds])
    x, y = unit_values(rng, studies, units, seeds, r, icc_metric, icc_outcome)
    orders = Orders([str(i) for i in range(units)], permutations, seed)
    return float((permutation_p(x, y, orders) < level).mean())


def unit_values(
    rng: np.random.Generator,
    studies: int,
    units: int,
    seeds: int,
    r: float,
    icc_metric: float,
    icc_outcome: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Unit means of simulated studies, alignment and performance, ``(studies, units)`` each."""
    x = rng.standard_normal((studies, units))
    y = r * x + math.sqrt(1 - r * r) * rng.standard_normal((studies, units))
    noisy = []
    for values, icc in ((x, icc_metric), (y, icc_outcome)):
        # The mean of so many seeds has their variance over their number.
        blur = math.sqrt((1 - icc) / icc / seeds)
        noisy.append(values + blur * rng.standard_normal(values.shape))
    return noisy[0], noisy[1]


def permutation_p(x: np.ndarray, y: np.ndarray, orders: Orders) -> np.ndarray:
    """Permutation p of many studies of the same size, ``(studies,)``."""
    found = np.empty(len(x))
    for i, (one, other) in enumerate(zip(x, y, strict=True)):
        null = null_correlations(one[:, None], other, orders.order)[:, 0]
        r = float(np.corrcoef(one, other)[0, 1])
        found[i] = p_value(r, null, orders.exact)[0]
    return found


def _check(n: int, r: float, level: float) -> None:
    if n < LEAST_UNITS:
        raise UsageError(f"{n} unit(s); power is computed from {LEAST_UNITS} on")
    if not -1 <= r <= 1:
        raise UsageError(f"r is {r}; it must be between -1 and 1")
    if not 0 < level < 1:
        raise UsageError(f"the level is {level}; it must be between 0 and 1")
