"""Samples that come in groups of five, such as the captions of one picture.

Groups resemble each other within both streams. Where the streams are otherwise independent, the
null that permutes whole groups must reject at 5 %. Where they are aligned, intervals from halves
of the groups must cover the value that such data have on average; those from halves of the
samples did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from alignkit.metrics import Design, Representation, grid, resolve
from simulations.crossed import rejections
from simulations.rows import SEED, Row

GROUPS, SIZE, WIDTH, NULL, HALVES = 24, 5, 4, 39, 60
CODES = np.repeat(np.arange(GROUPS), SIZE)
TRUTH = 4000  # draws from which the average value is taken
METRICS = ("cka", "unbiased_cka", "mknn:k=5")
PLAIN, GROUPED = Design(), Design.of(groups=CODES)
_TOGETHER = 10  # studies that are measured at once, on the same halves


def streams(rng: np.random.Generator, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two streams of grouped samples that share a part of what their groups are."""
    common = rng.standard_normal((GROUPS, WIDTH))
    x, y = (
        (shared * common + rng.standard_normal((GROUPS, WIDTH)))[CODES]
        + 0.5 * rng.standard_normal((len(CODES), WIDTH))
        for _ in "xy"
    )
    return x, y


def rejected(spec: str, studies: int, design: Design, seed: int = SEED) -> tuple[int, int]:
    """Return how many studies of independent streams are rejected, and how many were made."""
    draw = partial(streams, shared=0.0)
    return rejections(spec, draw, studies, np.random.default_rng(seed), NULL, design)


def covered(spec: str, studies: int, design: Design, seed: int = SEED, draws: int = TRUTH) -> int:
    """Return in how many studies the interval of aligned streams covers the average value."""
    truth = np.mean(measured(spec, draws, design, np.random.default_rng(seed + 1), 0)[:, 0])
    intervals = measured(spec, studies, design, np.random.default_rng(seed), HALVES)
    return int(((intervals[:, 1] <= truth) & (truth <= intervals[:, 2])).sum())


def measured(
    spec: str, studies: int, design: Design, rng: np.random.Generator, halves: int
) -> np.ndarray:
    """Return value, low and high of aligned streams, ``(studies, 3)``."""
    rows: list[tuple[float | None, ...]] = []
    while len(rows) < studies:
        drawn = [streams(rng, 1.0) for _ in range(min(_TOGETHER, studies - len(rows)))]
        xs, ys = ([Representation(pair[at]) for pair in drawn] for at in (0, 1))
        pairs, seed = [(i, i) for i in range(len(drawn))], int(rng.integers(1 << 31))
        values = grid(resolve(spec), xs, ys, pairs=pairs, interval=halves, seed=seed, design=design)
        rows += [(value.value, value.low, value.high) for value in values]
    return np.array(rows, dtype=float)


def rows(studies: int) -> Iterator[Row]:
    """Yield rates of rejection and of coverage, those without groups as the former definition."""
    shown = f"{GROUPS} groups of {SIZE}"
    for spec in METRICS:
        (before, made), (times, _) = (rejected(spec, studies, d) for d in (PLAIN, GROUPED))
        limit = "0.04 to 0.06"
        yield Row(f"{spec}, {shown}", "p <= 0.05", times, made, limit, before / made)
    few = max(1, studies // 10)  # for the former definition, whose rates are far from the limit
    for spec in METRICS:
        times, before = covered(spec, studies, GROUPED), covered(spec, few, PLAIN)
        limit = "at least 0.93"
        yield Row(f"{spec}, {shown}", "interval covers", times, studies, limit, before / few)
