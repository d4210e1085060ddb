"""The colours of maps: their scale, the bar that explains them, and what has no value."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alignkit.report.style import INK, named, type_size

UNDEFINED: dict[str, Any] = {"facecolor": "#cccccc", "edgecolor": "#777777", "hatch": "////"}


def colour_bar(
    figure: Figure, mapped: ScalarMappable, label: str, chance: float | None = None
) -> Colorbar:
    """Draw the colours on the right of a figure, with the chance level where it is known."""
    width, height = figure.get_size_inches()
    tall = min(height - 1.1, 3.2)
    box = ((width - 0.85) / width, (height - 0.55 - tall) / height, 0.13 / width, tall / height)
    bar = figure.colorbar(mapped, cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=type_size(7))
    bar.set_label(named(label, 40), fontsize=type_size(8))
    low, high = mapped.get_clim()
    if chance is not None and low <= chance <= high:
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


def scale_of(values: pd.Series, limits: tuple[float, float] | None = None) -> Normalize:
    """Return the colour scale of values, or the one that other figures share."""
    known = values.dropna()
    low, high = limits or ((known.min(), known.max()) if len(known) else (0.0, 1.0))
    return Normalize(low, high if high > low else low + 1e-9)
