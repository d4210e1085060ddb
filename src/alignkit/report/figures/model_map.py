"""The best pair of layers of every pair of models as a map, beside those with random weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from alignkit.cleaning import visible
from alignkit.report.figures.colour_scale import UNDEFINED, bar_room, colour_bar, scale_of
from alignkit.report.figures.fit import fit
from alignkit.report.figures.layer_map import LEAST, colour_map, draw_cells, write_digits
from alignkit.report.layer_names import squeezed
from alignkit.report.style import full_width, house_style, page, panels, room_for, type_size

_CELL, _NAME = 0.46, 34  # inches of a cell, letters of a name


def model_map(
    panels_of: Sequence[tuple[str, pd.DataFrame]], label: str, lower_is_aligned: bool = False
) -> Figure:
    """Draw models a against models b, the first on top, one map per condition on one scale.

    Parameters
    ----------
    panels_of : sequence of (str, DataFrame)
        A title, and the values with models of a as rows and models of b as columns.
    label : str
        Of the colour bar.
    lower_is_aligned : bool
        Turns the colours round, so that bright is aligned for a distance too.
    """
    first = panels_of[0][1]
    count, (rows, columns) = len(panels_of), first.shape
    most = room_for(_NAME, 0.25 * full_width())
    left = 0.4 + 0.065 * min(most, max(len(str(name)) for name in first.index))
    below = 0.4 + 0.065 * min(most, max(len(str(name)) for name in first.columns))
    room = full_width() - 1.45
    across = max(1, min(count, int(room // (left + _CELL * columns))))
    cell = min(_CELL, (room - left) / columns) if across == 1 else _CELL
    every = pd.concat([part.stack() for _, part in panels_of])
    colours = ScalarMappable(scale_of(every), colour_map(lower_is_aligned))
    with house_style():
        figure, axes = panels(
            count,
            across,
            cell * columns,
            max(cell * rows, 0.8 if page().type_size is None else LEAST),
            gap=(left, below + 0.45),
            margins=(left, 1.45, 0.4, below),
        )
        for (title, table), ax in zip(panels_of, axes, strict=True):
            part = table[::-1]
            draw_cells(ax, part, colours)
            ax.set_title(title, y=1)
            ax.set_yticks(range(rows), [_shown(name, most) for name in part.index])
            ax.set_xticks(range(columns), [_shown(name, most) for name in part.columns])
            ax.tick_params(length=2, labelsize=type_size(7), pad=1.5)
            ax.tick_params(axis="x", rotation=90)
        if any(part.isna().any().any() for _, part in panels_of):
            handle = Patch(**UNDEFINED, label="not compared")
            figure.legend(handles=[handle], loc="lower right", borderaxespad=0.3)
        fit(figure, axes, across, right=bar_room(colours))
        for (_, table), ax in zip(panels_of, axes, strict=True):
            write_digits(ax, table[::-1], colours)
        colour_bar(figure, colours, label, beside=axes[across - 1])
    return figure


def _shown(name: object, most: int) -> str:
    return visible(squeezed(str(name), most))
