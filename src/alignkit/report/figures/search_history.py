"""The values of all trials of a search, and the best so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignkit.report.figures.search_axes import BLUE, RED, beyond, say, zoom
from alignkit.report.style import INK, house_style, panels, plain, short


def history(table: pd.DataFrame, objectives: Sequence[Mapping[str, str]]) -> Figure:
    """Draw every trial's value and the best so far; trials without a value on the axis."""
    count = len(objectives)
    columns = min(2, count)
    with house_style():
        figure, axes = panels(
            count,
            columns,
            6.4 if columns == 1 else 3.9,
            2.5,
            gap=(0.75, 0.75),
            margins=(0.7, 1.2, 0.35, 0.55),
        )
        for ax, objective in zip(axes, objectives, strict=True):
            _history(ax, table, objective)
        axes[columns - 1].legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    return figure


def _history(ax: Axes, table: pd.DataFrame, objective: Mapping[str, str]) -> None:
    name, up = objective["name"], objective["direction"] == "maximize"
    known = table[table[name].notna()]
    again = known["duplicate_of"].notna()
    own, same = known[~again], known[again]
    ax.plot(own["number"], own[name], "o", ms=4.5, mew=0, color=BLUE, label="complete")
    if len(same):
        ax.plot(same["number"], same[name], "o", ms=4.5, mfc="white", color=BLUE, label="duplicate")
    best = known[name].cummax() if up else known[name].cummin()
    ax.step(known["number"], best, where="post", color=INK, lw=1, label="best so far")
    # Along the axis: there is no value to stand at.
    for state, marker in (("PRUNED", "|"), ("FAIL", "x")):
        there = table.loc[table["state"] == state, "number"]
        if len(there):
            ax.plot(
                there,
                np.full(len(there), 0.03),
                marker,
                ms=6,
                color=RED,
                clip_on=False,
                transform=ax.get_xaxis_transform(),
                label=state.lower(),
            )
    if not len(known):
        say(ax, "no complete trials")
    ax.set_xlabel("trial")
    ax.set_ylabel(short(name))
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    ax.margins(x=0.03)
    outside = zoom(ax.set_ylim, known[name])
    ax.set_title(f"{short(name)} ({'higher' if up else 'lower'} is better){beyond(outside)}")
    plain(ax)
