"""``alignkit correlate --control``: a third variable explains half of both sides.

Alignment and performance are independent given the size of the model, which explains half of the
variance of either. ``before`` is the test without a control, on the same studies. With a family
of four metrics, p is corrected by max-T over permuted residuals. Power is that of a partial
correlation of 0.7, compared with that of a plain one over one unit fewer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from alignkit.statistics.controls import adjusted, orthonormal
from alignkit.statistics.power import power
from simulations.robust import METRICS, SHARED, Permuted, shares, standard
from simulations.rows import SEED, Row

UNITS = (8, 10, 16, 30)
_CHUNK = 250


def drawn(
    rng: np.random.Generator, shape: tuple[int, int], r: float = 0.0, metrics: int = 1
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return metrics, performance and size, ``(studies, units)`` each.

    Parameters
    ----------
    rng : Generator
    shape : (studies, units)
    r : float
        The true correlation of alignment and performance given the size.
    metrics : int
        Number of metrics that measure alignment, each with an error of its own if several.
    """
    size, own, noise = rng.standard_normal((3, *shape))
    alignment = math.sqrt(0.5) * (size + own)
    performance = math.sqrt(0.5) * (size + r * own + math.sqrt(1 - r * r) * noise)
    if metrics == 1:
        return [alignment], performance, size
    errors = rng.standard_normal((metrics, *shape)) * math.sqrt((1 - SHARED) / SHARED)
    return [alignment + error for error in errors], performance, size


def residuals(values: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the standardised residuals of each study, ``(studies, units)``."""
    rows = zip(values, size, strict=True)
    return standard(np.stack([adjusted(v, orthonormal(s[:, None])) for v, s in rows]))


def smallest_p(
    metrics: list[np.ndarray], y: np.ndarray, size: np.ndarray, permuted: Permuted
) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest corrected p of each study, with and without the control."""
    z, left = standard(size), residuals(y, size)
    explained = permuted.sums(z, left) ** 2
    partial = [residuals(x, size) for x in metrics]
    nulls = [permuted.null(x, left) / np.sqrt(1 - explained) for x in partial]
    strongest = np.max([np.abs((x * left).sum(axis=1)) for x in partial], axis=0)
    controlled = shares(strongest, np.max(nulls, axis=0))
    plain, ys = [standard(x) for x in metrics], standard(y)
    strongest = np.max([np.abs((x * ys).sum(axis=1)) for x in plain], axis=0)
    nulls = [permuted.null(x, ys) for x in plain]
    return controlled, shares(strongest, np.max(nulls, axis=0))


def rejected(
    units: int, studies: int, r: float = 0.0, metrics: int = 1, seed: int = SEED
) -> tuple[int, int]:
    """Return how many studies have a corrected p below 0.05, with and without the control."""
    rng = np.random.default_rng([seed, units, metrics])
    permuted = Permuted.of(units)
    counted = np.zeros(2, int)
    for start in range(0, studies, _CHUNK):
        shape = (min(_CHUNK, studies - start), units)
        both = smallest_p(*drawn(rng, shape, r, metrics), permuted)
        counted += [int((p < 0.05).sum()) for p in both]
    return int(counted[0]), int(counted[1])


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for metrics in (1, METRICS):
        for n in UNITS:
            now, before = rejected(n, studies, metrics=metrics)
            case = f"size explains half of both; {n}" + f", {metrics} metrics" * (metrics > 1)
            counted = "p < 0.05" if metrics == 1 else "a corrected p < 0.05"
            yield Row(case, counted, now, studies, "0.04 to 0.06", before / studies)
    for n in UNITS:
        now, before = rejected(n, studies, r=0.7)
        limit = f"predicted {power(n - 1, 0.7):.3f}"
        yield Row(f"true partial r 0.7; {n}", "p < 0.05", now, studies, limit, before / studies)
