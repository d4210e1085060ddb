"""Parallel coordinates of the trials of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alignkit.report.figures.search_axes import inner_range, say
from alignkit.report.style import CONTEXT, FAINT, WIDTH, house_style, panels, short


def parallel(
    table: pd.DataFrame, parameters: Sequence[str], objectives: Sequence[Mapping[str, str]]
) -> Figure:
    """Draw a line per trial over all parameters, coloured by an objective; a panel for each."""
    with house_style():
        figure, axes = panels(
            len(objectives), 1, WIDTH - 1.6, 2.5, gap=(0.5, 1.05), margins=(0.7, 0.9, 0.4, 0.75)
        )
        for ax, objective in zip(axes, objectives, strict=True):
            _parallel(ax, table, parameters, objective)
    return figure


def _parallel(
    ax: Axes, table: pd.DataFrame, parameters: Sequence[str], objective: Mapping[str, str]
) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    name, up = objective["name"], objective["direction"] == "maximize"
    known = table[table[name].notna()].sort_values(name, ascending=up)  # the best on top
    columns = [*parameters, name]
    norm = Normalize(*inner_range(known[name]), clip=True)
    shown = known.assign(**{name: known[name].clip(norm.vmin, norm.vmax)})
    scaled = pd.DataFrame({c: _scaled(ax, i, shown[c]) for i, c in enumerate(columns)})
    colours = colormaps["viridis" if up else "viridis_r"]
    for i in range(len(columns)):
        ax.axvline(i, color=CONTEXT, lw=0.8, zorder=0)
    for row, value in zip(scaled.to_numpy(float), known[name], strict=True):
        ax.plot(range(len(columns)), row, color=colours(norm(value)), lw=0.9, alpha=0.75)
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(columns) > 8 else {}
    ax.set_xticks(range(len(columns)), [short(c, 14) for c in columns], **slanted)
    ax.tick_params(axis="x", pad=12, length=0)
    ax.set_yticks([])
    ax.set_ylim(-0.03, 1.03)
    ax.spines[:].set_visible(False)
    ax.set_title(f"{short(name)}, {len(known)} trials", pad=14)
    if not len(known):
        say(ax, "no complete trials")
        return
    beside = ax.inset_axes((1.02, 0, 0.015, 1))
    bar = ax.figure.colorbar(ScalarMappable(norm, colours), cax=beside)
    bar.outline.set_visible(False)


def _scaled(ax: Axes, position: int, column: pd.Series) -> np.ndarray:
    """Values as heights from 0 to 1, with what the heights mean written beside them."""
    known = column.dropna()
    if all(isinstance(value, (bool, int, float, np.number)) for value in known):
        numbers = column.map(lambda v: np.nan if v is None else float(v)).to_numpy(float)
        low, high = (np.nanmin(numbers), np.nanmax(numbers)) if len(known) else (0.0, 0.0)
        for height, end, side in ((-0.04, low, "top"), (1.04, high, "bottom")):
            text = f"{end:.3g}" if len(known) else ""
            ax.text(position, height, text, ha="center", va=side, fontsize=6.5, color=FAINT)
        heights: np.ndarray = (numbers - low) / (high - low) if high > low else numbers * 0 + 0.5
        return heights
    names = sorted(map(str, known.unique()))
    height_of = dict(zip(names, np.linspace(0, 1, len(names)), strict=True))
    for name, height in height_of.items():
        first = position == 0  # there is room before it, and no line
        ax.text(
            position - 0.02 * first,
            height,
            short(name, 16),
            va="center",
            fontsize=6.5,
            ha="right" if first else "left",
            zorder=5,
        )
    return np.array([height_of[str(v)] if pd.notna(v) else np.nan for v in column])
