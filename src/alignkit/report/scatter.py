"""Alignment against performance: units as large points, their runs as small ones."""

from __future__ import annotations

import math
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.style import FAINT, colours, markers, new_figure, plain, settings


def scatter(
    units: pd.DataFrame, runs: pd.DataFrame | None, rows: pd.DataFrame, outcome: str
) -> Figure:
    """Draw one panel per metric of one task.

    Parameters
    ----------
    units : DataFrame
        ``unit``, the outcome and the metrics: the points that were correlated.
    runs : DataFrame or None
        ``placement``, ``seed``, the outcome and the metrics, for the small dots.
    rows : DataFrame
        The table of correlations: ``metric``, ``pearson``, ``p``, ``n``, ``verdict``.
    outcome : str
    """
    count = len(rows)
    columns = min(3, count)
    names = list(units["unit"])
    colour, marker = colours(names), markers(names)
    height = math.ceil(count / columns)
    with matplotlib.rc_context(settings()):
        figure = new_figure(3.3 * columns, 2.9 * height + 0.55)
        axes = figure.subplots(height, columns, squeeze=False, sharey=True)
        for ax in axes.flat[count:]:
            ax.set_visible(False)
        for (_, row), ax in zip(rows.iterrows(), axes.flat, strict=False):
            _one(ax, units, runs, row, outcome, colour, marker)
        for ax in axes[:, 0]:
            ax.set_ylabel(outcome)
        handles = [
            matplotlib.lines.Line2D([], [], ls="", color=colour[n], marker=marker[n], label=n)
            for n in names
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(names)))
    return figure


def _one(
    ax: Axes, units: pd.DataFrame, runs: pd.DataFrame | None, row: Any, outcome: str,
    colour: dict[str, str], marker: dict[str, str],
) -> None:  # fmt: skip
    metric = row["metric"]
    known = units.dropna(subset=[metric, outcome])
    if runs is not None and len(runs) > len(units):
        ax.plot(runs[metric], runs[outcome], ".", ms=3, color=FAINT, alpha=0.7, zorder=1)
    for _, unit in known.iterrows():
        name = unit["unit"]
        ax.plot(unit[metric], unit[outcome], marker[name], ms=7, color=colour[name], zorder=3,
                mec="white", mew=0.6)  # fmt: skip
    if len(known) > 2 and np.ptp(known[metric]) > 0:
        slope, offset = np.polyfit(known[metric], known[outcome], 1)
        ends = np.array([known[metric].min(), known[metric].max()])
        ax.plot(ends, offset + slope * ends, color=FAINT, lw=1, zorder=2)
    ax.set_title(_title(row))
    ax.set_xlabel(f"{metric} ({row['direction']})", fontsize=8)
    plain(ax)


def _title(row: Any) -> str:
    if pd.isna(row["pearson"]):
        return f"{row['verdict']}"
    p = "" if pd.isna(row["p"]) else f", p = {p_text(row['p'])}"
    return f"r = {row['pearson']:+.2f}{p}, n = {row['n']}: {row['verdict']}"


def p_text(p: float) -> str:
    """A p-value in print: never 0.000."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
