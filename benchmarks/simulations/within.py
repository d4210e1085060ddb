"""Streams that know each other's class and nothing else.

Given the class, they are independent. The null that permutes all rows asks for independence
and rejects; the null within classes must reject at 5 %. In studies of 10 placements, classes
differ more or less in both streams, and accuracy rises with how much; plain alignment then goes
with accuracy, and alignment within classes must not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.metrics import Design, Representation, grid, resolve
from alignkit.statistics.association import associate
from simulations.rows import SEED, Row

N, CLASSES, WIDTH, NULL = 60, 3, 4, 39
PLACEMENTS = 10
# Rates of the null over all rows, and of plain alignment: the definitions before.
BEFORE = {"unbiased_cka": 1.0, "mknn:k=5": 1.0}


def streams(rng: np.random.Generator, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two streams whose class means have a standard deviation, and the labels."""
    label = rng.permutation(np.arange(N) % CLASSES)
    x, y = (
        strength * rng.standard_normal((CLASSES, WIDTH))[label] + rng.standard_normal((N, WIDTH))
        for _ in "xy"
    )
    return x, y, label


def rejects(spec: str, rng: np.random.Generator) -> bool:
    """Return whether the null within classes rejects at the 5 % level in one study."""
    x, y, label = streams(rng, 2.0)
    (value,) = grid(
        resolve(spec),
        [Representation(x)],
        [Representation(y)],
        null=NULL,
        seed=int(rng.integers(1 << 31)),
        design=Design.of(within=label),
    )
    return value.p is not None and value.p <= 0.05


def correlations(rng: np.random.Generator) -> tuple[float, float]:
    """Return p of alignment against accuracy over placements: plain, and within classes."""
    values: list[tuple[float, float]] = []
    accuracy = []
    metric = resolve("unbiased_cka")
    for strength in rng.uniform(0.3, 2.0, PLACEMENTS):
        x, y, label = streams(rng, strength)
        sides = [Representation(x)], [Representation(y)]
        both = [grid(metric, *sides, design=Design.of(within=c))[0].value for c in (None, label)]
        values.append((float(both[0] or 0), float(both[1] or 0)))
        accuracy.append(0.5 + 0.2 * strength + 0.04 * rng.standard_normal())
    p = [associate(column, np.array(accuracy), 399).p for column in np.array(values).T]
    return float(p[0] or 1), float(p[1] or 1)


def rows(studies: int) -> Iterator[Row]:
    """Yield the rates of the null within classes, and of associations that are not there."""
    for spec, before in BEFORE.items():
        rng = np.random.default_rng(SEED)
        times = sum(rejects(spec, rng) for _ in range(studies))
        case = f"independent given the class, {spec}, {N} samples in {CLASSES} classes"
        yield Row(case, "p <= 0.05", times, studies, "0.04 to 0.06", before)
    rng = np.random.default_rng(SEED)
    p = np.array([correlations(rng) for _ in range(studies)])
    plain, within = ((p <= 0.05).sum(axis=0)).tolist()
    case = f"class strength and accuracy vary over {PLACEMENTS} placements, unbiased_cka"
    yield Row(case, "p <= 0.05", within, studies, "at most 0.06", plain / studies)
