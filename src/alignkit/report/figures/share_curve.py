"""A number that was set against what came out: alignment by the share of redundancy."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.style import FAINT, MARKERS, PALETTE, house_style, panels, plain, short


def share_curve(
    table: pd.DataFrame,
    metrics: Sequence[str],
    setting: str = "share",
    label: str = "share of redundant samples",
) -> Figure:
    """Draw means over seeds with their standard deviation, a line per metric, runs as dots.

    Parameters
    ----------
    table : DataFrame
        One row per run: ``setting`` and one column of calibrated values per metric.
    """
    with house_style():
        figure, (ax,) = panels(1, 1, 4.8, 3.0, margins=(0.65, 1.5, 0.2, 0.5))
        ax.axhline(0, color=FAINT, lw=0.8, ls=(0, (2, 2)))
        ends = []
        for i, metric in enumerate(metrics):
            colour = PALETTE[i % len(PALETTE)]
            ax.plot(table[setting], table[metric], "o", ms=2.5, mew=0, alpha=0.5, color=colour)
            grouped = table.groupby(setting)[metric]
            mean, sd = grouped.mean(), grouped.std().fillna(0)
            ax.errorbar(
                mean.index,
                mean,
                sd,
                color=colour,
                lw=1.6,
                elinewidth=0.9,
                ms=5,
                marker=MARKERS[i % len(MARKERS)],
            )
            ends.append((float(mean.iloc[-1]), metric, colour))
        ax.autoscale_view()
        _name(ax, ends)
        ax.set_xlabel(label)
        ax.set_ylabel("calibrated alignment (chance = 0)")
        plain(ax)
    return figure


def _name(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Names at the right end, pushed apart where they would overlap."""
    low, high = ax.get_ylim()
    least = (high - low) * 0.06
    at = -float("inf")
    for value, metric, colour in sorted(ends):
        at = max(value, at + least)
        ax.annotate(
            short(metric),
            (1.02, at),
            xycoords=("axes fraction", "data"),
            va="center",
            color=colour,
            fontsize=8.5,
        )
