"""Interaction of placement and task on the score: whether tasks prefer other placements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignkit.statistics.variance.blocks import Blocks, welch_statistic
from alignkit.statistics.variance.decomposition import VarianceShare, reason_for_no_test
from alignkit.statistics.variance.reversal import reversal_p

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
        Of any reversal between two tasks, corrected for the pairs of tasks.
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
    placements within seeds, each placement weighed by its own noise, against a parametric bootstrap
    (``alignkit.statistics.variance.blocks``): placements may differ in noise, and effects of
    seeds may be shared by all placements.

    An interaction does not say that tasks prefer different placements: one may have no
    preference at all. For that, two tasks must rank placements significantly in opposite order
    (after Gail and Simon 1985; ``alignkit.statistics.variance.reversal``).

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
        Number of simulated studies, and their seed.

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
    p = (
        None
        if share.p is None
        else reversal_p(_blocks(scaled), scaled.to_numpy(float), n_permutations, seed)
    )
    return Interaction(share, means, len(complete), left_out, crossed, pairs, p, scale)


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


def interaction_share(scaled: pd.DataFrame, n_studies: int = 9999, seed: int = 0) -> VarianceShare:
    """Return the share of variance of the interaction, and its p.

    Parameters
    ----------
    scaled : DataFrame (runs, tasks)
        With the levels ``placement`` and ``seed`` of the index; none missing.
    n_studies, seed : int
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
    for chunk in blocks.simulated(vectors, n_studies, seed):
        extreme += int((welch_statistic(blocks, chunk) >= observed * (1 - TIE)).sum())
    eta, chance = between / (between + rest), (k - 1) / (k - 1 + blocks.df)
    return VarianceShare(k, n, eta, chance, f, extreme / (1 + n_studies))
