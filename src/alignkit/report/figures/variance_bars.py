"""How much of the variance of alignment lies between placements."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.formatting import p_text
from alignkit.report.style import (
    INK,
    house_style,
    named,
    page,
    panels,
    plain,
    room_for,
    short,
    type_size,
)


def variance_bars(rows: pd.DataFrame) -> Figure:
    """Draw the proportion of variance between placements, and its chance level."""
    rows = rows.dropna(subset=["eta_squared"])
    labels = [
        f"{named(m, 200)}, {named(t, 200)}"
        for m, t in zip(rows["metric"], rows["task"], strict=True)
    ]
    with house_style():
        figure, (ax,) = panels(1, 1, 4.6, 0.26 * len(rows) + 0.1, margins=(2.6, 1.2, 0.35, 0.6))
        for y, (_, row) in enumerate(rows.iterrows()):
            ax.barh(y, row["eta_squared"], 0.62, color="#0072B2")
            ax.plot([row["chance"]] * 2, [y - 0.4, y + 0.4], color=INK, lw=1.4)
            p = p_text(row["p"], sign=True)
            ax.annotate(
                f"p {p}",
                (1, y),
                xycoords=("axes fraction", "data"),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=type_size(7),
            )
        ax.plot([], [], color=INK, lw=1.4, label="chance")
        ax.set_yticks(
            range(len(rows)), [short(label, room_for(40, 0.42 * page().width)) for label in labels]
        )
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_xlim(0, 1)
        ax.set_xlabel(
            "η²" if page().is_narrow else "proportion of variance between placements (η²)"
        )
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), handlelength=0.8, borderaxespad=0)
        plain(ax)
        fit(figure, [ax], 1)
    return figure
