"""Samples that come in groups of five, such as the captions of one picture.

Groups resemble each other within both streams. Where the streams are otherwise independent, the
null that permutes whole groups must reject at 5 %. Where they are aligned, intervals from halves
of the groups must cover the value that such data have on average; those from halves of the
samples did not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.metrics import Design, Representation, grid, resolve
from simulations.rows import SEED, Row

GROUPS, SIZE, WIDTH, NULL, HALVES = 24, 5, 4, 39, 60
TRUTH = 2000  # draws from which the average value is taken
METRICS = ("cka", "unbiased_cka", "mknn:k=5")


def streams(rng: np.random.Generator, shared: float, groups: np.ndarray) -> list[Representation]:
    """Return two streams of grouped samples that share a part of what their groups are."""
    common = rng.standard_normal((GROUPS, WIDTH))
    return [
        Representation(
            (shared * common + rng.standard_normal((GROUPS, WIDTH)))[groups]
            + 0.5 * rng.standard_normal((len(groups), WIDTH))
        )
        for _ in "xy"
    ]


def rejects(spec: str, rng: np.random.Generator, design: Design) -> bool:
    """Return whether the null rejects independent streams at the 5 % level."""
    x, y = streams(rng, 0.0, _groups())
    seed = int(rng.integers(1 << 31))
    (value,) = grid(resolve(spec), [x], [y], null=NULL, seed=seed, design=design)
    return value.p is not None and value.p <= 0.05


def covers(spec: str, rng: np.random.Generator, design: Design, truth: float) -> bool:
    """Return whether the interval of aligned streams covers the average value."""
    x, y = streams(rng, 1.0, _groups())
    seed = int(rng.integers(1 << 31))
    (value,) = grid(resolve(spec), [x], [y], interval=HALVES, seed=seed, design=design)
    assert value.low is not None
    assert value.high is not None
    return value.low <= truth <= value.high


def average(spec: str, design: Design) -> float:
    """Return the average value of aligned streams."""
    rng = np.random.default_rng(SEED + 1)
    metric = resolve(spec)
    values = []
    for _ in range(TRUTH):
        x, y = streams(rng, 1.0, _groups())
        values.append(float(grid(metric, [x], [y], design=design)[0].value or 0.0))
    return float(np.mean(values))


def _groups() -> np.ndarray:
    return np.repeat(np.arange(GROUPS), SIZE)


def rows(studies: int) -> Iterator[Row]:
    """Yield rates of rejection and of coverage, those without groups as the former definition."""
    grouped, plain = Design.of(groups=_groups()), Design()
    shown = f"{GROUPS} groups of {SIZE}"
    few = max(1, studies // 10)  # for the former definition, whose rates are far from the limits
    for counted, limit in (("p <= 0.05", "0.04 to 0.06"), ("interval covers", "at least 0.93")):
        for spec in METRICS:
            times = []
            for design, repeated in ((plain, few), (grouped, studies)):
                rng = np.random.default_rng(SEED)
                if counted == "p <= 0.05":
                    hits = [rejects(spec, rng, design) for _ in range(repeated)]
                else:
                    truth = average(spec, design)
                    hits = [covers(spec, rng, design, truth) for _ in range(repeated)]
                times.append(sum(hits))
            before = times[0] / few
            yield Row(f"{spec}, {shown}", counted, times[1], studies, limit, before)
