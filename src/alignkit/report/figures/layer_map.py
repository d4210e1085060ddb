"""The grid of layers of two models as a map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from alignkit.cleaning import visible
from alignkit.report.figures.colour_scale import UNDEFINED, bar_room, colour_bar, scale_of
from alignkit.report.figures.fit import fit
from alignkit.report.layer_names import short_layers, squeezed
from alignkit.report.style import full_width, house_style, page, panels, room_for, type_size

# Cells with digits in them are this wide, in inches; more cells than this have none, and in a
# paper narrower ones.
_CELL, _WITH_DIGITS, _NARROWEST = 0.42, 16, 0.36
# Inches that a map in a paper is high at least, for the label of its colours.
LEAST = 1.3
_MARK = "#D55E00"


def layer_map(
    values: pd.DataFrame,
    a: str,
    b: str,
    label: str,
    best: tuple[str, str] | None = None,
    column: str = "calibrated",
    chance: float | None = 0.0,
    lower_is_aligned: bool = False,
) -> Figure:
    """Draw layers of a against layers of b; the first layers are at the bottom left.

    Parameters
    ----------
    values : DataFrame
        ``x``, ``y`` and the column that is shown, in the order of the layers.
    a, b : str
        Names of the models.
    label : str
        Of the colour bar.
    best : (str, str), optional
        The pair of layers to mark.
    column : str
    chance : float, optional
        Marked on the colour bar.
    lower_is_aligned : bool
        Turns the colours round, so that bright is aligned for a distance too.
    """
    xs, ys = (list(dict.fromkeys(values[side])) for side in ("x", "y"))
    cells = values.pivot_table(index="x", columns="y", values=column, dropna=False)
    cells = cells.reindex(index=xs, columns=ys)
    cell = _cell_of(max(len(xs), len(ys)))
    least = 0 if page().type_size is None else LEAST
    names = [short_layers(side) for side in (xs, ys)]
    left = 0.62 + 0.06 * max(len(name) for name in names[0].values())
    below = 0.55 + 0.055 * max(len(name) for name in names[1].values())
    colours = ScalarMappable(scale_of(values[column]), colour_map(lower_is_aligned))
    with house_style():
        wide, high = cell * len(ys), max(cell * len(xs), least)
        figure, (ax,) = panels(1, 1, wide, high, margins=(left, 1.45, 0.3, below))
        draw_cells(ax, cells, colours)
        _name(ax, (xs, ys), names, (a, b), (high, wide))
        if values[column].isna().any():
            handle = Patch(**UNDEFINED, label="undefined")
            figure.legend(handles=[handle], loc="lower right", borderaxespad=0.3)
        fit(figure, [ax], 1, right=bar_room(colours, chance))
        _thin(ax, (xs, ys), names)
        write_digits(ax, cells, colours)
        if best is not None and best[0] in xs and best[1] in ys:
            corner = (ys.index(best[1]) - 0.5, xs.index(best[0]) - 0.5)
            style: dict[str, Any] = {"fill": False, "edgecolor": _MARK, "linewidth": 2}
            ax.add_patch(Rectangle(corner, 1, 1, clip_on=False, **style))
        colour_bar(figure, colours, label, chance, beside=ax)
    return figure


def colour_map(lower_is_aligned: bool) -> str:
    """Return the name of the colours in which what is aligned is bright."""
    return "viridis_r" if lower_is_aligned else "viridis"


def draw_cells(ax: Axes, cells: pd.DataFrame, colours: ScalarMappable) -> None:
    """Draw a table as coloured cells, the first row at the bottom."""
    values = cells.to_numpy(float)
    if np.isnan(values).any():  # they are see-through
        ax.patch.set(**UNDEFINED)
    ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colours.get_cmap(),
        norm=Normalize(*colours.get_clim()),
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    ax.spines[:].set_visible(False)


def write_digits(ax: Axes, cells: pd.DataFrame, colours: ScalarMappable) -> None:
    """Write the values into the cells that ``draw_cells`` has drawn, where there is room."""
    values = cells.to_numpy(float)
    if max(values.shape) > _WITH_DIGITS or _inches(ax, values.shape)[0] < _NARROWEST:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = colours.to_rgba(value)
            is_bright = 0.3 * red + 0.59 * green + 0.11 * blue > 0.5
            ax.text(
                column,
                row,
                f"{value:z.2f}",
                ha="center",
                va="center",
                fontsize=type_size(6.5),
                color="black" if is_bright else "white",
            )


def _cell_of(most: int) -> float:
    """Inches of a cell of a map with so many layers on its longer side."""
    if page().type_size is None:
        return _CELL if most <= _WITH_DIGITS else min(_CELL, (full_width() - 3.2) / most)
    return min(_CELL, (full_width() - 2.2) / most)


def _inches(ax: Axes, shape: tuple[int, int]) -> tuple[float, float]:
    """How wide and high a cell of a map with so many rows and columns is."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return box.width / dpi / shape[1], box.height / dpi / shape[0]


def _name(
    ax: Axes,
    layers: tuple[Sequence[str], Sequence[str]],
    names: Sequence[dict[str, str]],
    models: tuple[str, str],
    inches: tuple[float, float],
) -> None:
    """Name the layers of a, from the bottom, and of b, from the left, and the models."""
    for axis, own, shown, model, room in zip("yx", layers, names, models, inches, strict=True):
        getattr(ax, f"set_{axis}ticks")(range(len(own)), [shown[name] for name in own])
        label = f"layers of {visible(squeezed(model, 34))}"
        if len(label) > (letters := room_for(44, room)):
            label = visible(squeezed(model, letters))
        getattr(ax, f"set_{axis}label")(label, labelpad=3)
    ax.tick_params(length=2, labelsize=type_size(6.5), pad=1.5)
    long = max(len(name) for name in names[1].values()) > 4
    ax.tick_params(axis="x", rotation=90 if long else 0)


def _thin(
    ax: Axes, layers: tuple[Sequence[str], Sequence[str]], names: Sequence[dict[str, str]]
) -> None:
    """Leave out the names of layers that have no room."""
    wide, high = _inches(ax, (len(layers[0]), len(layers[1])))
    size = type_size(6.5) / 72
    longest = max(len(name) for name in names[1].values())
    across = 1.4 * size if longest > 4 else (0.62 * longest + 0.5) * size
    for axis, own, shown, cell, needed in (
        ("y", layers[0], names[0], high, 1.3 * size),
        ("x", layers[1], names[1], wide, across),
    ):
        step = math.ceil(needed / cell)
        if page().type_size is None:
            step = -(-len(own) // 30)
        labels = [shown[name] if at % step == 0 else "" for at, name in enumerate(own)]
        getattr(ax, f"set_{axis}ticks")(range(len(own)), labels)
