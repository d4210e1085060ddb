"""Alignment just before and just after fusions."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.style import WIDTH, columns_for, house_style, looks, panels, plain, short


def around_fusions(changes: pd.DataFrame) -> Figure:
    """Draw alignment just before and just after fusions, with one line per placement."""
    keys = list(changes.groupby(["task", "metric"], sort=False).groups)
    look = looks(sorted(changes["placement"].unique()))
    columns = columns_for(len(keys))
    width = min(3.4, (WIDTH - 0.8 - 0.45 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            len(keys), columns, width, 2.2, gap=(0.45, 0.6), margins=(0.65, 1.7, 0.35, 0.4)
        )
        for ax, (task, metric) in zip(axes, keys, strict=True):
            part = changes[(changes["task"] == task) & (changes["metric"] == metric)]
            means = part.dropna(subset=["before", "after"]).groupby("placement")
            for name, row in means[["before", "after"]].mean().iterrows():
                ax.plot(
                    [0, 1],
                    row,
                    color=look[name].colour,
                    marker=look[name].marker,
                    ms=5,
                    lw=1.1,
                    label=short(name, 20),
                )
            ax.set_xticks([0, 1], ["before", "after"])
            ax.set_xlim(-0.25, 1.25)
            ax.set_title(f"{short(metric, 24)}, {short(task, 20)}", y=1)
            plain(ax)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="center right", borderaxespad=0.3)
    return figure
