"""The entropy of attention by depth, with single heads, co-attention and untrained models."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from alignkit.report.style import (
    CONTEXT,
    FAINT,
    INK,
    PALETTE,
    full_width,
    house_style,
    panels,
    plain,
    short,
)

_SELF, _CO = PALETTE[0], PALETTE[1]


def attention_curves(layers: pd.DataFrame, heads: pd.DataFrame) -> Figure:
    """Draw a row of two panels per unit: the text stream and the vision stream.

    Parameters
    ----------
    layers : DataFrame
        Of one task: ``unit``, ``stream``, ``kind``, ``depth``, ``normalised``, ``untrained``.
    heads : DataFrame
        Of the trained models: ``unit``, ``stream``, ``kind``, ``depth``, ``head``,
        ``normalised``.
    """
    units = list(dict.fromkeys(layers["unit"]))
    columns = 2 if full_width() >= 5 else 1
    width = (full_width() - 0.8 - 0.3 * (columns - 1)) / columns
    with house_style():
        figure, axes = panels(
            2 * len(units),
            columns,
            min(width, 4.2),
            1.7,
            gap=(0.3, 0.5),
            margins=(0.65, 0.15, 0.35, 0.95),
        )
        for i, unit in enumerate(units):
            for j, stream in enumerate(("text", "vision")):
                ax = axes[2 * i + j]
                here = (layers["unit"] == unit) & (layers["stream"] == stream)
                dots = heads[(heads["unit"] == unit) & (heads["stream"] == stream)]
                _panel(ax, layers[here], dots)
                ax.set_title(f"{short(unit, 30)}: {stream}", y=1)
        _frame(axes, columns)
        handles = _legend(layers)
        figure.legend(handles=handles, loc="lower center", ncols=len(handles) if columns > 1 else 2)
    return figure


def _panel(ax: Axes, layers: pd.DataFrame, heads: pd.DataFrame) -> None:
    for kind, colour, marker in (("self", _SELF, "o"), ("co", _CO, "D")):
        own = layers[layers["kind"] == kind].sort_values("depth")
        line = "-" if kind == "self" else ""
        if own["untrained"].notna().any():
            ax.plot(
                own["depth"], own["untrained"], marker, ls=line, color=FAINT, lw=1, ms=3.5, mfc="w"
            )
        means = heads[heads["kind"] == kind].groupby(["depth", "head"])["normalised"].mean()
        points = means.reset_index()
        ax.plot(points["depth"], points["normalised"], "_", color=colour, ms=6, alpha=0.45)
        ax.plot(own["depth"], own["normalised"], marker, ls=line, color=colour, lw=1.6, ms=4)
        for depth in own["depth"] if kind == "co" else ():
            ax.axvline(depth, color=CONTEXT, lw=0.8, zorder=0)
    plain(ax)


def _frame(axes: Sequence[Axes], columns: int) -> None:
    """Give all panels one scale, from no spread to an even spread."""
    low = min(ax.dataLim.y0 for ax in axes)
    left, right = (
        f(ends)
        for f, ends in ((min, [a.dataLim.x0 for a in axes]), (max, [a.dataLim.x1 for a in axes]))
    )
    for number, ax in enumerate(axes):
        ax.set_ylim(max(0.0, low - 0.05), 1.02)
        ax.set_xlim(left - 0.4, right + 0.4)
        ax.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        if number % columns == 0:
            ax.set_ylabel("entropy / maximum")
        else:
            ax.tick_params(labelleft=False)
        if number >= len(axes) - columns:
            ax.set_xlabel("layer")


def _legend(layers: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color=_SELF, marker="o", ms=4, lw=1.6, label="self-attention")]
    if (layers["kind"] == "co").any():
        handles.append(
            Line2D([], [], color=_CO, marker="D", ms=4, ls="", label="co-attention (at fusions)")
        )
    handles.append(Line2D([], [], color=INK, marker="_", ls="", alpha=0.6, label="single heads"))
    if layers["untrained"].notna().any():
        handles.append(
            Line2D([], [], color=FAINT, marker="o", mfc="w", ms=3.5, lw=1, label="untrained")
        )
    return handles
