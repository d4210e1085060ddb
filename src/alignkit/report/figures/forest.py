"""Correlations with their confidence intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.formatting import p_text
from alignkit.report.style import (
    FAINT,
    INK,
    PALETTE,
    full_width,
    house_style,
    named,
    page,
    panels,
    plain,
    room_for,
    short,
    type_size,
)

_ROW = 0.27  # inches


def forest(rows: pd.DataFrame) -> Figure:
    """Draw r with its 95 % interval, a row per metric, a block per task.

    Parameters
    ----------
    rows : DataFrame
        The table of correlations; rows without r are named and left empty.
    """
    with house_style():
        figure, ax, heights = task_blocks(rows, right=2.9)
        narrow = page().is_narrow
        ax.axvline(0, color=FAINT, lw=0.8, zorder=0)
        for height, (_, row) in zip(heights, rows.iterrows(), strict=True):
            _estimate(ax, height, row)
        if narrow:
            ax.set_xlabel("Pearson's r with 95 % interval")
        else:
            ax.set_xlabel("Pearson's r over placements with 95 % interval (bar: Spearman's ρ)")
            _beside(ax, 1, "p, corrected p, verdict", FAINT, va="bottom", xycoords="axes fraction")
    return figure


def _estimate(ax: Axes, height: float, row: Any) -> None:
    primary = row["family"] == "primary"
    colour = INK if primary else FAINT
    if pd.notna(row["pearson"]):
        if pd.notna(row["low"]):
            ax.plot([row["low"], row["high"]], [height, height], color=colour, lw=1.4, zorder=2)
        ax.plot(row["spearman"], height, "|", ms=9, mew=1.4, color=PALETTE[1], zorder=3)
        ax.plot(
            row["pearson"],
            height,
            "s",
            ms=6,
            zorder=4,
            mec=colour,
            mfc=colour if primary else "white",
        )
    said = short(row["verdict"])
    if pd.notna(row["p"]):
        corrected = p_text(row["p_adjusted"]) if pd.notna(row["p_adjusted"]) else ""
        said = f"{p_text(row['p'])}, {corrected}, {said}"
    if not page().is_narrow:
        _beside(ax, height, said, colour)


def _beside(ax: Axes, height: float, text: str, colour: str, **more: Any) -> None:
    look = {"xycoords": ("axes fraction", "data"), "va": "center"} | more
    ax.annotate(text, (1.02, height), fontsize=type_size(7.5), color=colour, **look)


def task_blocks(rows: pd.DataFrame, right: float) -> tuple[Figure, Axes, Sequence[float]]:
    """An axis from -1 to 1, a named line per row, and a gap with the task above each block."""
    heights, names, blocks = [], [], []
    at = 0.0
    for task, part in rows.groupby("task", sort=False):
        at -= 1.0
        blocks.append((at, str(task)))
        for metric in part["metric"]:
            at -= 1.0
            heights.append(at)
            names.append(named(metric, 26))
        at -= 0.4
    left = 0.5 + 0.068 * max([len(name) for name in names] + [len(b) for _, b in blocks])
    if page().is_narrow:  # room for the interval first: what stands beside is in the table
        left, right = min(left, 0.5 * full_width()), 0.2
        names = [short(name, room_for(26, left - 0.15)) for name in names]
    tall = _ROW * -at
    figure, (ax,) = panels(
        1, 1, full_width() - left - right, tall, margins=(left, right, 0.3, 0.45)
    )
    for height, task in blocks:
        ax.annotate(
            named(task, 40),
            (0, height),
            xycoords=("axes fraction", "data"),
            va="center",
            ha="right",
            xytext=(-6, 0),
            textcoords="offset points",
            fontsize=type_size(8.5),
            fontweight="bold",
        )
    ax.set_yticks(heights, names)
    ax.set_ylim(at, 0)
    ax.set_xlim(-1.03, 1.03)
    ax.set_xticks(np.arange(-1, 1.01, 0.5))
    ax.xaxis.grid(True, color="#EEEEEE", lw=0.8)
    ax.set_axisbelow(True)
    plain(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return figure, ax, heights
