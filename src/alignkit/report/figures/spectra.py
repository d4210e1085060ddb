"""Spectra: the share of the variance that the first components hold, one line per layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from alignkit.report.figures.colour_scale import colour_bar, fit_maps
from alignkit.report.figures.fit import fit
from alignkit.report.paragraphs.phrases import listed
from alignkit.report.style import (
    FAINT,
    columns_for,
    full_width,
    house_style,
    page,
    panels,
    plain,
    room_for,
    titled,
)

# The yellow end of the map is not seen on white paper.
DEPTHS = ListedColormap(colormaps["viridis"](np.linspace(0, 0.88, 256)))
_DOTTED = (0, (1, 1.5))


def spectra(shares: pd.DataFrame, cuts: Sequence[float]) -> Figure:
    """Draw one panel per unit: a line per layer, and the shares at which components are counted.

    Parameters
    ----------
    shares : DataFrame
        ``unit``, ``seed``, ``layer``, ``depth``, ``component``, ``cumulative``: drawn are means
        over seeds. A spectrum is 1 after its last component.
    cuts : sequence of float
        Shares of the variance, marked by dotted lines.
    """
    units = list(dict.fromkeys(shares["unit"]))
    # On a narrow page, the colours stand below the panels.
    least, beside = (0.75, 0.75) if page().is_narrow else (1.05, 1.7)
    columns = columns_for(len(units), least, margins=beside, gap=0.3)
    width = min(4.4, (full_width() - beside - 0.3 * (columns - 1)) / columns)
    last = int(shares["component"].max())
    lowest, highest = float(shares["depth"].min()), float(shares["depth"].max())
    scale = Normalize(lowest, highest if highest > lowest else lowest + 1)
    several = highest > lowest
    with house_style():
        figure, axes = panels(
            len(units),
            columns,
            width,
            0.68 * width,
            gap=(0.3, 0.42),
            margins=(0.65, 0.95 if several else 0.15, 0.3, 0.75),
            share=True,
        )
        for i, (unit, ax) in enumerate(zip(units, axes, strict=True)):
            part = shares[shares["unit"] == unit]
            for depth, layer in mean_curves(part, ["depth"]).groupby("depth"):
                colour = DEPTHS(scale(depth))
                ax.plot(layer["component"], layer["cumulative"], color=colour, lw=1.1)
            for cut in cuts:
                ax.axhline(cut, color=FAINT, lw=0.8, ls=_DOTTED, zorder=0)
            ax.set_title(titled(unit, room_for(40, width)), y=1)
            ax.tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= len(units))
            plain(ax)
        axes[0].set_xscale("log")
        axes[0].set_xlim(1, max(2, last))
        axes[0].set_ylim(0, 1.02)
        axes[0].xaxis.set_major_formatter("{x:g}")
        _label(figure, axes, columns, cuts)
        if not several:
            fit(figure, axes, columns, keep_shape=True)
        else:
            fit_maps(figure, axes, columns)
            below = page().is_narrow
            bar = colour_bar(figure, ScalarMappable(scale, DEPTHS), "layer", below=below)
            bar.locator = MaxNLocator(8, integer=True)
            bar.update_ticks()
    return figure


def mean_curves(shares: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return the mean cumulative share over seeds, by component.

    Parameters
    ----------
    shares : DataFrame
        ``seed``, ``component``, ``cumulative``, and the keys.
    keys : sequence of str
        The columns that tell curves apart.

    Returns
    -------
    DataFrame
        The keys, ``component`` and ``cumulative``, in the order of the keys and components.
    """
    own = shares.groupby([*keys, "component"])["cumulative"].agg(["sum", "count"]).reset_index()
    seeds = shares.groupby(list(keys))["seed"].nunique(dropna=False).rename("seeds")
    own = own.join(seeds, on=list(keys))
    # A spectrum with fewer components is 1 after its last one.
    own["cumulative"] = (own["sum"] + own["seeds"] - own["count"]) / own["seeds"]
    return own[[*keys, "component", "cumulative"]]


def _label(figure: Figure, axes: Sequence[Axes], columns: int, cuts: Sequence[float]) -> None:
    named = listed(f"{100 * cut:g}" for cut in cuts)
    label = f"{named} % of variance" if len(cuts) > 1 else f"{named} %"
    mark = Line2D([], [], color=FAINT, lw=0.8, ls=_DOTTED, label=label)
    figure.legend(handles=[mark], loc="lower center", bbox_to_anchor=(0.5, 0))
    rows = -(-len(axes) // columns)
    axes[rows // 2 * columns].set_ylabel("share of variance")
    for ax in axes[-columns:]:
        ax.set_xlabel("components", labelpad=2)
