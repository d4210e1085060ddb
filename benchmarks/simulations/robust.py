"""Verdicts of ``alignkit correlate`` when the data are not nice.

Alignment and performance are independent, or uncorrelated, but one placement is an outlier of
five standard deviations on both axes in random directions; or the seeds of some placements vary
far more than those of others (a standard deviation of 1 of the logarithm, ICC 0.3); or
performance is the square of alignment. ``before`` is the rule without robust tests, on the same
studies: corrected p below 0.05, and the sign kept in ranks and whichever unit is left out.
Power is that of the verdict, on Gaussian placements.

Studies are computed together: a permutation test of all studies is one product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from alignkit.statistics.correlation.robust import turning_p
from alignkit.statistics.correlation.verdict import judge
from simulations.rows import SEED, Row

PERMUTATIONS = 999
UNITS = (8, 12, 16, 30)
FAMILY_UNITS = (8, 12, 30)
METRICS = 4
SHARED = 0.8  # variance that the metrics of a family share
_CHUNK = 250  # studies at a time
_ROUNDING = 2e-6  # of float32

Pair = tuple[np.ndarray, np.ndarray]
Design = Callable[[np.random.Generator, tuple[int, int]], tuple[Sequence[np.ndarray], np.ndarray]]


def gaussian(rng: np.random.Generator, shape: tuple[int, int], r: float = 0.0) -> Pair:
    """Return Gaussian x and y with correlation r, ``(studies, units)`` each."""
    x, noise = rng.standard_normal((2, *shape))
    return x, r * x + math.sqrt(1 - r * r) * noise


def outlier(rng: np.random.Generator, shape: tuple[int, int]) -> Pair:
    """Return independent x and y, one unit at plus or minus 5 on either axis."""
    x, y = rng.standard_normal((2, *shape))
    x[:, 0], y[:, 0] = 5 * rng.choice([-1, 1], (2, shape[0]))
    return x, y


def unequal_seeds(
    rng: np.random.Generator, shape: tuple[int, int], seeds: int = 3, icc: float = 0.3
) -> Pair:
    """Return independent means over seeds, whose standard deviation differs between units."""
    spread = np.exp(rng.standard_normal(shape)) * math.sqrt((1 - icc) / icc / seeds)
    x, y, x_noise, y_noise = rng.standard_normal((4, *shape))
    return x + spread * x_noise, y + spread * y_noise


def square(rng: np.random.Generator, shape: tuple[int, int], noise: float = 0.0) -> Pair:
    """Return x and its square, with noise of a standard deviation."""
    x, error = rng.standard_normal((2, *shape))
    return x, x**2 + noise * error


@dataclass(frozen=True)
class Permuted:
    """Permutations of n units as one matrix, for all studies at once.

    Attributes
    ----------
    places : ndarray (n * n, m)
        1 where a permutation puts a unit of y beside a unit of x.
    """

    places: np.ndarray

    @classmethod
    def of(cls, n: int, permutations: int = PERMUTATIONS, seed: int = SEED) -> Permuted:
        """Draw permutations of n units."""
        rng = np.random.default_rng([seed, n])
        rows = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
        places = np.zeros((n * n, permutations), np.float32)
        places[np.arange(n) * n + rows, np.arange(permutations)[:, None]] = 1
        return cls(places)

    def sums(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the sum of products of x with permuted y, ``(studies, m)``."""
        products = (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)
        return products.astype(np.float32) @ self.places

    def null(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return |r| of standardised x with permuted y, ``(studies, m)``."""
        return np.abs(self.sums(x, y))

    def studentised(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the studentised |r| of standardised x with permuted y, ``(studies, m)``."""
        return np.abs(self.sums(x, y)) / np.sqrt(self.sums(x**2, y**2))


def standard(values: np.ndarray) -> np.ndarray:
    """Return rows with mean 0 and length 1."""
    centred = values - values.mean(axis=-1, keepdims=True)
    rows: np.ndarray = centred / np.linalg.norm(centred, axis=-1, keepdims=True)
    return rows


def shares(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return the permutation p of each study, ``(studies,)``."""
    beyond = null >= (np.abs(observed) * (1 - _ROUNDING))[:, None]
    return (1 + beyond.sum(axis=1)) / (1 + null.shape[1])


def left_out(x: np.ndarray, y: np.ndarray) -> Pair:
    """Return the lowest and highest r without one unit, ``(studies,)`` each."""
    n = x.shape[1]
    r = np.stack(
        [
            (standard(np.delete(x, i, axis=1)) * standard(np.delete(y, i, axis=1))).sum(axis=1)
            for i in range(n)
        ]
    )
    return r.min(axis=0), r.max(axis=0)


def rows_of(metrics: Sequence[np.ndarray], y: np.ndarray, permuted: Permuted) -> list[list[dict]]:
    """Return, for each metric of a family and each study, the numbers that a verdict needs.

    Parameters
    ----------
    metrics : sequence of ndarray (studies, units)
    y : ndarray (studies, units)
    permuted : Permuted
    """
    ys, y_ranks = standard(y), standard(rankdata(y, axis=1))
    xs = [standard(x) for x in metrics]
    x_ranks = [standard(rankdata(x, axis=1)) for x in metrics]
    nulls = [permuted.null(x, ys) for x in xs]
    largest = np.max(nulls, axis=0)
    largest_rank = np.max([permuted.null(x, y_ranks) for x in x_ranks], axis=0)
    table = []
    for x, standardised, ranks, null in zip(metrics, xs, x_ranks, nulls, strict=True):
        products = standardised * ys
        r, rho = products.sum(axis=1), (ranks * y_ranks).sum(axis=1)
        by_error = r / np.sqrt((products**2).sum(axis=1))
        low, high = left_out(x, y)
        columns = {
            "pearson": r,
            "spearman": rho,
            "p": shares(r, null),
            "p_adjusted": shares(r, largest),
            "p_studentised": shares(by_error, permuted.studentised(standardised, ys)),
            "p_spearman_adjusted": shares(rho, largest_rank),
            "leave_one_out_low": low,
            "leave_one_out_high": high,
        }
        table.append(
            [
                {name: float(values[i]) for name, values in columns.items()}
                | {"family": "primary", "p_turn": turning_p(x[i], y[i])}
                for i in range(len(x))
            ]
        )
    return table


def former(row: dict, sign: int = 1) -> str:
    """Return the verdict of the rule without robust tests."""
    kept = row["leave_one_out_low"] * row["leave_one_out_high"] > 0
    agrees, expected = row["pearson"] * row["spearman"] > 0, row["pearson"] * sign > 0
    if row["p_adjusted"] < 0.05 and kept and agrees:
        return "supported" if expected else "contradicted"
    return "suggestive" if row["p"] < 0.05 and expected and agrees else "inconclusive"


def counts(
    design: Design, units: int, studies: int, seed: int = SEED
) -> dict[str, tuple[int, int]]:
    """Return in how many studies a claim was made, by the rule now and by the former one.

    Returns
    -------
    dict
        ``strong`` (supported or contradicted), ``suggestive``, ``p`` and ``studentised``
        (below 0.05), each for any metric of the family.
    """
    rng = np.random.default_rng([seed, units])
    permuted = Permuted.of(units)
    totals = {name: np.zeros(2, int) for name in ("strong", "suggestive", "p", "studentised")}
    for start in range(0, studies, _CHUNK):
        metrics, y = design(rng, (min(_CHUNK, studies - start), units))
        for family in zip(*rows_of(metrics, y, permuted), strict=True):
            now = {judge(row, 1, "")[0] for row in family}
            before = {former(row) for row in family}
            strong = {"supported", "contradicted"}
            totals["strong"] += [bool(now & strong), bool(before & strong)]
            totals["suggestive"] += ["suggestive" in now, "suggestive" in before]
            totals["p"] += min(row["p"] for row in family) < 0.05
            totals["studentised"] += min(row["p_studentised"] for row in family) < 0.05
    return {name: (int(now), int(before)) for name, (now, before) in totals.items()}


def single(design: Callable[..., Pair], **options: float) -> Design:
    """Return a design with one metric."""

    def drawn(
        rng: np.random.Generator, shape: tuple[int, int]
    ) -> tuple[Sequence[np.ndarray], np.ndarray]:
        x, y = design(rng, shape, **options)
        return [x], y

    return drawn


def family(design: Callable[..., Pair], **options: float) -> Design:
    """Return a design with metrics that measure x, each with an error of its own."""

    def drawn(
        rng: np.random.Generator, shape: tuple[int, int]
    ) -> tuple[Sequence[np.ndarray], np.ndarray]:
        x, y = design(rng, shape, **options)
        scale = np.sqrt((1 - SHARED) / SHARED)
        errors = rng.standard_normal((METRICS, *shape)) * scale
        if design is outlier:
            errors[:, :, 0] = 0
        return [x + error for error in errors], y

    return drawn


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    nulls = (
        ("no association", single(gaussian), "at most 0.06"),
        ("an outlier of 5 SD", single(outlier), "at most 0.06"),
        ("unequal seeds", single(unequal_seeds), "at most 0.06"),
        ("y = x^2", single(square), "at most 0.08"),
        ("y = x^2 with noise", single(square, noise=1.0), "at most 0.08"),
    )
    for case, design, limit in nulls:
        for n in UNITS:
            yield from _rows(f"{case}; {n}", counts(design, n, studies), studies, limit)
    for r in (0.5, 0.7, 0.8):
        for n in UNITS:
            total = counts(single(gaussian, r=r), n, studies)
            yield from _power(f"true r {r}; {n}", total, studies)
    for case, design, limit in (
        ("no association", family(gaussian), "at most 0.06"),
        ("an outlier of 5 SD", family(outlier), "at most 0.06"),
        ("unequal seeds", family(unequal_seeds), "at most 0.06"),
        ("y = x^2 with noise", family(square, noise=1.0), "at most 0.08"),
    ):
        for n in FAMILY_UNITS:
            total = counts(design, n, studies)
            yield from _rows(f"{METRICS} metrics, {case}; {n}", total, studies, limit, False)
    for n in FAMILY_UNITS:
        total = counts(family(gaussian, r=0.8), n, studies)
        yield from _power(f"{METRICS} metrics, true r 0.8; {n}", total, studies)


def _rows(
    case: str, total: dict[str, tuple[int, int]], studies: int, limit: str, p: bool = True
) -> Iterator[Row]:
    now, before = total["strong"]
    yield Row(case, "supported or contradicted", now, studies, limit, before / studies)
    now, before = total["suggestive"]
    yield Row(case, "suggestive", now, studies, limit, before / studies)
    if p:
        yield Row(case, "p < 0.05", total["p"][0], studies)
        yield Row(case, "studentised p < 0.05", total["studentised"][0], studies)


def _power(case: str, total: dict[str, tuple[int, int]], studies: int) -> Iterator[Row]:
    now, before = total["strong"]
    least = max(0.0, before / studies - 0.2)
    yield Row(case, "supported", now, studies, f"at least {least:.3f}", before / studies)
