"""The best pair of layers of every pair of models as a map, beside those with random weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from alignkit.cleaning import visible
from alignkit.report.figures.colour_scale import UNDEFINED, colour_bar, scale_of
from alignkit.report.figures.layer_map import draw_cells
from alignkit.report.layer_names import squeezed
from alignkit.report.style import WIDTH, house_style, panels

_CELL, _WITH_DIGITS, _NAME = 0.46, 16, 34


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
    has_digits = max(rows, columns) <= _WITH_DIGITS
    left = 0.4 + 0.062 * min(_NAME, max(len(str(name)) for name in first.index))
    below = 0.4 + 0.062 * min(_NAME, max(len(str(name)) for name in first.columns))
    across = max(1, min(count, int((WIDTH - 1.45) // (left + _CELL * columns))))
    cell = min(_CELL, (WIDTH - 1.45 - left) / columns) if across == 1 else _CELL
    colours = "viridis_r" if lower_is_aligned else "viridis"
    with house_style():
        figure, axes = panels(
            count,
            across,
            cell * columns,
            max(cell * rows, 0.8),
            gap=(left, below + 0.45),
            margins=(left, 1.45, 0.4, below),
        )
        scale = scale_of(pd.concat([part.stack() for _, part in panels_of]))
        for (title, table), ax in zip(panels_of, axes, strict=True):
            part = table[::-1]
            draw_cells(ax, part, scale, colours, has_digits)
            ax.set_title(title, y=1)
            ax.set_yticks(range(rows), [_shown(name) for name in part.index])
            ax.set_xticks(range(columns), [_shown(name) for name in part.columns])
            ax.tick_params(length=2, labelsize=7, pad=1.5)
            ax.tick_params(axis="x", rotation=90)
        colour_bar(figure, ScalarMappable(scale, colours), label, None)
        if any(part.isna().any().any() for _, part in panels_of):
            handle = Patch(**UNDEFINED, label="not compared")
            figure.legend(handles=[handle], loc="lower right", borderaxespad=0.3)
    return figure


def _shown(name: object) -> str:
    return visible(squeezed(str(name), _NAME))
