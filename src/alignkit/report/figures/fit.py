"""Figures that were laid out for a report, fitted to the width of a paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from alignkit.report.style import page

# Inches: around the figure, between panels, and above a legend.
_EDGE, _GAP, _ABOVE = 0.05, 0.12, 0.06


def fit(
    figure: Figure,
    axes: Sequence[Axes],
    columns: int,
    *,
    keep_shape: bool = False,
    right: float = 0,
    below: float = 0,
) -> None:
    """Give panels the room that their type leaves them, on a page with type of one size.

    Panels keep their height, and shrink in width where the page is narrow. The legend of the
    figure goes below them. In a report, where every figure has margins of its own, nothing
    changes.

    Parameters
    ----------
    figure : Figure
    axes : sequence of Axes
        Of ``panels``: row by row, of one size. Others are to be added afterwards.
    columns : int
    keep_shape : bool
        Whether the height shrinks with the width.
    right : float
        Inches to leave on the right, such as for a colour bar.
    below : float
        Inches to leave at the bottom, below the legend.
    """
    if page().type_size is None:
        return
    assert isinstance(figure.canvas, FigureCanvasAgg)
    wide, high = _size(figure, axes[0])
    legend = figure.legends[0] if figure.legends else None
    if legend is not None:
        legend.set_visible(False)
    shape = high / wide
    for _ in range(3):  # how far numbers reach depends on how large the panels are
        beyond = _beyond(figure, axes, columns)
        taken = float(beyond["left"].sum() + beyond["right"].sum())
        room = page().width - 2 * _EDGE - right - (columns - 1) * _GAP - taken
        wide = max(0.4, min(wide, room / columns))
        high = shape * wide if keep_shape else high
        _place(figure, axes, columns, (wide, high), beyond, right, below)
    if legend is not None:
        legend = _lay_out(figure, legend)
        high_legend = legend.get_window_extent(figure.canvas.get_renderer()).height / figure.dpi
        under = below + high_legend + _ABOVE
        _place(figure, axes, columns, (wide, high), beyond, right, under)
        legend.set_bbox_to_anchor((0.5, below / figure.get_figheight()))


def _size(figure: Figure, ax: Axes) -> tuple[float, float]:
    """Inches of a panel."""
    box = ax.get_position()
    across, down = figure.get_size_inches()
    return box.width * across, box.height * down


def _beyond(figure: Figure, axes: Sequence[Axes], columns: int) -> dict[str, np.ndarray]:
    """Inches that type reaches beyond panels: by column to the sides, by row above and below."""
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    rows = -(-len(axes) // columns)
    found = {side: np.zeros(columns) for side in ("left", "right")}
    found |= {side: np.zeros(rows) for side in ("top", "bottom")}
    for i, ax in enumerate(axes):
        row, column = divmod(i, columns)
        box, outer = ax.get_window_extent(renderer), ax.get_tightbbox(renderer)
        if outer is None:
            continue
        for side, at, far in (
            ("left", column, box.x0 - outer.x0),
            ("right", column, outer.x1 - box.x1),
            ("top", row, outer.y1 - box.y1),
            ("bottom", row, box.y0 - outer.y0),
        ):
            found[side][at] = max(found[side][at], far / figure.dpi)
    return found


def _place(
    figure: Figure,
    axes: Sequence[Axes],
    columns: int,
    size: tuple[float, float],
    beyond: dict[str, np.ndarray],
    right: float,
    below: float,
) -> None:
    """Resize the figure, and put every panel where its type does not meet that of others."""
    wide, high = size
    rows = len(beyond["top"])
    across = 2 * _EDGE + right + columns * wide + (columns - 1) * _GAP
    across += float(beyond["left"].sum() + beyond["right"].sum())
    down = 2 * _EDGE + below + rows * high + (rows - 1) * _GAP
    down += float(beyond["top"].sum() + beyond["bottom"].sum())
    figure.set_size_inches(across, down)
    y = down - _EDGE
    for row in range(rows):
        y -= beyond["top"][row] + high
        x = _EDGE
        for column, ax in enumerate(axes[row * columns : (row + 1) * columns]):
            x += beyond["left"][column]
            ax.set_position((x / across, y / down, wide / across, high / down))
            x += wide + beyond["right"][column] + _GAP
        y -= beyond["bottom"][row] + _GAP


def _lay_out(figure: Figure, legend: Legend) -> Legend:
    """Return a legend below the panels, with as many columns as fit, in place of another."""
    assert isinstance(figure.canvas, FigureCanvasAgg)
    handles = [handle for handle in legend.legend_handles if handle is not None]
    names = [text.get_text() for text in legend.get_texts()]
    title = legend.get_title().get_text() or None
    legend.remove()
    for columns in range(min(len(names), 6), 0, -1):
        laid = figure.legend(
            handles,
            names,
            loc="lower center",
            bbox_to_anchor=(0.5, 0),
            ncols=columns,
            title=title,
            title_fontsize=page().type_size,
            borderaxespad=0.2,
        )
        wide = laid.get_window_extent(figure.canvas.get_renderer()).width / figure.dpi
        if columns == 1 or wide <= figure.get_figwidth() - 2 * _EDGE:
            break
        laid.remove()
    return laid
