"""Correlation of alignment with performance for every pair of layers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.sites import in_order, short_name
from alignkit.report.style import (
    INK,
    columns_for,
    full_width,
    house_style,
    named,
    page,
    panels,
    room_for,
    type_size,
)
from alignkit.statistics.requirements import LEVEL

_COLOURS, _SCALE = "RdBu_r", Normalize(-1, 1)


def layer_pairs(rows: pd.DataFrame) -> Figure:
    """Draw one map per metric of one task; a dot where corrected p is below 0.05.

    Parameters
    ----------
    rows : DataFrame
        ``metric``, ``layer`` (a pair of sites such as ``t03:v05``), ``pearson``,
        ``p_adjusted``.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    columns, of_three = (
        columns_for(n, 1.3, margins=1.95, gap=0.75, most=3) for n in (len(metrics), 3)
    )
    side = (full_width() - 1.95 - 0.75 * (of_three - 1)) / of_three
    with house_style():
        figure, axes = panels(
            len(metrics), columns, side, side, gap=(0.75, 0.85), margins=(0.55, 1.3, 0.4, 0.6)
        )
        for metric, ax in zip(metrics, axes, strict=True):
            _one(ax, rows[rows["metric"] == metric])
            ax.set_title(named(metric, room_for(30, side)), y=1)
        _colour_bar(figure)
        figure.text(0.99, 0.02, f"dot: corrected p < {LEVEL}", ha="right", fontsize=type_size(7.5))
    return figure


def _one(ax: Axes, rows: pd.DataFrame) -> None:
    pairs = rows["layer"].str.split(":", n=1, expand=True)
    rows = rows.assign(x=pairs[0], y=pairs[1])
    xs, ys = in_order(rows["x"], ()), in_order(rows["y"], ())
    cells = rows.pivot(index="x", columns="y", values="pearson").reindex(index=xs, columns=ys)
    values = np.ma.masked_invalid(cells.to_numpy(float))
    ax.patch.set(facecolor="#cccccc", edgecolor="#777777", hatch="////")
    ax.imshow(
        values, cmap=_COLOURS, norm=_SCALE, origin="lower", aspect="auto", interpolation="none"
    )
    for pair in rows[rows["p_adjusted"].astype(float) < LEVEL].itertuples():
        ax.plot(ys.index(pair.y), xs.index(pair.x), "o", ms=4, mfc="white", mec=INK, mew=0.8)
    step = -(-max(len(xs), len(ys)) // (13 if page().type_size is None else 6))
    for axis, sites in (("x", ys), ("y", xs)):
        labels = [short_name(s) if i % step == 0 else "" for i, s in enumerate(sites)]
        getattr(ax, f"set_{axis}ticks")(range(len(sites)), labels)
    ax.tick_params(length=2, labelsize=type_size(6.5), pad=1.5)
    ax.set_xlabel("vision site", labelpad=2)
    ax.set_ylabel("text site", labelpad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _colour_bar(figure: Figure) -> None:
    width, height = figure.get_size_inches()
    tall = min(height - 1.0, 2.6)
    box = ((width - 0.95) / width, (height - 0.4 - tall) / height, 0.13 / width, tall / height)
    bar = figure.colorbar(ScalarMappable(_SCALE, _COLOURS), cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=type_size(7))
    bar.set_label("correlation with the outcome (r)", fontsize=type_size(8))
