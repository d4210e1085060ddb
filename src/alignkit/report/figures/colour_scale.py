"""The colours of maps: their scale, the bar that explains them, and what has no value."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.style import INK, named, page, room_for, short, type_size

# Inches of a bar beside a panel, with numbers and two lines of a label, and of the word "chance".
BAR, CHANCE = 1.1, 0.45
UNDEFINED: dict[str, Any] = {"facecolor": "#cccccc", "edgecolor": "#777777", "hatch": "////"}


def colour_bar(
    figure: Figure,
    mapped: ScalarMappable,
    label: str,
    chance: float | None = None,
    beside: Axes | None = None,
) -> Colorbar:
    """Draw the colours on the right of a figure, with the chance level where it is known.

    Parameters
    ----------
    figure : Figure
    mapped : ScalarMappable
    label : str
    chance : float, optional
    beside : Axes, optional
        In a paper, the panel to draw them beside, as high as it; ``fit`` has left ``bar_room``.
    """
    width, height = figure.get_size_inches()
    tall = min(height - 1.1, 3.2)
    box = ((width - 0.85) / width, (height - 0.55 - tall) / height, 0.13 / width, tall / height)
    said = named(label, 40)
    if beside is not None and page().type_size is not None:
        panel = beside.get_position()
        left = 0.15 + (CHANCE if is_marked(mapped, chance) else 0.0)
        box = (panel.x1 + left / width, panel.y0, 0.13 / width, panel.height)
        middle = height * (panel.y0 + panel.height / 2)
        said = _on_two_lines(label, 2 * min(middle, height - middle))
    bar = figure.colorbar(mapped, cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=type_size(7))
    bar.set_label(said, fontsize=type_size(8))
    if chance is not None and is_marked(mapped, chance):
        bar.ax.plot([0, 1], [chance, chance], color="white", lw=1.6)
        bar.ax.plot([0, 1], [chance, chance], color=INK, lw=0.9, ls=(0, (1, 1)))
        bar.ax.annotate(
            "chance",
            (0, chance),
            xytext=(-3, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=type_size(6.5),
        )
    return bar


def is_marked(mapped: ScalarMappable, chance: float | None) -> bool:
    """Whether the colours reach to the chance level, so that it can be marked on the bar."""
    low, high = mapped.get_clim()
    return chance is not None and low <= chance <= high


def bar_room(mapped: ScalarMappable, chance: float | None = None) -> float:
    """Inches that the colours with their numbers and label need beside a panel of a paper."""
    return BAR + (CHANCE if is_marked(mapped, chance) else 0.0)


def _on_two_lines(label: str, inches: float) -> str:
    """Return a label that is no longer than so many inches, on two lines if need be."""
    most = room_for(200, inches)
    first, *others = wrap(short(label, 200), most) or [""]
    return "\n".join([first, *([short(" ".join(others), most)] if others else [])])


def scale_of(values: pd.Series, limits: tuple[float, float] | None = None) -> Normalize:
    """Return the colour scale of values, or the one that other figures share."""
    known = values.dropna()
    low, high = limits or ((known.min(), known.max()) if len(known) else (0.0, 1.0))
    return Normalize(low, high if high > low else low + 1e-9)
