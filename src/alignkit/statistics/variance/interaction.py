"""Interaction of placement and task on the score: whether tasks prefer other placements."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alignkit.statistics.variance.decomposition import VarianceShare, permutation_anova


@dataclass(frozen=True)
class Interaction:
    """The interaction of placement and task on the score.

    Attributes
    ----------
    share : VarianceShare
        ``eta_squared`` is partial: interaction / (interaction + residual over seeds).
    means : DataFrame (placements, tasks)
        Mean scores, divided by ``scale``.
    seeds : int
        Combinations of placement and seed that every task has; these are permuted.
    left_out : int
        Runs whose placement and seed are missing on some task.
    reversed_pairs, pairs : int
        Pairs of placements that some two tasks rank in opposite order, and all pairs.
    scale : dict of str to float
        Divisor of each task's scores.
    """

    share: VarianceShare
    means: pd.DataFrame
    seeds: int
    left_out: int
    reversed_pairs: int
    pairs: int
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
    removes everything that a placement does to all tasks alike; without an interaction, the
    remainder has the same distribution for all placements, so vectors may be permuted among
    placements. The test is exact whatever the distribution of the errors, and tasks may
    differ in noise.

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
        Number of permutations, and their seed.

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
    share = _share(scaled, n_permutations, seed)
    crossed, pairs = reversals(means.to_numpy(float))
    return Interaction(share, means, len(complete), left_out, crossed, pairs, scale)


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


def _share(scaled: pd.DataFrame, n_permutations: int, seed: int) -> VarianceShare:
    if scaled.shape[1] < 2:
        return VarianceShare(
            0, len(scaled), reason=f"{scaled.shape[1]} task(s), at least 2 are needed"
        )
    if scaled.empty:
        return VarianceShare(0, 0, reason="no placement and seed was run on every task")
    values = scaled.to_numpy(float)
    vectors = values - values.mean(axis=1, keepdims=True)
    placements = scaled.index.get_level_values("placement").to_numpy()
    share = permutation_anova(vectors, placements, n_permutations, seed)
    return replace(share, reason=share.reason and f"{share.reason} (in common to all tasks)")
