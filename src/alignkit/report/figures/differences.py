"""Estimates with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alignkit.report.figures.fit import fit
from alignkit.report.formatting import p_text
from alignkit.report.style import (
    FAINT,
    INK,
    PALETTE,
    house_style,
    page,
    panels,
    plain,
    room_for,
    short,
    type_size,
)


def differences(
    rows: pd.DataFrame, labels: Sequence[str], value: str, axis: str, groups: Sequence[str] = ()
) -> Figure:
    """Draw one line per row: the estimate, its interval, and on the right its p and verdict.

    Parameters
    ----------
    rows : DataFrame
        The value, ``low``, ``high``, ``p``, ``p_adjusted`` and ``verdict``; without a value a
        row says why.
    labels : sequence of str
    value : str
        The column of the estimates; 0 is no difference.
    axis : str
        What the axis shows.
    groups : sequence of str
        Of each row; they share a colour.
    """
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(dict.fromkeys(groups))}
    with house_style():
        figure, (ax,) = panels(1, 1, 4.6, 0.24 * len(rows) + 0.15, margins=(2.9, 2.5, 0.35, 0.6))
        for y, (_, row) in enumerate(rows.iterrows()):
            colour = colours[groups[y]] if groups else INK
            note = row.get("reason") or ""
            if pd.notna(row[value]):
                if pd.notna(row["low"]) and pd.notna(row["high"]):
                    ax.plot([row["low"], row["high"]], [y, y], color=colour, lw=1.2)
                ax.plot(row[value], y, "o", color=colour, ms=5)
            if pd.notna(row["p"]):
                note = (
                    f"p {p_text(row['p'])}, corrected {p_text(row['p_adjusted'])}, {row['verdict']}"
                )
            if page().is_narrow:  # the table has them
                continue
            ax.annotate(
                short(note, 44),
                (1, y),
                xycoords=("axes fraction", "data"),
                xytext=(8, 0),
                textcoords="offset points",
                va="center",
                fontsize=type_size(7),
                annotation_clip=False,
            )
        ax.axvline(0, color=FAINT, lw=0.9, ls=(0, (3, 2)), zorder=0)
        ax.set_yticks(
            range(len(rows)), [short(label, room_for(46, 0.42 * page().width)) for label in labels]
        )
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_xlabel(axis.partition(" (")[0] if page().is_narrow else axis)
        plain(ax)
        if page().type_size is not None:
            ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        fit(figure, [ax], 1)
    return figure
