"""Agreement between metrics: which of them measure the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Agreement:
    """Correlations between metrics over runs and layers.

    Attributes
    ----------
    metrics : list of str
        Names, in the order of all arrays.
    pearson, spearman : ndarray (metrics, metrics)
        Over all runs and layers. The sign of distances is flipped first, so that higher is
        more aligned for every metric.
    within : ndarray (metrics, metrics)
        Mean over runs of Spearman's correlation over the layers of a run.
    n : ndarray of int (metrics, metrics)
        Pairs of values; undefined ones are left out pairwise.
    runs : ndarray of int (metrics, metrics)
        Runs in which both metrics vary over layers.
    links : ndarray (metrics - 1, 4)
        Average linkage of 1 - ``spearman`` in the format of scipy's ``linkage``; empty where
        a correlation is missing.
    groups : list of int
        Number of each metric's group, counted from 1 in the order of ``metrics``.
    order : list of int
        Indices of the metrics in the order of the leaves of the tree.
    """

    metrics: list[str]
    pearson: np.ndarray
    spearman: np.ndarray
    within: np.ndarray
    n: np.ndarray
    runs: np.ndarray
    links: np.ndarray
    groups: list[int]
    order: list[int]


def agreement(
    table: pd.DataFrame,
    metrics: Sequence[str],
    lower_is_better: Sequence[str] = (),
    alike: float = 0.95,
) -> Agreement:
    """Correlate metrics with each other and group those that measure the same.

    Parameters
    ----------
    table : DataFrame
        One row per run and layer: the column ``run`` and one column per metric.
    metrics : sequence of str
        The columns to correlate.
    lower_is_better : sequence of str
        Metrics that are distances.
    alike : float
        Metrics whose mean Spearman correlation is at least this form one group; above 0,
        at most 1.

    Returns
    -------
    Agreement
        A correlation is NaN where a metric is constant or fewer than 3 values are defined.
    """
    metrics = list(metrics)
    values = table[metrics].astype(float).replace([np.inf, -np.inf], np.nan)
    values = values * [-1.0 if metric in lower_is_better else 1.0 for metric in metrics]
    known = values.notna().to_numpy(int)
    within, runs = _within_runs(values, table["run"].to_numpy())
    spearman = _correlations(values, "spearman")
    links, groups, order = _tree(spearman, alike)
    return Agreement(
        metrics,
        _correlations(values, "pearson"),
        spearman,
        within,
        known.T @ known,
        runs,
        links,
        groups,
        order,
    )


def _correlations(values: pd.DataFrame, method: Literal["pearson", "spearman"]) -> np.ndarray:
    matrix: np.ndarray = values.corr(method=method, min_periods=3).to_numpy(float)
    return matrix


def _within_runs(values: pd.DataFrame, run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean correlation over the layers of a run, and the runs that have one."""
    per_run = np.array([_correlations(part, "spearman") for _, part in values.groupby(run)])
    known = np.isfinite(per_run)
    counts = known.sum(axis=0)
    sums = np.where(known, per_run, 0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), counts


def _tree(correlations: np.ndarray, alike: float) -> tuple[np.ndarray, list[int], list[int]]:
    """Return the linkage, the group of every metric, and the order of the leaves."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    size = len(correlations)
    if size < 2 or not np.isfinite(correlations).all():
        return np.empty((0, 4)), list(range(1, size + 1)), list(range(size))
    distances = np.clip(1 - (correlations + correlations.T) / 2, 0, 2)
    np.fill_diagonal(distances, 0)
    links = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    clusters = fcluster(links, 1 - alike + 1e-12, "distance")
    # Renumbered in the order of the metrics, so that the first metric is in group 1.
    numbers = {cluster: i + 1 for i, cluster in enumerate(dict.fromkeys(clusters))}
    return links, [numbers[cluster] for cluster in clusters], [int(i) for i in leaves_list(links)]
