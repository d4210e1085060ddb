"""Stability of metrics against the number of samples or of neighbours."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from alignkit.report.figures.fit import fit
from alignkit.report.style import Look, house_style, looks, named, page, panels, plain

_PANELS = {
    "agreement": "agreement with the largest setting (Spearman)",
    "reliability": "split-half reliability",
    "value": "mean value over layers (dotted: chance)",
    "seconds": "time per model (s)",
}


def stability_curves(rows: pd.DataFrame, varied: str) -> Figure:
    """Draw one panel per quantity against the setting, with one line per metric.

    Parameters
    ----------
    rows : DataFrame
        ``metric``, the setting, ``agreement``, ``reliability``, ``value``, ``chance``,
        ``seconds``: means over models. The seconds may be left out.
    varied : str
        ``samples`` or ``k``.
    """
    look = looks(rows["metric"])
    titles = {column: title for column, title in _PANELS.items() if column in rows}
    with house_style():
        columns = 1 if page().is_narrow else 2
        figure, axes = panels(
            len(titles),
            columns,
            3.7,
            2.4 if page().type_size is None else 1.7,
            gap=(0.6, 0.75),
            margins=(0.6, 1.9, 0.35, 0.6),
        )
        for ax, (column, title) in zip(axes, titles.items(), strict=True):
            for metric, part in rows.groupby("metric", sort=False):
                _line(ax, part.sort_values(varied), varied, column, look[str(metric)])
            ax.set_title(title if page().type_size is None else title.partition(" (")[0], y=1)
            ax.set_xlabel(varied)
            ax.set_xscale("log", base=2)
            ticks = sorted(int(setting) for setting in rows[varied].dropna().unique())
            ax.set_xticks(ticks, [str(tick) for tick in ticks])
            ax.xaxis.set_minor_locator(NullLocator())
            if column == "seconds":
                ax.set_ylim(bottom=0)
            plain(ax)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="center right", borderaxespad=0.3)
        fit(figure, axes, columns)
    return figure


def _line(ax: Axes, part: pd.DataFrame, varied: str, column: str, look: Look) -> None:
    name = named(part["metric"].iloc[0], 26)
    ax.plot(
        part[varied], part[column], color=look.colour, marker=look.marker, ms=4, lw=1.3, label=name
    )
    if column == "value":
        ax.plot(part[varied], part["chance"], color=look.colour, lw=1, ls=(0, (1, 1.5)))
