"""Do tasks prefer different placements? The interaction of placement and task on the score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alignkit.statistics.shares import Share, between


@dataclass(frozen=True)
class Interaction:
    """Placement x task on the score.

    Attributes
    ----------
    share : Share
        ``eta_squared`` is partial: interaction / (interaction + what seeds leave open).
    means : DataFrame
        Placements x tasks, in the units of ``scale``.
    seeds : int
        Placement-and-seed combinations that every task has; these are exchanged.
    left_out : int
        Runs without a partner in some task.
    reversed_pairs, pairs : int
        Pairs of placements that some two tasks put in opposite order, of all of them.
    scale : dict of str to float
        What each task's scores were divided by.
    """

    share: Share
    means: pd.DataFrame
    seeds: int
    left_out: int
    reversed_pairs: int
    pairs: int
    scale: dict[str, float]


def interaction(
    table: pd.DataFrame, value: str, *, standardise: bool = True, drawn: int = 9999, seed: int = 0
) -> Interaction:
    """Test whether the differences between placements depend on the task.

    Runs of one placement and seed are bound together over tasks. Taking the mean over tasks
    off such a vector takes off everything that a placement does to all tasks alike; without
    an interaction what is left is the same for all placements but for chance, so vectors may
    be exchanged between placements. The test is exact whatever the errors' distribution,
    and tasks may differ in noise.

    Parameters
    ----------
    table : DataFrame
        ``task``, ``placement``, ``seed`` and the value, one row per run. Runs that agree in
        all three are averaged.
    value : str
    standardise : bool
        Divide by the standard deviation of each task's runs: scores of tasks have different
        units. Otherwise the interaction is one of raw scores.
    drawn, seed : int
        Permutations, and their seed.

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
    share = _share(scaled, drawn, seed)
    crossed, pairs = reversals(means.to_numpy(float))
    return Interaction(share, means, len(complete), left_out, crossed, pairs, scale)


def reversals(means: np.ndarray) -> tuple[int, int]:
    """Pairs of rows that some two columns put in opposite order, and all pairs."""
    rows, other = np.triu_indices(len(means), 1)
    signs = np.sign(means[rows] - means[other])
    if signs.size == 0:
        return 0, len(rows)
    return int(((signs.max(axis=1) > 0) & (signs.min(axis=1) < 0)).sum()), len(rows)


def _scales(complete: pd.DataFrame, standardise: bool) -> dict[str, float]:
    if not standardise or len(complete) < 2:
        return dict.fromkeys(map(str, complete.columns), 1.0)
    spread = complete.std(ddof=1)
    return {str(task): float(one) if one > 0 else 1.0 for task, one in spread.items()}


def _share(scaled: pd.DataFrame, drawn: int, seed: int) -> Share:
    if scaled.shape[1] < 2:
        return Share(0, len(scaled), reason=f"{scaled.shape[1]} task(s), at least 2 are needed")
    if scaled.empty:
        return Share(0, 0, reason="no placement and seed was run on every task")
    values = scaled.to_numpy(float)
    vectors = values - values.mean(axis=1, keepdims=True)
    share = between(vectors, scaled.index.get_level_values("placement").to_numpy(), drawn, seed)
    return replace(share, reason=share.reason and f"{share.reason} (in common to all tasks)")
