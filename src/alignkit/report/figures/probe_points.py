"""The score of probes against alignment: a point per layer, joined in the order of depth."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import (
    Look,
    columns_for,
    full_width,
    house_style,
    named,
    page,
    panels,
    plain,
    short,
    type_size,
)


def probe_points(points: pd.DataFrame, label: str, look: Mapping[str, Look]) -> Figure:
    """Draw one panel per stream, with a line per unit through its layers.

    Parameters
    ----------
    points : DataFrame
        ``unit``, ``stream``, ``depth``, ``score``, ``value``, ``alignment``; drawn are means
        over runs.
    label : str
        Of the alignment.
    look : mapping
        Unit to its look.
    """
    groups = list(points.groupby("stream", sort=False))
    columns = columns_for(len(groups), 1.3, margins=0.7, gap=0.55)
    margins = (0.65, 1.7, 0.35, 0.5)
    width = min(
        3.2,
        (full_width() - (2.4 if page().type_size is None else 0.7) - 0.55 * (columns - 1))
        / columns,
    )
    with house_style():
        figure, axes = panels(
            len(groups), columns, width, 0.85 * width, gap=(0.55, 0.7), margins=margins
        )
        lines = {}
        for ax, (stream, part) in zip(axes, groups, strict=True):
            for unit, own in part.groupby("unit", sort=False):
                means = own.groupby("depth")[["alignment", "value"]].mean().sort_index()
                own_look = look[str(unit)]
                (lines[str(unit)],) = ax.plot(
                    means["alignment"],
                    means["value"],
                    color=own_look.colour,
                    marker=own_look.marker,
                    ms=4,
                    lw=0.6,
                    alpha=0.85,
                    label=short(unit, 20),
                )
                ax.plot(*means.iloc[-1], "o", mfc="none", mec=own_look.colour, ms=9, mew=0.8)
            ax.set_title(short(stream, 24), y=1)
            ax.set_xlabel(named(label, 30))
            plain(ax)
        score = points["score"].iloc[0]
        axes[0].set_ylabel(named(score, 30))
        figure.legend(
            handles=list(lines.values()),
            loc="center right",
            borderaxespad=0.3,
            title="(ring: last layer)",
            title_fontsize=type_size(7.5),
        )
        fit(figure, axes, columns, keep_shape=True)
    return figure
