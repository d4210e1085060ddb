"""Alignment against performance: units as large named points, their runs as small dots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.labels import label_points
from alignkit.report.formatting import p_text
from alignkit.report.style import (
    CONTEXT,
    FAINT,
    Look,
    columns_for,
    full_width,
    house_style,
    looks,
    named,
    panels,
    plain,
    room_for,
    short,
    type_size,
)


def scatter(
    units: pd.DataFrame,
    runs: pd.DataFrame | None,
    rows: pd.DataFrame,
    outcome: str,
    look: Mapping[str, Look] | None = None,
    critical: Mapping[str, float] | None = None,
) -> Figure:
    """Draw one panel per metric of one task.

    Parameters
    ----------
    units : DataFrame
        The points that were correlated: ``metric``, ``unit``, ``x`` and ``y``, and the standard
        deviations over seeds ``x_sd`` and ``y_sd``. Or ``unit``, the outcome and the metrics.
    runs : DataFrame or None
        ``unit``, the outcome and the metrics, one row per run, for the small dots.
    rows : DataFrame
        The table of correlations: ``metric``, ``pearson``, ``p``, ``n``, ``verdict``,
        ``direction``; one panel each, in this order.
    outcome : str
    look : mapping, optional
        Unit to its look, where other figures share it.
    critical : mapping, optional
        Metric to the |r| that 95 % of permutations stay below, for the band.
    """
    look = look or looks(units["unit"])
    most = min(2 if len(rows) <= 4 else 3, len(rows))
    columns = columns_for(len(rows), 2.0, margins=0.85, gap=0.5, most=most)
    width = min(5.2, full_width() - 0.85)
    if columns > 1:
        width = (full_width() - 0.85 - 0.5 * (columns - 1)) / columns
    height = 2.9 if columns < 3 else 2.5
    titles = [_title(row, width) for _, row in rows.iterrows()]
    line = 0.17 * (max(title.count("\n") for title in titles) - 1)
    with house_style():
        figure, axes = panels(
            len(rows),
            columns,
            width,
            height,
            gap=(0.5, 0.95 + line),
            margins=(0.7, 0.15, 0.55 + line, 0.5),
        )
        for title, (_, row), ax in zip(titles, rows.iterrows(), axes, strict=True):
            points = _points(units, row["metric"], outcome)
            _one(ax, points, runs, row, outcome, look, (critical or {}).get(row["metric"]))
            ax.set_title(title, y=1)
        for ax in axes[::columns]:
            ax.set_ylabel(named(outcome))
    return figure


def _points(units: pd.DataFrame, metric: str, outcome: str) -> pd.DataFrame:
    """``unit``, ``x``, ``y`` and standard deviations of one metric."""
    if "metric" in units:
        return units[units["metric"] == metric]
    known = units.dropna(subset=[metric, outcome])
    return pd.DataFrame(
        {
            "unit": known["unit"],
            "x": known[metric],
            "y": known[outcome],
            "x_sd": np.nan,
            "y_sd": np.nan,
        }
    )


def _one(
    ax: Axes,
    points: pd.DataFrame,
    runs: pd.DataFrame | None,
    row: Any,
    outcome: str,
    look: Mapping[str, Look],
    critical: float | None,
) -> None:
    metric = row["metric"]
    ax.margins(0.12)
    dots: list[np.ndarray] = []
    if runs is not None and len(runs) > len(points):
        for unit, seeds in runs.dropna(subset=[metric, outcome]).groupby("unit", sort=False):
            colour = look[unit].colour if unit in look else FAINT
            ax.plot(
                seeds[metric], seeds[outcome], "o", ms=3, mew=0, color=colour, alpha=0.45, zorder=2
            )
            dots.append(seeds[[metric, outcome]].to_numpy(float))
    points = points.fillna({"x_sd": 0, "y_sd": 0})
    ax.errorbar(
        points["x"],
        points["y"],
        points["y_sd"],
        points["x_sd"],
        fmt="none",
        # One colour per point, which the types of matplotlib do not know.
        ecolor=[look[unit].colour for unit in points["unit"]],  # type: ignore[arg-type]
        elinewidth=0.9,
        alpha=0.6,
        zorder=3,
    )
    for point in points.itertuples():
        colour, marker = look[point.unit].colour, look[point.unit].marker
        ax.plot(point.x, point.y, marker, ms=7, color=colour, zorder=4, mec="white", mew=0.6)
        dots.append(_bars(point))
    ax.autoscale_view()
    line = _fit(ax, points["x"].to_numpy(float), points["y"].to_numpy(float), critical)
    label_points(
        ax,
        list(points["x"]),
        list(points["y"]),
        list(points["unit"]),
        [look[name].colour for name in points["unit"]],
        type_size(7.5 if len(points) <= 10 else 6.5),
        np.concatenate([line, *dots]),
    )
    ax.set_xlabel(f"{named(metric)} ({short(row['direction'], 40)})")
    plain(ax)


def _bars(point: Any) -> np.ndarray:
    """Places along the bars of a unit, for names to keep clear of."""
    steps = np.linspace(-1, 1, 15)
    still = np.zeros_like(steps)
    moved = np.concatenate(
        [np.column_stack([steps * point.x_sd, still]), np.column_stack([still, steps * point.y_sd])]
    )
    places: np.ndarray = np.array([point.x, point.y]) + moved
    return places


def _fit(ax: Axes, x: np.ndarray, y: np.ndarray, critical: float | None) -> np.ndarray:
    """Draw what ``fit_and_band`` gives, and give places along the line."""
    if len(x) < 3 or np.ptp(x) == 0:
        return np.empty((0, 2))
    along = np.linspace(x.min(), x.max(), 60)
    line, below, above = fit_and_band(x, y, critical, along)
    if critical is not None:
        low, high = ax.get_ylim()
        ax.fill_between(along, below, above, color=CONTEXT, alpha=0.55, lw=0, zorder=0)
        ax.set_ylim(low, high)
    ax.plot(along[[0, -1]], line[[0, -1]], color=FAINT, lw=1, zorder=1)
    return np.column_stack([along, line])


def fit_and_band(
    x: np.ndarray, y: np.ndarray, critical: float | None, along: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the line of least squares, and the band of 95 % of lines through permuted points.

    The line leaves the band on both sides where p is below 0.05.

    Parameters
    ----------
    x, y : ndarray (n,)
        Three or more points, not all of one x.
    critical : float or None
        The |r| that 95 % of permutations stay below; the band is undefined where it is None.
    along : ndarray (m,)
        Where to give them.

    Returns
    -------
    line, low, high : ndarray (m,)
    """
    slope, offset = np.polyfit(x, y, 1)
    spread = np.nan if critical is None else critical * y.std() / x.std()
    half = spread * np.abs(along - x.mean())
    return offset + slope * along, y.mean() - half, y.mean() + half


def _title(row: Any, width: float) -> str:
    """The metric, the numbers, and the verdict: on a line of its own where there is no room."""
    verdict, numbers = short(row["verdict"]), f"n = {row['n']}"
    if not pd.isna(row["pearson"]):
        p = "" if pd.isna(row["p"]) else f", p {p_text(row['p'], sign=True)}"
        numbers = f"r = {row['pearson']:+.2f}{p}, {numbers}"
    fits = len(f"{numbers}, {verdict}") <= room_for(100, width)
    return f"{named(row['metric'], 40)}\n{numbers}{', ' if fits else chr(10)}{verdict}"
