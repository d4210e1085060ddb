"""Score against alignment with a quadratic fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.figures.labels import label_points
from alignkit.report.formatting import p_text
from alignkit.report.style import (
    FAINT,
    INK,
    columns_for,
    full_width,
    house_style,
    named,
    panels,
    plain,
    room_for,
    short,
    type_size,
)

_MARGINS = (0.65, 0.15, 0.35, 0.55)


def quadratics(units: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Draw score against alignment, with the quadratic fit and its extremum."""
    # Names beside points need room.
    columns = min(3, columns_for(len(rows), 1.9, margins=0.8, gap=0.5))
    width = min(3.6, (full_width() - 0.8 - 0.5 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(len(rows), columns, width, 2.4, gap=(0.6, 0.95), margins=_MARGINS)
        for ax, (_, row) in zip(axes, rows.iterrows(), strict=True):
            part = units[units["task"] == row["task"]].dropna(subset=[row["metric"], "score"])
            _quadratic(ax, part, row, width)
        fit(figure, axes, columns)
        for ax, (_, row) in zip(axes, rows.iterrows(), strict=True):
            _name_units(ax, units[units["task"] == row["task"]], row)
    return figure


def _quadratic(ax: Axes, part: pd.DataFrame, row: Any, width: float) -> None:
    x, y = part[row["metric"]].to_numpy(float), part["score"].to_numpy(float)
    ax.plot(x, y, "o", ms=5, color="#0072B2")
    ax.margins(0.12)
    if pd.notna(row["b2"]):
        ax.plot(*_curve(x, row).T, color=FAINT, lw=1.2, zorder=1)
        if row["within"]:
            ax.axvline(row["at"], color="#D55E00", lw=1, ls=(0, (4, 2)), zorder=0)
    ax.autoscale_view()
    p = "not testable" if pd.isna(row["p"]) else f"quadratic term p {p_text(row['p'], sign=True)}"
    shown = f"{named(row['metric'], 24)}, {named(row['task'], 20)}"
    ax.set_title(f"{short(shown, room_for(46, width + 0.4))}\n{p}", y=1)
    ax.set_xlabel(named(row["metric"]))
    ax.set_ylabel("score")
    plain(ax)


def _curve(x: np.ndarray, row: Any) -> np.ndarray:
    """Return points of the fit, ``(80, 2)``."""
    along = np.linspace(x.min(), x.max(), 80)
    return np.column_stack([along, row["b0"] + row["b1"] * along + row["b2"] * along**2])


def _name_units(ax: Axes, units: pd.DataFrame, row: Any) -> None:
    part = units.dropna(subset=[row["metric"], "score"])
    x, y = part[row["metric"]].to_numpy(float), part["score"].to_numpy(float)
    avoid = _curve(x, row) if pd.notna(row["b2"]) else np.empty((0, 2))
    inks, size = [INK] * len(part), type_size(6.5)
    label_points(ax, list(x), list(y), list(part["unit"]), inks, size, avoid)
