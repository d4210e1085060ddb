"""Correlations without each unit in turn."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.forest import task_blocks
from alignkit.report.style import CONTEXT, FAINT, INK, PALETTE, house_style, page, short, type_size

_MOVED, _NONE = PALETTE[1], PALETTE[0]


def leave_one_out(rows: pd.DataFrame, left_out: pd.DataFrame) -> Figure:
    """Draw r without each unit in turn, a row per metric, a block per task.

    Parameters
    ----------
    rows : DataFrame
        The table of correlations: ``task``, ``metric``, ``pearson``, ``leave_one_out_unit``.
    left_out : DataFrame
        ``task``, ``metric``, ``unit``, ``pearson``: r without the unit.
    """
    with house_style():
        figure, ax, heights = task_blocks(rows, right=1.6)
        ax.axvline(0, color=FAINT, lw=0.8, zorder=0)
        for height, (_, row) in zip(heights, rows.iterrows(), strict=True):
            mine = left_out[
                (left_out["task"] == row["task"]) & (left_out["metric"] == row["metric"])
            ].dropna(subset=["pearson"])
            _strip(ax, height, row, mine)
        if page().is_narrow:
            ax.set_xlabel("r without one unit, and with all")
        else:
            ax.set_xlabel(
                "r without one unit (dots) and with all (bar); the most influential unit is named"
            )
    return figure


def _strip(ax: Axes, height: float, row: Any, left_out: pd.DataFrame) -> None:
    if left_out.empty or pd.isna(row["pearson"]):
        return
    ends = left_out["pearson"].min(), left_out["pearson"].max()
    ax.plot(ends, [height, height], color=CONTEXT, lw=4, zorder=1, solid_capstyle="round")
    ax.plot(row["pearson"], height, "|", ms=13, mew=1.6, color=INK, zorder=3)
    for point in left_out.itertuples():
        moved = point.unit == row["leave_one_out_unit"]
        colour = _MOVED if moved else _NONE if point.unit == "none" else FAINT
        ax.plot(
            point.pearson,
            height,
            "D" if moved else "o",
            ms=5.5 if moved else 3.5,
            zorder=4,
            mew=0,
            color=colour,
        )
    if page().is_narrow:
        return
    ax.annotate(
        f"without {short(row['leave_one_out_unit'], 18)}",
        (1.02, height),
        va="center",
        xycoords=("axes fraction", "data"),
        fontsize=type_size(7.5),
        color=_MOVED,
    )
