"""Streams that know each other's class and nothing else.

Given the class, they are independent. The null that permutes all rows asks for independence
and rejects; the null within classes must reject at 5 %. In studies of 10 placements, classes
differ more or less in both streams, and accuracy rises with how much; plain alignment then goes
with accuracy, and alignment within classes must not. Before: the null over all rows, and
plain alignment.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.metrics import Design, Representation, grid, resolve
from alignkit.statistics.association import associate
from simulations.rows import SEED, Row

N, CLASSES, WIDTH, NULL = 60, 3, 4, 39
PLACEMENTS = 10
SPECS = ("unbiased_cka", "mknn:k=5")


def streams(rng: np.random.Generator, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two streams whose class means have a standard deviation, and the labels."""
    label = rng.permutation(np.arange(N) % CLASSES)
    x, y = (
        strength * rng.standard_normal((CLASSES, WIDTH))[label] + rng.standard_normal((N, WIDTH))
        for _ in "xy"
    )
    return x, y, label


def rejections(spec: str, rng: np.random.Generator) -> tuple[bool, bool]:
    """Return whether the nulls over all rows and within classes reject at 5 % in one study."""
    x, y, label = streams(rng, 2.0)
    seed = int(rng.integers(1 << 31))
    p = []
    for classes in (None, label):
        design = Design.of(within=classes)
        sides = [Representation(x)], [Representation(y)]
        (value,) = grid(resolve(spec), *sides, null=NULL, seed=seed, design=design)
        p.append(1.0 if value.p is None else value.p)
    return p[0] <= 0.05, p[1] <= 0.05


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
    for spec in SPECS:
        rng = np.random.default_rng(SEED)
        plain, within = np.sum([rejections(spec, rng) for _ in range(studies)], axis=0).tolist()
        case = f"independent given the class, {spec}, {N} samples in {CLASSES} classes"
        yield Row(case, "p <= 0.05", within, studies, "0.04 to 0.06", plain / studies)
    rng = np.random.default_rng(SEED)
    p = np.array([correlations(rng) for _ in range(studies)])
    plain, within = ((p <= 0.05).sum(axis=0)).tolist()
    case = f"class strength and accuracy vary over {PLACEMENTS} placements, unbiased_cka"
    yield Row(case, "p <= 0.05", within, studies, "at most 0.06", plain / studies)
