"""The colours of maps: their scale, the bar that explains them, and what has no value."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from alignkit.report.figures.fit import fit
from alignkit.report.style import INK, named, page, room_for, short, type_size

# Inches of a bar beside a panel, with numbers and two lines of a label, and of the word "chance".
BAR, CHANCE = 1.1, 0.45
# Inches of a bar beside or below all panels, and of what explains cells without a value.
_BESIDE, _BELOW, _LEGEND = 1.35, 0.68, 1.0
UNDEFINED: dict[str, Any] = {"facecolor": "#cccccc", "edgecolor": "#777777", "hatch": "////"}


def colour_bar(
    figure: Figure,
    mapped: ScalarMappable,
    label: str,
    chance: float | None = None,
    beside: Axes | None = None,
    *,
    undefined: str = "",
    below: bool = False,
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
    undefined : str
        What cells without a value are called, where the figure has any and does not say so yet.
    below : bool
        Draw them below the panels instead.
    """
    width, height = figure.get_size_inches()
    tall = min(height - 1.1, 3.2)
    box = ((width - 0.85) / width, (height - 0.55 - tall) / height, 0.13 / width, tall / height)
    if below:
        long = min(width - 0.5 - (_LEGEND if undefined else 0), 3.2)
        box = (0.25 / width, 0.4 / height, long / width, 0.11 / height)
    said = named(label, 40)
    if beside is not None and page().type_size is not None:
        panel = beside.get_position()
        left = 0.15 + (CHANCE if is_marked(mapped, chance) else 0.0)
        box = (panel.x1 + left / width, panel.y0, 0.13 / width, panel.height)
        middle = height * (panel.y0 + panel.height / 2)
        said = _on_two_lines(label, 2 * min(middle, height - middle))
    side = "horizontal" if below else "vertical"
    bar = figure.colorbar(mapped, cax=figure.add_axes(box), orientation=side)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=type_size(7))
    bar.set_label(said, fontsize=type_size(8), labelpad=1 if below else 4)
    if chance is not None and is_marked(mapped, chance):
        _mark_chance(bar, chance, below)
    if undefined:
        handle = Patch(**UNDEFINED, label=undefined)
        figure.legend(handles=[handle], loc="lower right", borderaxespad=0.3)
    return bar


def _mark_chance(bar: Colorbar, chance: float, below: bool) -> None:
    ends = ([0.0, 1.0], [chance, chance])
    lines: list[dict[str, Any]] = [
        {"color": "white", "lw": 1.6},
        {"color": INK, "lw": 0.9, "ls": (0, (1, 1))},
    ]
    for look in lines:
        bar.ax.plot(*(reversed(ends) if below else ends), **look)
    bar.ax.annotate(
        "chance",
        (chance, 1) if below else (0, chance),
        xytext=(0, 2) if below else (-3, 0),
        textcoords="offset points",
        ha="center" if below else "right",
        va="bottom" if below else "center",
        fontsize=type_size(6.5),
    )


def name_outer(axes: Sequence[Axes], columns: int) -> None:
    """Keep the names of axes on the left and at the bottom, where panels are close together."""
    for i, ax in enumerate(axes):
        if i % columns:
            ax.set_ylabel("")
        if i + columns < len(axes):
            ax.set_xlabel("")


def fit_maps(figure: Figure, axes: Sequence[Axes], columns: int) -> None:
    """Give maps the room that the colours leave them, which on a narrow page stand below."""
    below = page().is_narrow
    right, under = (0.0, _BELOW) if below else (_BESIDE, 0.0)
    fit(figure, axes, columns, keep_shape=True, right=right, below=under)


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
