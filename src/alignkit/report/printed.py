"""Printed correlations against what is possible, and their p by number of units."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.style import (
    CONTEXT,
    FAINT,
    INK,
    PALETTE,
    WIDTH,
    columns_for,
    house_style,
    panels,
    plain,
    short,
)
from alignkit.statistics.consistency import possible_range

_COLOURS = {"possible": PALETTE[0], "border": PALETTE[4], "impossible": PALETTE[1]}


def bounds(triples: pd.DataFrame) -> Figure:
    """Draw, for every metric, its printed r with loss against what its r with accuracy allows.

    Parameters
    ----------
    triples : DataFrame
        Of ``check``: ``group``; ``x`` and ``y`` with ``r_xy``, the two outcomes; ``z`` the
        metric with ``r_xz`` and ``r_yz``; ``verdict``.
    """
    groups = list(dict.fromkeys(triples["group"]))
    columns = columns_for(len(groups))
    width = (WIDTH - 1.0 - 0.45 * (columns - 1)) / columns
    with house_style():
        figure, axes = panels(
            len(groups),
            columns,
            width,
            width,
            gap=(0.45, 0.75),
            margins=(0.65, 0.15, 0.55, 0.75),
            share=True,
        )
        for group, ax in zip(groups, axes, strict=True):
            rows = triples[triples["group"] == group]
            r_xy = float(rows["r_xy"].iloc[0])
            along = np.linspace(-1, 1, 201)
            spans = np.array([possible_range(r_xy, r) for r in along])
            ax.fill_between(along, spans[:, 0], spans[:, 1], color=CONTEXT, lw=0, zorder=0)
            for verdict, part in rows.groupby("verdict"):
                ax.plot(
                    part["r_xz"],
                    part["r_yz"],
                    "o",
                    ms=5,
                    mew=0,
                    zorder=3,
                    color=_COLOURS[str(verdict)],
                )
            ax.axhline(0, color=FAINT, lw=0.6)
            ax.axvline(0, color=FAINT, lw=0.6)
            ax.set_title(f"{short(group, 30)}\nr of the outcomes {r_xy:+.2f}", y=1, fontsize=8)
            ax.set_xticks([-1, -0.5, 0, 0.5, 1])
            ax.set_yticks([-1, -0.5, 0, 0.5, 1])
            plain(ax)
        axes[0].set_xlim(-1, 1)
        axes[0].set_ylim(-1, 1)
        x, y = short(triples["x"].iloc[0]), short(triples["y"].iloc[0])
        for ax in axes[::columns]:
            ax.set_ylabel(f"r with {y}")
        for ax in axes[-columns:]:
            ax.set_xlabel(f"r with {x}")
        handles = [
            axes[0].plot([], [], "o", ms=5, mew=0, color=colour, label=verdict)[0]
            for verdict, colour in _COLOURS.items()
            if (triples["verdict"] == verdict).any()
        ]
        figure.legend(handles=handles, loc="lower left", ncols=3, borderaxespad=0.4)
        figure.text(0.99, 0.015, "grey: what data can have", ha="right", fontsize=8, color=FAINT)
    return figure


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
        ax.set_xlabel("|r| as printed")
        ax.set_ylabel("two-sided p")
        plain(ax)
    return figure
