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
from alignkit.statistics.permutation import UnitPermutations
from alignkit.statistics.power import permutation_p
from simulations.crossed import rejections
from simulations.rows import SEED, Row

N, CLASSES, WIDTH, NULL = 60, 3, 4, 39
PLACEMENTS, PERMUTATIONS = 10, 999
SPECS = ("unbiased_cka", "mknn:k=5")
LABELS = np.arange(N) % CLASSES
DESIGNS = (Design(), Design.of(within=LABELS))  # plain, and within classes
_TOGETHER = 2  # studies of placements that are measured at once


def streams(rng: np.random.Generator, strength: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return two streams whose class means have a standard deviation."""
    x, y = (
        strength * rng.standard_normal((CLASSES, WIDTH))[LABELS] + rng.standard_normal((N, WIDTH))
        for _ in "xy"
    )
    return x, y


def rejected(spec: str, studies: int, design: Design, seed: int = SEED) -> tuple[int, int]:
    """Return how many studies a null rejects at 5 %, and how many were made."""
    return rejections(spec, streams, studies, np.random.default_rng(seed), NULL, design)


def correlations(studies: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """Correlate alignment, plain and within classes, with accuracy over placements.

    Returns
    -------
    r, p : ndarray (studies, 2)
    """
    rng = np.random.default_rng(seed)
    strength = rng.uniform(0.3, 2.0, (studies, PLACEMENTS))
    accuracy = 0.5 + 0.2 * strength + 0.04 * rng.standard_normal(strength.shape)
    metric, columns = resolve("unbiased_cka"), []
    for start in range(0, studies, _TOGETHER):
        drawn = [streams(rng, value) for value in strength[start : start + _TOGETHER].flat]
        xs, ys = ([Representation(pair[at]) for pair in drawn] for at in (0, 1))
        pairs = [(i, i) for i in range(len(drawn))]
        columns.append(
            [[v.value for v in grid(metric, xs, ys, pairs=pairs, design=d)] for d in DESIGNS]
        )
    alignment = np.concatenate(columns, axis=1).astype(float).reshape(2, studies, PLACEMENTS)
    permutations = UnitPermutations([str(i) for i in range(PLACEMENTS)], PERMUTATIONS, seed)
    r = [[np.corrcoef(x, y)[0, 1] for x, y in zip(a, accuracy, strict=True)] for a in alignment]
    p = [permutation_p(a, accuracy, permutations) for a in alignment]
    return np.array(r).T, np.array(p).T


def rows(studies: int) -> Iterator[Row]:
    """Yield the rates of the null within classes, and of associations that are not there."""
    for spec in SPECS:
        (plain, made), (within, _) = (rejected(spec, studies, design) for design in DESIGNS)
        case = f"independent given the class, {spec}, {N} samples in {CLASSES} classes"
        yield Row(case, "p <= 0.05", within, made, "0.04 to 0.06", plain / made)
    r, p = correlations(studies)
    case = f"class strength and accuracy vary over {PLACEMENTS} placements, unbiased_cka"
    plain, within = ((p <= 0.05).sum(axis=0)).tolist()
    yield Row(case, "p <= 0.05", within, studies, "0.04 to 0.06", plain / studies)
    plain, within = ((r > 0.5).sum(axis=0)).tolist()
    yield Row(case, "r above 0.5", within, studies, "", plain / studies)
