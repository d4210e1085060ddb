"""Correlations of metrics with each other, as heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.figures.fit import fit
from alignkit.report.style import INK, house_style, named, page, panels, type_size

# Blue below, red above zero, white at it: to be told apart by the colour-blind.
COLOURS = "RdBu_r"


CELL = 0.27  # inches
BAR = 0.85  # inches of the colour bar with its numbers


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
    side = max(1.6, CELL * len(names))
    columns = 1 if page().is_narrow else len(matrices)
    with house_style():
        figure, axes = panels(
            len(matrices), columns, side, side, gap=(0.3, 0.5), margins=(1.5, 0.95, 0.4, 1.45)
        )
        scale = Normalize(-1, 1)
        for i, (ax, (title, matrix)) in enumerate(zip(axes, matrices.items(), strict=True)):
            draw_cells(ax, matrix[np.ix_(order, order)], scale)
            _frames(ax, [groups[k] for k in order])
            ax.set_title(title, y=1)
            labels = [named(names[k], 28) for k in order]
            small: dict[str, Any] = {"fontsize": type_size(7)}
            lowest = i + columns >= len(matrices)
            ax.set_xticks(range(len(names)), labels if lowest else [], rotation=90, **small)
            ax.set_yticks(range(len(names)), labels if i % columns == 0 else [], **small)
        fit(figure, axes, columns, keep_shape=True, right=BAR)
        for ax, matrix in zip(axes, matrices.values(), strict=True):
            write_digits(ax, matrix[np.ix_(order, order)])
        colour_bar(figure, axes[-1], scale)
    return figure


def draw_cells(ax: Axes, matrix: np.ndarray, scale: Normalize) -> None:
    """Draw the cells of a matrix; undefined values are hatched."""
    ax.patch.set(facecolor="#cccccc", hatch="////", edgecolor="#777777")
    ax.imshow(np.ma.masked_invalid(matrix), cmap=COLOURS, norm=scale, interpolation="none")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def write_digits(ax: Axes, matrix: np.ndarray) -> None:
    """Write the values into the cells of a matrix, where there is room."""
    size = type_size(5)
    cell = ax.get_window_extent().width / ax.figure.dpi / matrix.shape[1]
    if page().type_size is not None and cell < 3.2 * size / 72:
        return
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.65 else INK
                text = f"{value:.2f}".replace("0.", ".").replace("1.00", "1")
                ax.text(j, i, text, ha="center", va="center", fontsize=size, color=ink)


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


def colour_bar(figure: Figure, ax: Axes, scale: Normalize) -> None:
    """Add a colour bar beside the axes."""
    box = ax.get_position()
    place = (
        box.x1 + 0.18 / figure.get_figwidth(),
        box.y0,
        0.12 / figure.get_figwidth(),
        box.height,
    )
    bar = figure.colorbar(ScalarMappable(scale, COLOURS), cax=figure.add_axes(place))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=type_size(7))
    bar.set_label("correlation", fontsize=type_size(8))
