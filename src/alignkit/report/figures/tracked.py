"""Alignment that was tracked in training: a map of epochs and layers per placement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.markers import TICKRIGHT
from matplotlib.ticker import MaxNLocator

from alignkit.models.placement import STREAMS
from alignkit.report.figures.colour_scale import UNDEFINED, colour_bar, fit_maps, scale_of
from alignkit.report.style import (
    columns_for,
    full_width,
    house_style,
    page,
    panels,
    room_for,
    titled,
)

Placements = Mapping[str, Mapping[str, Sequence[int]]]
_TICK: dict[str, Any] = {"ms": 5, "mew": 1.4, "color": "#D55E00", "clip_on": False, "ls": ""}


def tracked(
    values: pd.DataFrame, placements: Placements, label: str, lower_is_aligned: bool = False
) -> Figure:
    """Draw alignment by epoch, from left to right, and layer, from bottom to top.

    Parameters
    ----------
    values : DataFrame
        ``placement``, ``step``, ``epoch``, ``depth`` and ``value``, one row for each.
    placements : mapping
        Name to ``{"text": [...], "vision": [...]}``; one map each, in this order. Fusions are
        marked on the right, below the layer that they run before.
    label : str
        Of the colour bar.
    lower_is_aligned : bool
        Turns the colours round, so that bright is aligned for a distance too.
    """
    parts = {str(name): part for name, part in values.groupby("placement", sort=False)}
    names = [name for name in placements if name in parts]
    # On a narrow page, the colours stand below the maps.
    least, beside = (0.6, 0.75) if page().is_narrow else (0.95, 1.95)
    columns = columns_for(len(names), least, margins=beside, gap=0.35)
    width = min(2.2, (full_width() - beside - 0.35 * (columns - 1)) / columns)
    scale = scale_of(values["value"])
    colours = "viridis_r" if lower_is_aligned else "viridis"
    with house_style():
        figure, axes = panels(
            len(names),
            columns,
            width,
            0.85 * width,
            gap=(0.35, 0.5),
            margins=(0.5, 1.45, 0.35, 0.5),
        )
        for i, (name, ax) in enumerate(zip(names, axes, strict=True)):
            _one(ax, parts[name], placements[name], scale, colours)
            ax.set_title(titled(name, room_for(34, width + 0.2)), y=1)
            if i % columns == 0:
                ax.set_ylabel("layer", labelpad=2)
            else:
                ax.tick_params(labelleft=False)
            if i + columns >= len(names):
                ax.set_xlabel(_time(values), labelpad=2)
            else:
                ax.tick_params(labelbottom=False)
        fit_maps(figure, axes, columns)
        colour_bar(figure, ScalarMappable(scale, colours), label, below=page().is_narrow)
    return figure


def _time(values: pd.DataFrame) -> str:
    """Return what runs from left to right; several measurements in an epoch are told by steps."""
    return "epoch" if values.groupby("epoch")["step"].nunique().max() == 1 else "step"


def _one(
    ax: Axes,
    values: pd.DataFrame,
    placement: Mapping[str, Sequence[int]],
    scale: Normalize,
    colours: str,
) -> None:
    grid = values.pivot_table(index="depth", columns=_time(values), values="value", dropna=False)
    cells = grid.to_numpy(float)
    if np.isnan(cells).any():  # they are see-through
        ax.patch.set(**UNDEFINED)
    ax.imshow(
        np.ma.masked_invalid(cells),
        cmap=colours,
        norm=scale,
        origin="lower",
        aspect="auto",
        interpolation="none",
    )
    times = list(grid.columns)
    step = -(-len(times) // 5)
    ax.set_xticks(range(0, len(times), step), [f"{time:g}" for time in times[::step]])
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.tick_params(length=2, pad=1.5)
    ax.spines[:].set_visible(False)
    fusions = sorted({place for stream in STREAMS for place in placement[stream]})
    right = [place - 0.5 for place in fusions]
    if right:
        beside = ax.get_yaxis_transform()
        ax.plot([1] * len(right), right, marker=TICKRIGHT, transform=beside, **_TICK)
