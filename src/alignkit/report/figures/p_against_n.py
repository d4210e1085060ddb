"""p-values of published correlations by number of units."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.style import INK, PALETTE, house_style, panels, plain


def p_against_n(table: pd.DataFrame, units: int) -> Figure:
    """Draw the p of every printed r: with runs as units, and with so many placements.

    Parameters
    ----------
    table : DataFrame
        ``r``, ``p_runs`` and ``p_five``.
    units : int
        Placements.
    """
    with house_style():
        figure, (ax,) = panels(1, 1, 5.6, 3.1, margins=(0.7, 1.4, 0.2, 0.5))
        order = table["r"].abs().sort_values().index
        for column, colour, name in (
            ("p_runs", PALETTE[1], "runs as units"),
            ("p_five", PALETTE[0], f"{units} placements"),
        ):
            x, p = table.loc[order, "r"].abs(), table.loc[order, column].clip(lower=1e-4)
            ax.plot(x, p, "o", ms=3, mew=0, alpha=0.6, color=colour)
            ax.annotate(
                name,
                (1.02, float(np.log10(p.iloc[-1]) / 4 + 1)),
                color=colour,
                fontsize=8,
                xycoords="axes fraction",
                va="center",
            )
        ax.axhline(0.05, color=INK, lw=0.8, ls=(0, (2, 2)))
        ax.annotate(
            "0.05", (0.01, 0.05), xycoords=("axes fraction", "data"), va="bottom", fontsize=7.5
        )
        ax.set_yscale("log")
        ax.set_ylim(1e-4, 1)
        ticks = [1, 0.1, 0.01, 0.001, 0.0001]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_xlabel("published |r|")
        ax.set_ylabel("two-sided p-value")
        plain(ax)
    return figure
