"""The interaction of placement and task, and whether tasks prefer different placements.

Two tasks, scores with normal errors. No interaction: equal noise, one placement with four times
the noise, two with six times, and effects of seeds that placements share but tasks do not. One
task without any preference: an interaction, but no reversal; nor is there one where one task ranks
the first half of the placements and the other the second. Power: both tasks have effects of
placements of their own, or a single placement is better in one and worse in the other. Where the
noise is known, no test has to estimate it: the power of the same statistic is then a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alignkit.statistics.variance.blocks import Blocks
from alignkit.statistics.variance.interaction import interaction_share
from alignkit.statistics.variance.reversal import disagreement, reversal_p
from simulations.rows import SEED, Row

SIMULATED = 199


@dataclass(frozen=True)
class Design:
    """Placements, seeds and what is true of them.

    Attributes
    ----------
    placements, seeds : int
    noisy : tuple of float
        Standard deviations of the errors of the first placements; 1 for the others.
    in_second : bool
        Whether this noise is in the second task only.
    tails : float or None
        Degrees of freedom of Student's t of the errors, scaled to variance 1; normal without.
    shared : float
        Standard deviation of effects of seeds, one for each task, shared by placements.
    first, second : float
        Standard deviation of the effects of placements in each task.
    apart : float
        By how much the last placement is better in the first task and worse in the second.
    halves : float
        Step between placements: in the first half for the first task, then for the second.
    """

    placements: int = 8
    seeds: int = 3
    noisy: tuple[float, ...] = field(default=())
    in_second: bool = False
    tails: float | None = None
    shared: float = 0.0
    first: float = 0.0
    second: float = 0.0
    apart: float = 0.0
    halves: float = 0.0

    def studies(self, studies: int, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
        """Yield tables of scores, one row per placement and seed, one column per task."""
        p, s = self.placements, self.seeds
        index = pd.MultiIndex.from_product([range(p), range(s)], names=["placement", "seed"])
        deviation = np.ones((p, 1, 2))
        deviation[: len(self.noisy), 0, int(self.in_second) :] = np.reshape(self.noisy, (-1, 1))
        rank, half = np.arange(p), p // 2
        steps = np.stack([np.minimum(rank, half - 1), np.maximum(rank, half - 1) - half + 1], 1)
        for _ in range(studies):
            scores = deviation * self._noise(rng, (p, s, 2)) + self.halves * steps[:, None]
            scores += self.shared * rng.standard_normal((1, s, 2))
            scores += rng.standard_normal((p, 1, 2)) * np.array([self.first, self.second])
            scores[-1] += self.apart * np.array([1, -1])
            yield pd.DataFrame(scores.reshape(p * s, 2), index=index)

    def _noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if self.tails is None:
            return rng.standard_normal(shape)
        return rng.standard_t(self.tails, shape) / np.sqrt(self.tails / (self.tails - 2))


INTERACTIONS = (
    ("equal noise", Design(), "at most 0.06", 0.053),
    ("equal noise, 8 x 2", Design(seeds=2), "at most 0.06", 0.052),
    ("one placement, 4 times the noise", Design(noisy=(4,)), "at most 0.06", 0.171),
    ("two placements, 6 times the noise", Design(noisy=(6, 6)), "at most 0.06", 0.192),
    ("effects of seeds, SD 4", Design(shared=4), "at most 0.06", 0.002),
    ("interaction of SD 1", Design(first=1, second=1), "power", 0.709),
    ("interaction of SD 1, seeds SD 4", Design(first=1, second=1, shared=4), "power", 0.049),
    ("one placement differs by 2 and -2", Design(apart=2), "power", 0.773),
)
TWO = Design(first=2, second=2)
APART = Design(apart=2)
ONLY_SECOND = Design(first=5, noisy=(4,), in_second=True)
PREFERENCES = (
    ("only one task has a preference", Design(first=2), "at most 0.06", 0.88),
    ("the same, noise of one 4 times", Design(first=2, noisy=(4,)), "at most 0.06", 0.58),
    ("the same, noise of two 6 times", Design(first=2, noisy=(6, 6)), "at most 0.06", 0.28),
    ("the same, effects of seeds, SD 4", Design(first=2, shared=4), "at most 0.06", 0.11),
    ("only one, SD 5", Design(first=5), "at most 0.06", 0.74),
    ("only one, SD 5, noise of one 4 times", Design(first=5, noisy=(4,)), "at most 0.06", 0.69),
    ("only one, SD 5, 8 x 2", Design(seeds=2, first=5), "at most 0.06", 0.363),
    ("only one, SD 5, noise of one 4 times, in the other task", ONLY_SECOND, "at most 0.06", None),
    ("only one, SD 5, tails of t3", Design(first=5, tails=3), "at most 0.06", None),
    ("no preference in any task", Design(), "at most 0.06", None),
    ("each ranks one half, steps of 3", Design(halves=3), "at most 0.06", None),
    ("each ranks one half, steps of 5", Design(halves=5), "at most 0.06", None),
    ("both, of their own, SD 2", TWO, "power, at least 0.78", 0.979),
    ("one placement differs by 2 and -2", APART, "power", 0.773),
)


def significant(design: Design, studies: int, seed: int = SEED) -> int:
    """Return in how many studies the interaction is significant."""
    tables = design.studies(studies, np.random.default_rng([seed, design.seeds]))
    shares = (interaction_share(table, SIMULATED, i) for i, table in enumerate(tables))
    return sum(share.p is not None and share.p <= 0.05 for share in shares)


def preferences(design: Design, studies: int, seed: int = SEED) -> int:
    """Return in how many studies tasks are said to prefer different placements."""
    claims = 0
    for i, table in enumerate(design.studies(studies, np.random.default_rng([seed, 1]))):
        p = interaction_share(table, SIMULATED, i).p
        if p is not None and p <= 0.05:
            claims += reversal_p(_blocks(table), table.to_numpy(), SIMULATED, i) <= 0.05
    return claims


def preferences_by_known_noise(design: Design, studies: int, seed: int = SEED) -> int:
    """Return the same, by the disagreement relative to a known standard deviation of 1."""
    rng = np.random.default_rng([seed, 2])
    weights = np.full((design.placements, 2), float(design.seeds))
    claims = 0
    for table in design.studies(studies, np.random.default_rng([seed, 1])):
        blocks = _blocks(table)
        seen = blocks.means @ table.to_numpy()
        noise = blocks.means @ rng.standard_normal((SIMULATED, len(table), 2))
        observed = disagreement(seen, weights)
        extreme = max(
            int((disagreement(noise + seen * which, weights) >= observed).sum())
            for which in ([1, 0], [0, 1])
        )
        claims += (1 + extreme) / (1 + SIMULATED) <= 0.05
    return claims


def _blocks(table: pd.DataFrame) -> Blocks:
    levels = (table.index.get_level_values(name).to_numpy() for name in ("placement", "seed"))
    return Blocks.of(*levels)


def rows(studies: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    for name, design, limit, before in INTERACTIONS:
        times = significant(design, studies)
        yield Row(f"8 placements; {name}", "interaction: p < 0.05", times, studies, limit, before)
    claim = "claim that tasks prefer others"
    for name, design, limit, before in PREFERENCES:
        times = preferences(design, studies)
        yield Row(f"preferences: {name}", claim, times, studies, limit, before)
    for name, design in (("both, of their own, SD 2", TWO), ("one placement differs", APART)):
        times = preferences_by_known_noise(design, studies)
        yield Row(f"preferences: {name}", "the same, if the noise were known", times, studies)
