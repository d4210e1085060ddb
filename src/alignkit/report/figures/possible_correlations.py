"""Published correlations against those that are possible."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alignkit.report.style import (
    CONTEXT,
    FAINT,
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
            ax.set_title(f"{short(group, 30)}\nr between outcomes: {r_xy:+.2f}", y=1, fontsize=8)
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
        figure.text(0.99, 0.015, "grey: possible values", ha="right", fontsize=8, color=FAINT)
    return figure
