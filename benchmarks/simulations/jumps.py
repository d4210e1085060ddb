"""Changes from layer to layer at fusions, against other layers and against the same ones without.

Seven placements with two seeds, twelve layers, two fusions in six of them; changes of a placement
share a part of their noise, and may depend on depth. Where fusions stand early and the first
layers change most whatever is between them (``trend``, in standard deviations from the first step
to the last), only the exchange of placements keeps its level: that of signs assumes that a
placement's difference would be symmetric around zero without fusions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignkit.statistics.fusions import compared, fusion_contrast, mean_change, sign_flips
from alignkit.statistics.permutation import UnitPermutations
from simulations.rows import SEED, Row

PLACEMENTS, STEPS, SEEDS = 7, 11, 2
CASES: tuple[tuple[str, str, float, float, str], ...] = (
    ("within", "no jump, no trend over depth", 0.0, 0.0, "at most 0.06"),
    ("within", "no jump, early layers change most", 3.0, 0.0, "assumption broken"),
    ("within", "jump of 1 SD", 0.0, 1.0, "power"),
    ("against", "no jump, no trend over depth", 0.0, 0.0, "at most 0.06"),
    ("against", "no jump, early layers change most", 3.0, 0.0, "at most 0.06"),
    ("against", "jump of 1 SD", 0.0, 1.0, "power"),
)


def study(rng: np.random.Generator, trend: float, effect: float) -> tuple[np.ndarray, np.ndarray]:
    """Return absolute changes, means over seeds, and where fusions stand, mostly early.

    Returns
    -------
    ndarray (placements, steps), ndarray of bool (placements, steps)
    """
    fused = np.zeros((PLACEMENTS, STEPS), bool)
    for row in range(1, PLACEMENTS):
        fused[row, rng.choice(STEPS // 2 if row < 5 else STEPS, 2, replace=False)] = True
    depth = trend * np.linspace(1, 0, STEPS)
    shape = (SEEDS, PLACEMENTS, STEPS)
    noise = 0.5 * rng.standard_normal((1, PLACEMENTS, 1)) + rng.standard_normal(shape)
    change = np.abs(4 + depth + effect * fused + noise).mean(axis=0)
    return change, fused


def rejections(scheme: str, trend: float, effect: float, studies: int, seed: int = SEED) -> int:
    """Return in how many studies a jump is claimed at 5 %.

    Parameters
    ----------
    scheme : str
        ``within`` flips the signs of placements; ``against`` exchanges them.
    trend : float
        How much more the first step changes than the last, in standard deviations.
    effect : float
        How much more changes at fusions, likewise.
    studies, seed : int
    """
    rng = np.random.default_rng([seed, len(scheme), int(trend), int(effect)])
    signs, exact = sign_flips(PLACEMENTS - 1)
    claimed = 0
    for _ in range(studies):
        change, fused = study(rng, trend, effect)
        if scheme == "within":
            differences = [
                row[at].mean() - row[~at].mean()
                for row, at in zip(change, fused, strict=True)
                if at.any()
            ]
            tested = mean_change(np.array(differences), signs, exact)
        else:
            names = [str(i) for i in np.flatnonzero(compared(fused, ~fused))]
            permutations = UnitPermutations(names, 999, 0)
            tested = fusion_contrast(change, fused, ~fused, permutations)
        claimed += tested.p is not None and tested.p < 0.05
    return claimed


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for scheme, name, trend, effect, limit in CASES:
        times = rejections(scheme, trend, effect, studies)
        yield Row(f"{scheme}: {name}", "claim", times, studies, limit, None)
