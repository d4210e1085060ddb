"""A table of correlations as a heat map."""

from __future__ import annotations

import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.figures.correlation_maps import BAR, CELL, colour_bar, draw_cells, write_digits
from alignkit.report.figures.fit import fit
from alignkit.report.style import house_style, page, panels, room_for, short


def correlation_table(grid: pd.DataFrame) -> Figure:
    """Draw a table of correlations whose rows and columns differ."""
    down, across = grid.shape
    with house_style():
        figure, (ax,) = panels(
            1, 1, 0.75 * across, max(0.7, CELL * down), margins=(2.6, 0.95, 0.2, 1.1)
        )
        scale = Normalize(-1, 1)
        draw_cells(ax, grid.to_numpy(float), scale)
        ax.set_aspect("auto")
        room = room_for(40, 0.35 * page().width)
        ax.set_xticks(
            range(across), [short(name).replace("_", " ") for name in grid], rotation=40, ha="right"
        )
        ax.set_yticks(range(down), [short(name, room) for name in grid.index])
        fit(figure, [ax], 1, right=BAR)
        write_digits(ax, grid.to_numpy(float))
        colour_bar(figure, ax, scale)
    return figure
