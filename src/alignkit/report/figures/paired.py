"""Two values of an option against each other: a point per placement, and the line of equals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignkit.report.figures.labels import label_points
from alignkit.report.style import (
    CONTEXT,
    Look,
    columns_for,
    full_width,
    house_style,
    named,
    panels,
    plain,
    short,
    type_size,
)


def paired(
    placements: pd.DataFrame, outcome: str, option: str, reference: str, look: Mapping[str, Look]
) -> Figure:
    """Draw one panel per value of the option.

    Parameters
    ----------
    placements : DataFrame
        Of one task and outcome: ``value``, ``placement``, ``mean``, ``sd``, ``reference_mean``,
        ``reference_sd``.
    outcome, option, reference : str
    look : mapping
        Placement to its look.
    """
    groups = list(placements.groupby("value", sort=False))
    columns = columns_for(len(groups), 2.0, margins=0.9, gap=0.7)
    width = min(3.6, (full_width() - 0.9 - 0.7 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            len(groups), columns, width, width, gap=(0.7, 0.8), margins=(0.75, 0.15, 0.35, 0.6)
        )
        for ax, (value, part) in zip(axes, groups, strict=True):
            bars = part.fillna({"sd": 0, "reference_sd": 0})
            x, y = bars["reference_mean"].to_numpy(float), bars["mean"].to_numpy(float)
            for row in bars.itertuples():
                own = look[str(row.placement)]
                ax.errorbar(
                    row.reference_mean,
                    row.mean,
                    row.sd,
                    row.reference_sd,
                    fmt=own.marker,
                    ms=6,
                    color=own.colour,
                    elinewidth=0.8,
                    mec="white",
                    mew=0.5,
                )
            low = float(min((x - bars["reference_sd"]).min(), (y - bars["sd"]).min()))
            high = float(max((x + bars["reference_sd"]).max(), (y + bars["sd"]).max()))
            pad = 0.06 * ((high - low) or 1.0)
            ends = (low - pad, high + pad)
            ax.plot(ends, ends, color=CONTEXT, lw=0.9, zorder=0)
            ax.set_xlim(*ends)
            ax.set_ylim(*ends)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(MaxNLocator(4))
            label_points(
                ax,
                list(x),
                list(y),
                list(part["placement"]),
                [look[name].colour for name in part["placement"]],
                type_size(7.5),
                np.concatenate([np.column_stack([np.linspace(*ends, 20)] * 2), *_bars(bars)]),
            )
            ax.set_title(short(f"{option} = {value}", 48), y=1)
            ax.set_xlabel(short(f"{named(outcome)}, {option} = {reference}", 44))
            plain(ax)
        for ax in axes[::columns]:
            ax.set_ylabel(named(outcome))
    return figure


def _bars(placements: pd.DataFrame) -> list[np.ndarray]:
    """Return places along the error bars, which names had better not cover."""
    steps = np.linspace(-1, 1, 15)
    bars = []
    for row in placements.itertuples():
        x, y = np.full(15, row.reference_mean), np.full(15, row.mean)
        bars.append(np.column_stack([x + row.reference_sd * steps, y]))
        bars.append(np.column_stack([x, y + row.sd * steps]))
    return bars
