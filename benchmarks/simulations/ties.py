"""Neighbours that tie: are unrelated data with repeated values rejected at the level?

Both sides repeat a few distinct rows, drawn independently: one-hot answers, of which whole
classes tie, or vectors that a handful of samples share. ``p <= 0.05`` of 19 permutations has an
attainable level of exactly 5 %. Before, ties went to the lowest index on both sides, and the null
was that of permuted lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from simulations.crossed import rejections
from simulations.rows import SEED, Row

K, PERMUTATIONS = 5, 19
Pair = tuple[np.ndarray, np.ndarray]
SETS = ("mknn", "jaccard", "cycle_knn", "rank_similarity", "cknna", "information_imbalance")
# Shares of 400 studies that the former definitions rejected, in the order of the metrics.
FORMER_ANSWERS = (0.555, 0.525, 0.03, 0.72, 0.522, 0.06)
FORMER_VECTORS = (0.05, 0.058, 0.03, 0.09, None, None)


def answers(rng: np.random.Generator, levels: int = 4, samples: int = 40) -> Pair:
    """Return one-hot answers to two unrelated questions."""
    x, y = np.eye(levels)[rng.integers(0, levels, (2, samples))]
    return x, y


def vectors(rng: np.random.Generator, levels: int = 16, samples: int = 40) -> Pair:
    """Return two unrelated matrices that repeat random rows, each as often as chance has it."""
    x, y = (rng.standard_normal((levels, 6))[rng.integers(0, levels, samples)] for _ in "xy")
    return x, y


def twice(rng: np.random.Generator, levels: int = 6) -> Pair:
    """Return two unrelated matrices that have every row twice, so that lists have an order."""
    x, y = (rng.standard_normal((levels, 6))[rng.permutation(2 * levels) // 2] for _ in "xy")
    return x, y


Draw = Callable[[np.random.Generator], Pair]
# Designs, and their metrics with the share of studies that the former definition rejected.
DESIGNS: dict[str, tuple[Draw, dict[str, float | None]]] = {
    "4 one-hot answers, n = 40": (answers, dict(zip(SETS, FORMER_ANSWERS, strict=True))),
    "16 vectors, n = 40": (vectors, dict(zip(SETS, FORMER_VECTORS, strict=True))),
    "6 vectors, each twice, n = 12": (twice, dict.fromkeys(("lcs_knn", "mknn"))),
}


def rejected(metric: str, design: str, studies: int) -> tuple[int, int]:
    """Return how many studies are rejected, and how many were made."""
    rng = np.random.default_rng([SEED, list(DESIGNS).index(design)])
    spec = metric if metric == "information_imbalance" else f"{metric}:k={K}"
    return rejections(spec, DESIGNS[design][0], studies, rng, PERMUTATIONS)


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for design, (_, metrics) in DESIGNS.items():
        for metric, before in metrics.items():
            times, made = rejected(metric, design, studies)
            case = f"unrelated; {design}, k = {K}"
            yield Row(case, f"{metric}: p <= 0.05", times, made, "at most 0.06", before)
