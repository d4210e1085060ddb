"""Alignment under mean pooling against alignment under cls pooling."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import (
    FAINT,
    columns_for,
    full_width,
    house_style,
    looks,
    named,
    page,
    panels,
    plain,
    room_for,
)


def poolings(values: pd.DataFrame) -> Figure:
    """Draw alignment under mean pooling against cls pooling, one dot per run and layer."""
    metrics = list(dict.fromkeys(values["metric"]))
    columns = columns_for(len(metrics), 1.3, margins=0.8, gap=0.5)
    width = min(3.2, (full_width() - 0.8 - 0.5 * (columns - 1)) / columns)
    look = looks(values["task"])
    with house_style():
        figure, axes = panels(
            len(metrics), columns, width, width, gap=(0.55, 0.8), margins=(0.65, 1.6, 0.35, 0.55)
        )
        for ax, metric in zip(axes, metrics, strict=True):
            for task, part in values[values["metric"] == metric].groupby("task", sort=False):
                style = look[str(task)]
                ax.plot(
                    part["value_cls"],
                    part["value_mean"],
                    style.marker,
                    ms=3.2,
                    mew=0,
                    alpha=0.55,
                    color=style.colour,
                    label=named(task),
                )
            low, high = ax.get_xlim()
            ax.plot([low, high], [low, high], color=FAINT, lw=0.8, ls=(0, (3, 2)), zorder=0)
            ax.set_title(named(metric, room_for(30, width + 0.3)), y=1)
            ax.set_xlabel("cls pooling" if page().type_size else "alignment (cls pooling)")
            ax.set_ylabel("mean pooling" if page().type_size else "alignment (mean pooling)")
            plain(ax)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="center right", borderaxespad=0.3)
        fit(figure, axes, columns, keep_shape=True)
    return figure
