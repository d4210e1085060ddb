"""The grid of layers of two models as a map."""

from __future__ import annotations

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
from alignkit.report.figures.colour_scale import UNDEFINED, colour_bar, scale_of
from alignkit.report.layer_names import short_layers, squeezed
from alignkit.report.style import WIDTH, house_style, panels

# Cells with digits in them are at least this wide, in inches; more cells than this have none.
_CELL, _WITH_DIGITS = 0.42, 16
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
    has_digits = max(len(xs), len(ys)) <= _WITH_DIGITS
    cell = _CELL if has_digits else min(_CELL, (WIDTH - 3.2) / max(len(xs), len(ys)))
    names = [short_layers(side) for side in (xs, ys)]
    left = 0.62 + 0.06 * max(len(name) for name in names[0].values())
    below = 0.55 + 0.055 * max(len(name) for name in names[1].values())
    with house_style():
        figure, (ax,) = panels(
            1, 1, cell * len(ys), cell * len(xs), margins=(left, 1.45, 0.3, below)
        )
        scale = scale_of(values[column])
        colours = "viridis_r" if lower_is_aligned else "viridis"
        draw_cells(ax, cells, scale, colours, has_digits)
        _name(ax, xs, ys, names, (a, b))
        if best is not None and best[0] in xs and best[1] in ys:
            corner = (ys.index(best[1]) - 0.5, xs.index(best[0]) - 0.5)
            style: dict[str, Any] = {"fill": False, "edgecolor": _MARK, "linewidth": 2}
            ax.add_patch(Rectangle(corner, 1, 1, clip_on=False, **style))
        colour_bar(figure, ScalarMappable(scale, colours), label, chance)
        if values[column].isna().any():
            handle = Patch(**UNDEFINED, label="undefined")
            figure.legend(handles=[handle], loc="lower right", borderaxespad=0.3)
    return figure


def draw_cells(
    ax: Axes, cells: pd.DataFrame, scale: Normalize, colours: str, has_digits: bool
) -> None:
    """Draw a table as coloured cells, the first row at the bottom, perhaps with digits."""
    values = cells.to_numpy(float)
    if np.isnan(values).any():  # they are see-through
        ax.patch.set(**UNDEFINED)
    ax.imshow(
        np.ma.masked_invalid(values),
        cmap=colours,
        norm=scale,
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    ax.spines[:].set_visible(False)
    if not has_digits:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            share = float(scale(value))
            bright = share > 0.6 if colours == "viridis" else share < 0.4
            ink = "black" if bright else "white"
            text = f"{value:.2f}"
            ax.text(column, row, text, ha="center", va="center", fontsize=6.5, color=ink)


def _name(
    ax: Axes,
    xs: Sequence[str],
    ys: Sequence[str],
    names: Sequence[dict[str, str]],
    models: tuple[str, str],
) -> None:
    for axis, layers, shown in (("y", xs, names[0]), ("x", ys, names[1])):
        step = -(-len(layers) // 30)
        labels = [shown[name] if at % step == 0 else "" for at, name in enumerate(layers)]
        getattr(ax, f"set_{axis}ticks")(range(len(layers)), labels)
    ax.tick_params(length=2, labelsize=6.5, pad=1.5)
    long = max(len(name) for name in names[1].values()) > 4
    ax.tick_params(axis="x", rotation=90 if long else 0)
    ax.set_ylabel(f"layers of {visible(squeezed(models[0], 34))}", labelpad=3)
    ax.set_xlabel(f"layers of {visible(squeezed(models[1], 34))}", labelpad=3)
