"""Metrics against each other: matrices as heat maps, and the tree of a clustering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.style import FAINT, INK, PALETTE, house_style, panels, plain, short

# Blue below, red above zero, white at it: to be told apart by the colour-blind.
_COLOURS = "RdBu_r"
_CELL = 0.27  # inches


def correlation_maps(
    matrices: Mapping[str, np.ndarray],
    names: Sequence[str],
    order: Sequence[int],
    groups: Sequence[int],
) -> Figure:
    """Draw square matrices side by side, rows in the order of the tree.

    Parameters
    ----------
    matrices : mapping
        Title to correlations, -1 to 1; NaN cells stay grey.
    names : sequence of str
    order : sequence of int
        Which row stands where.
    groups : sequence of int
        Framed where neighbours share one.
    """
    side = max(1.6, _CELL * len(names))
    with house_style():
        figure, axes = panels(
            len(matrices), len(matrices), side, side, gap=(0.3, 0.5), margins=(1.5, 0.95, 0.4, 1.45)
        )
        scale = Normalize(-1, 1)
        for i, (ax, (title, matrix)) in enumerate(zip(axes, matrices.items(), strict=True)):
            _one(ax, matrix[np.ix_(order, order)], scale)
            _frames(ax, [groups[k] for k in order])
            ax.set_title(title, y=1)
            labels = [short(names[k], 28) for k in order]
            ax.set_xticks(range(len(names)), labels, rotation=90, fontsize=7)
            ax.set_yticks(range(len(names)), labels if i == 0 else [], fontsize=7)
        _bar(figure, axes[-1], scale)
    return figure


def correlation_table(grid: pd.DataFrame) -> Figure:
    """Draw a table of correlations whose rows and columns differ."""
    down, across = grid.shape
    with house_style():
        figure, (ax,) = panels(
            1, 1, 0.75 * across, max(0.7, _CELL * down), margins=(2.6, 0.95, 0.2, 1.1)
        )
        scale = Normalize(-1, 1)
        _one(ax, grid.to_numpy(float), scale)
        ax.set_aspect("auto")
        ax.set_xticks(range(across), [short(name) for name in grid], rotation=40, ha="right")
        ax.set_yticks(range(down), [short(name, 40) for name in grid.index])
        _bar(figure, ax, scale)
    return figure


def dendrogram(
    links: np.ndarray, names: Sequence[str], groups: Sequence[int], alike: float
) -> Figure:
    """Draw the tree; metrics that meet left of the line are one measurement."""
    from scipy.cluster.hierarchy import dendrogram as layout

    tree = layout(links, no_plot=True)
    height = 0.24 * len(names) + 0.1
    with house_style():
        figure, (ax,) = panels(1, 1, 5.6, height, margins=(1.9, 0.3, 0.45, 0.6))
        for xs, ys in zip(tree["icoord"], tree["dcoord"], strict=True):
            joined = max(ys) <= 1 - alike + 1e-12
            ax.plot(ys, xs, color=INK if joined else FAINT, lw=1.8 if joined else 0.9)
        ax.axvline(1 - alike, color="#D55E00", lw=1, ls=(0, (4, 2)))
        ax.annotate(
            f"{alike:g}",
            (1 - alike, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color="#A04000",
        )
        places = 5 + 10 * np.arange(len(names))
        ax.set_yticks(places, [short(names[k], 30) for k in tree["leaves"]])
        several = {group for group in groups if list(groups).count(group) > 1}
        for label, leaf in zip(ax.get_yticklabels(), tree["leaves"], strict=True):
            colour = PALETTE[(groups[leaf] - 1) % len(PALETTE)]
            label.set_color(colour if groups[leaf] in several else INK)
        ax.set_ylim(10 * len(names), 0)  # from the top, as in the matrices
        ax.set_xlim(left=-0.01)
        ax.set_xlabel("1 − mean Spearman correlation")
        plain(ax)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    return figure


def _one(ax: Axes, matrix: np.ndarray, scale: Normalize) -> None:
    ax.patch.set(facecolor="#cccccc", hatch="////", edgecolor="#777777")
    ax.imshow(np.ma.masked_invalid(matrix), cmap=_COLOURS, norm=scale, interpolation="none")
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.65 else INK
                text = f"{value:.2f}".replace("0.", ".").replace("1.00", "1")
                ax.text(j, i, text, ha="center", va="center", fontsize=5, color=ink)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _frames(ax: Axes, groups: Sequence[int]) -> None:
    """Frame neighbours of one group."""
    start = 0
    for end in range(1, len(groups) + 1):
        if end == len(groups) or groups[end] != groups[start]:
            if end - start > 1:
                low, high = start - 0.5, end - 0.5
                ax.plot(
                    [low, high, high, low, low],
                    [low, low, high, high, low],
                    color=INK,
                    lw=1.2,
                    clip_on=False,
                )
            start = end


def _bar(figure: Figure, ax: Axes, scale: Normalize) -> None:
    box = ax.get_position()
    place = (
        box.x1 + 0.18 / figure.get_figwidth(),
        box.y0,
        0.12 / figure.get_figwidth(),
        box.height,
    )
    bar = figure.colorbar(ScalarMappable(scale, _COLOURS), cax=figure.add_axes(place))
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(length=2, labelsize=7)
    bar.set_label("correlation", fontsize=8)
