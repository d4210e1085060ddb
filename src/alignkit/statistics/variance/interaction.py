"""Interaction of placement and task on the score: whether tasks prefer other placements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from alignkit.statistics.requirements import LEVEL
from alignkit.statistics.variance.blocks import Blocks, pair_t, welch_statistic
from alignkit.statistics.variance.decomposition import VarianceShare, reason_for_no_test

TIE = 1e-9


@dataclass(frozen=True)
class Interaction:
    """The interaction of placement and task on the score.

    Attributes
    ----------
    share : VarianceShare
        ``eta_squared`` is partial: interaction / (interaction + residual over seeds), without
        effects of seeds that all placements share.
    means : DataFrame (placements, tasks)
        Mean scores, divided by ``scale``.
    seeds : int
        Combinations of placement and seed that every task has; these are permuted.
    left_out : int
        Runs whose placement and seed are missing on some task.
    reversed_pairs, pairs : int
        Pairs of placements that some two tasks rank in opposite order, and all pairs.
    p_reversal : float or None
        Of the clearest reversal: the larger p of its two directions, corrected for all pairs of
        placements and of tasks.
    significant_reversals : int
        Reversed pairs whose p, corrected in the same way, is below 0.05.
    scale : dict of str to float
        Divisor of each task's scores.
    """

    share: VarianceShare
    means: pd.DataFrame
    seeds: int
    left_out: int
    reversed_pairs: int
    pairs: int
    p_reversal: float | None
    significant_reversals: int
    scale: dict[str, float]


def interaction(
    table: pd.DataFrame,
    value: str,
    *,
    standardise: bool = True,
    n_permutations: int = 9999,
    seed: int = 0,
) -> Interaction:
    """Test whether the differences between placements depend on the task.

    Runs of one placement and seed form a vector over tasks. Subtracting its mean over tasks
    removes everything that a placement does to all tasks alike. What is left is compared between
    placements within seeds, each placement weighed by its own noise, against a wild bootstrap
    (``alignkit.statistics.variance.blocks``): placements may differ in noise, and effects of
    seeds may be shared by all placements.

    An interaction does not say that tasks prefer different placements: one may have no
    preference at all. For that, one task must rank a pair significantly in one order and another
    task in the other (after Gail and Simon 1985).

    Parameters
    ----------
    table : DataFrame
        ``task``, ``placement``, ``seed`` and the value, one row per run. Runs that agree in
        all three are averaged.
    value : str
        The column of scores.
    standardise : bool
        Whether to divide by the standard deviation of each task's runs, because scores of
        different tasks have different units. Otherwise raw scores are compared.
    n_permutations, seed : int
        Number of sign flips, and their seed.

    Returns
    -------
    Interaction
        Its ``share`` has a ``reason`` where the data allow no test.
    """
    wide = table.pivot_table(index=["placement", "seed"], columns="task", values=value)
    complete = wide.dropna()
    left_out = int(wide.notna().sum().sum() - complete.notna().sum().sum())
    scale = _scales(complete, standardise)
    scaled = complete / pd.Series(scale, dtype=float) if len(complete) else complete
    means = scaled.groupby(level="placement").mean()
    share = interaction_share(scaled, n_permutations, seed)
    crossed, pairs = reversals(means.to_numpy(float))
    p = np.empty(0) if share.p is None else reversal_p(scaled, n_permutations, seed)
    return Interaction(
        share,
        means,
        len(complete),
        left_out,
        crossed,
        pairs,
        float(p.min()) if len(p) else None,
        int((p < LEVEL).sum()),
        scale,
    )


def reversal_p(scores: pd.DataFrame, n_flips: int = 9999, seed: int = 0) -> np.ndarray:
    """Return the p of the reversal of every pair of placements.

    For two tasks, a pair is reversed if its difference is significant in both and of opposite
    sign. Each direction is corrected for all pairs of placements (max-T under flipped
    residuals); the larger p of the two counts, as both must hold, times the pairs of tasks.

    Parameters
    ----------
    scores : DataFrame (runs, tasks)
        With the levels ``placement`` and ``seed`` of the index; none missing.
    n_flips, seed : int

    Returns
    -------
    ndarray (pairs of placements,)
        Of the two tasks that reverse it most clearly; 1 where none does.
    """
    blocks, values = _blocks(scores), scores.to_numpy(float)
    t, tasks = pair_t(blocks, values), list(combinations(range(values.shape[1]), 2))
    directions = [pair for a, b in tasks for pair in ((a, b), (b, a))]
    exceeded = {pair: np.ones(len(t)) for pair in directions}
    for chunk in blocks.flipped(values, n_flips, seed):
        null = pair_t(blocks, chunk)
        for first, second in directions:
            against = -np.sign(t[:, first])  # the sign that a reversal has in the second task
            largest = (against * null[..., second]).max(axis=1)
            observed = against * t[:, second]
            bound = observed - np.abs(observed) * TIE
            exceeded[first, second] += (largest[:, None] >= bound).sum(axis=0)
    both = [np.maximum(exceeded[a, b], exceeded[b, a]) / (1 + n_flips) for a, b in tasks]
    opposite = [t[:, a] * t[:, b] < 0 for a, b in tasks]
    p = np.array([np.where(o, q * len(tasks), 1) for o, q in zip(opposite, both, strict=True)])
    smallest: np.ndarray = np.minimum(1, p.min(axis=0))
    return smallest


def _blocks(scores: pd.DataFrame) -> Blocks:
    levels = (scores.index.get_level_values(name).to_numpy() for name in ("placement", "seed"))
    return Blocks.of(*levels)


def reversals(means: np.ndarray) -> tuple[int, int]:
    """Count pairs of rows that some two columns rank in opposite order, and all pairs.

    Parameters
    ----------
    means : ndarray (placements, tasks)

    Returns
    -------
    (reversed, pairs)
    """
    i, j = np.triu_indices(len(means), 1)
    signs = np.sign(means[i] - means[j])
    if signs.size == 0:
        return 0, len(i)
    return int(((signs.max(axis=1) > 0) & (signs.min(axis=1) < 0)).sum()), len(i)


def _scales(complete: pd.DataFrame, standardise: bool) -> dict[str, float]:
    if not standardise or len(complete) < 2:
        return dict.fromkeys(map(str, complete.columns), 1.0)
    deviations = complete.std(ddof=1)
    return {str(task): float(sd) if sd > 0 else 1.0 for task, sd in deviations.items()}


def interaction_share(scaled: pd.DataFrame, n_flips: int = 9999, seed: int = 0) -> VarianceShare:
    """Return the share of variance of the interaction, and its p.

    Parameters
    ----------
    scaled : DataFrame (runs, tasks)
        With the levels ``placement`` and ``seed`` of the index; none missing.
    n_flips, seed : int
    """
    n = len(scaled)
    if scaled.shape[1] < 2:
        return VarianceShare(0, n, reason=f"{scaled.shape[1]} task(s), at least 2 are needed")
    if scaled.empty:
        return VarianceShare(0, 0, reason="no placement and seed was run on every task")
    values = scaled.to_numpy(float)
    k = scaled.index.get_level_values("placement").nunique()
    vectors = values - values.mean(axis=1, keepdims=True)
    reason = reason_for_no_test(n, k)
    if not reason and np.abs(vectors - vectors.mean(axis=0)).max() <= TIE * np.abs(values).max():
        reason = "the values are constant"
    if reason:
        return VarianceShare(k, n, reason=f"{reason} (in common to all tasks)")
    blocks = _blocks(scaled)
    rest = float(((blocks.residuals @ vectors) ** 2).sum())
    between = float(((blocks.within_seeds @ vectors) ** 2).sum()) - rest
    f = (between / (k - 1)) / (rest / blocks.df) if rest > TIE * between else None
    observed = float(welch_statistic(blocks, vectors))
    extreme = 1
    for chunk in blocks.flipped(vectors, n_flips, seed, full=False):
        extreme += int((welch_statistic(blocks, chunk) >= observed * (1 - TIE)).sum())
    eta, chance = between / (between + rest), (k - 1) / (k - 1 + blocks.df)
    return VarianceShare(k, n, eta, chance, f, extreme / (1 + n_flips))
