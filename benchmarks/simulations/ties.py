"""Neighbours that tie: are unrelated data with repeated values rejected at the level?

Both sides repeat a few distinct rows, drawn independently: one-hot answers, of which whole
classes tie, or vectors that a handful of samples share. ``p <= 0.05`` of 19 permutations has an
attainable level of exactly 5 %. Before, ties went to the lowest index on both sides, and the null
was that of permuted lists.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.metrics import Representation, grid, resolve
from simulations.rows import SEED, Row

SAMPLES, K, PERMUTATIONS = 40, 5, 19
METRICS = (
    "mknn",
    "jaccard",
    "cycle_knn",
    "rank_similarity",
    "cknna",
    "lcs_knn",
    "information_imbalance",
)
# Share of studies rejected by the former definition, in 100 and 60 studies of these designs.
BEFORE = {
    "4 one-hot answers": {
        "mknn": 0.57,
        "jaccard": 0.55,
        "cycle_knn": 0.03,
        "rank_similarity": 0.88,
        "cknna": 0.52,
        "lcs_knn": 0.80,
        "information_imbalance": 0.07,
    },
    "16 vectors": {
        "mknn": 0.067,
        "jaccard": 0.083,
        "cycle_knn": 0.017,
        "rank_similarity": 0.05,
        "cknna": 0.033,
        "lcs_knn": 0.083,
        "information_imbalance": 0.067,
    },
}
DESIGNS = {"4 one-hot answers": 4, "16 vectors": 16}


def pair(design: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Return two unrelated matrices of ``SAMPLES`` rows with few distinct ones."""
    levels = DESIGNS[design]
    tables = [
        np.eye(levels) if "one-hot" in design else rng.standard_normal((levels, 6)) for _ in "xy"
    ]
    return [table[rng.integers(0, levels, SAMPLES)] for table in tables]


def rejected(metric: str, design: str, studies: int) -> tuple[int, int]:
    """Return how many studies are rejected, and in how many the metric is defined."""
    rng = np.random.default_rng([SEED, DESIGNS[design]])
    spec = resolve(metric if metric == "information_imbalance" else f"{metric}:k={K}")
    times = defined = 0
    for study in range(studies):
        x, y = (Representation(side) for side in pair(design, rng))
        (value,) = grid(spec, [x], [y], null=PERMUTATIONS, seed=study)
        defined += value.p is not None
        times += value.p is not None and value.p <= 0.05
    return times, defined


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for design in DESIGNS:
        for metric in METRICS:
            times, defined = rejected(metric, design, studies)
            if defined >= studies / 2:  # lists of tied neighbours are undefined
                case = f"unrelated; {design}, n = {SAMPLES}, k = {K}"
                before = BEFORE.get(design, {}).get(metric)
                yield Row(case, f"{metric}: p <= 0.05", times, defined, "at most 0.06", before)
