"""Studies of two unrelated sides, many at a time: every x is measured against every y.

A permutation test that is exact given either side rejects in one pair as often as in another,
whether or not these share a side: pairs are uncorrelated, and count as so many studies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alignkit.metrics import Design, Representation, grid, resolve

SIDE = 20  # representations of either side that are measured at once
Draw = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]


def rejections(
    spec: str,
    draw: Draw,
    studies: int,
    rng: np.random.Generator,
    permutations: int,
    design: Design | None = None,
) -> tuple[int, int]:
    """Return how many studies have p of at most 0.05, and how many were made.

    Parameters
    ----------
    spec : str
        The metric.
    draw : callable
        Returns x and y of one study, independent given the design.
    studies : int
        How many at least.
    rng : Generator
    permutations : int
    design : Design, optional
    """
    times = made = 0
    metric = resolve(spec)
    while made < studies:
        side = min(SIDE, int(np.ceil(np.sqrt(studies - made))))
        drawn = [draw(rng) for _ in range(side)]
        xs, ys = ([Representation(pair[at]) for pair in drawn] for at in (0, 1))
        seed = int(rng.integers(1 << 31))
        values = grid(metric, xs, ys, null=permutations, seed=seed, design=design or Design())
        p = [value.p for value in values if value.p is not None]
        assert len(p) == len(values), f"{spec} is undefined"
        times += sum(value <= 0.05 for value in p)
        made += len(p)
    return times, made
