"""Score against alignment with a quadratic fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.labels import label_points
from alignkit.report.formatting import p_text
from alignkit.report.style import FAINT, INK, WIDTH, columns_for, house_style, panels, plain, short

_MARGINS = (0.65, 0.15, 0.35, 0.55)


def quadratics(units: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Draw score against alignment, with the quadratic fit and its extremum."""
    columns = min(3, columns_for(len(rows)))  # names beside points need room
    width = min(3.6, (WIDTH - 0.8 - 0.5 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(len(rows), columns, width, 2.4, gap=(0.6, 0.95), margins=_MARGINS)
        for ax, (_, row) in zip(axes, rows.iterrows(), strict=True):
            part = units[units["task"] == row["task"]].dropna(subset=[row["metric"], "score"])
            _quadratic(ax, part, row)
    return figure


def _quadratic(ax: Axes, part: pd.DataFrame, row: Any) -> None:
    x, y = part[row["metric"]].to_numpy(float), part["score"].to_numpy(float)
    ax.plot(x, y, "o", ms=5, color="#0072B2")
    ax.margins(0.12)
    avoid = np.empty((0, 2))
    if pd.notna(row["b2"]):
        along = np.linspace(x.min(), x.max(), 80)
        curve = row["b0"] + row["b1"] * along + row["b2"] * along**2
        ax.plot(along, curve, color=FAINT, lw=1.2, zorder=1)
        avoid = np.column_stack([along, curve])
        if row["within"]:
            ax.axvline(row["at"], color="#D55E00", lw=1, ls=(0, (4, 2)), zorder=0)
    ax.autoscale_view()
    label_points(ax, list(x), list(y), list(part["unit"]), [INK] * len(part), 6.5, avoid)
    p = "not testable" if pd.isna(row["p"]) else f"quadratic term p {p_text(row['p'], sign=True)}"
    ax.set_title(f"{short(row['metric'], 24)}, {short(row['task'], 20)}\n{p}", y=1)
    ax.set_xlabel(short(row["metric"]))
    ax.set_ylabel("score")
    plain(ax)
