"""Layer-by-layer heat maps: one small map per placement, one colour scale per metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.markers import TICKRIGHT, TICKUP
from matplotlib.transforms import ScaledTranslation

from alignkit.report.figures.colour_scale import (
    UNDEFINED,
    colour_bar,
    fit_maps,
    name_outer,
    scale_of,
)
from alignkit.report.sites import in_order, short_name
from alignkit.report.style import (
    DPI,
    PAGE,
    columns_for,
    full_width,
    house_style,
    mark_ticks,
    page,
    panels,
    room_for,
    titled,
    type_size,
)

Placements = Mapping[str, Mapping[str, Sequence[int]]]
# A layer is so many cells of the picture wide, a fusion one: the layers stay the grid.
_LAYER, _FUSION = 2, 1
# Inches of the side of the smallest map in a paper, and of the numbers around it.
_LEAST, _NUMBERS = 0.55, 0.5
# Points that a tick is long, and that its number is high and away from it.
_LENGTH, _SIZE, _PAD = 2, 6.5, 1.5
_TICK: dict[str, Any] = {"ms": 4, "mew": 1.4, "color": "#D55E00", "clip_on": False}


def heatmaps(
    values: pd.DataFrame,
    placements: Placements,
    label: str,
    limits: tuple[float, float] | None = None,
    chance: float | None = None,
    lower_is_aligned: bool = False,
    sides: tuple[str, str] = ("text", "vision"),
    in_row: int = 1,
) -> Figure:
    """Draw the grid of sites of two streams, or of one with itself, for every placement.

    Parameters
    ----------
    values : DataFrame
        ``placement``, ``x``, ``y`` and ``value``: the mean over seeds.
    placements : mapping
        Name to ``{"text": [...], "vision": [...]}``; one map each, in this order.
    label : str
        Of the colour bar.
    limits : (float, float), optional
        Of the colour scale, where other figures share it.
    chance : float, optional
        Marked on the colour bar.
    lower_is_aligned : bool
        Turns the colours round, so that bright is aligned for a distance too.
    sides : (str, str)
        The streams of ``x`` and of ``y``.
    in_row : int
        So many maps stand in one row, or in rows of one length, such as those of one placement
        at several epochs.
    """
    parts = {str(name): part for name, part in values.groupby("placement", sort=False)}
    names = [name for name in placements if name in parts]
    columns, side, largest = _layout(len(names), in_row)
    scale = scale_of(values["value"], limits)
    colours = "viridis_r" if lower_is_aligned else "viridis"
    fusions = any(placements[name][sides[1]] for name in names)
    with house_style():
        figure, axes = panels(
            len(names), columns, largest, largest, gap=(0.62, 0.82), margins=(0.5, 1.45, 0.55, 0.6)
        )
        for name, ax in zip(names, axes, strict=True):
            _one(ax, parts[name], placements[name], scale, colours, side, sides)
            ax.set_title(
                titled(name, room_for(34, side + (0.5 if page().type_size is None else 0.22))),
                pad=(16 if page().type_size is None else 19) if fusions else 5,
                y=1,
            )
        if page().type_size:
            name_outer(axes, columns)
            fit_maps(figure, axes, columns)
        colour_bar(
            figure,
            ScalarMappable(scale, colours),
            label,
            chance,
            undefined="undefined" if values["value"].isna().any() else "",
            below=page().is_narrow,
        )
    return figure


def _layout(count: int, in_row: int) -> tuple[int, float, float]:
    """Return how many maps stand beside each other, and inches of their sides, and at most."""
    if page().type_size is None:
        columns, of_three = (columns_for(n, 1.15, margins=1.95, gap=0.62) for n in (count, 3))
        columns = _in_rows(in_row, columns, 4)
        # One size for one to three columns: a single map must not fill the page.
        across = max(of_three, columns)
        side = (full_width() - 1.95 - 0.62 * (across - 1)) / across
        return columns, side, side
    narrow = page().is_narrow  # then the colours stand below the maps
    least, largest, beside = (0.55, 1.8, 0.35) if narrow else (0.85, 1.4, 1.7)
    room = full_width() - beside
    columns = columns_for(count, least, margins=beside, gap=_NUMBERS)
    columns = _in_rows(in_row, columns, int((room + _NUMBERS) / (_LEAST + _NUMBERS)))
    tall = (PAGE - 0.8) / math.ceil(count / columns) - 0.82
    largest = max(_LEAST, min(largest, tall))
    return columns, max(_LEAST, min(largest, room / columns - _NUMBERS)), largest


def _in_rows(in_row: int, columns: int, most: int) -> int:
    """Return how many maps fit beside each other so that those of one row stay in rows."""
    if in_row == 1:
        return columns
    even = [n for n in range(2, most + 1) if in_row % n == 0 or (n <= columns and n % in_row == 0)]
    return max(even, default=columns)


def _one(
    ax: Axes,
    values: pd.DataFrame,
    placement: Mapping[str, Sequence[int]],
    scale: Normalize,
    colours: str,
    side: float,
    sides: tuple[str, str],
) -> None:
    xs = in_order(list(values["x"].unique()), placement[sides[0]])
    ys = in_order(list(values["y"].unique()), placement[sides[1]])
    cells = np.full((len(xs), len(ys)), np.nan)
    rows, columns = (pd.Index(sites).get_indexer(values[c]) for c, sites in (("x", xs), ("y", ys)))
    cells[rows, columns] = values["value"].to_numpy(float)
    tall, wide = ([_cells(site) for site in sites] for sites in (xs, ys))
    if np.isnan(cells).any():  # they are see-through
        ax.patch.set(**UNDEFINED)
    ax.imshow(
        _repeated(cells, tall, wide),
        cmap=colours,
        norm=scale,
        origin="lower",
        interpolation="none",
        aspect="auto",
        extent=(0, sum(wide), 0, sum(tall)),
    )
    _axis(ax, "x", ys, wide, _most(side, 13 if side > 1.8 else 8, 1.9), side)
    _axis(ax, "y", xs, tall, _most(side, 13, 1.35), side)
    ax.set_xlabel(f"{sides[1]} layer", labelpad=2)
    ax.set_ylabel(f"{sides[0]} layer", labelpad=2)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _cells(site: str) -> int:
    return _FUSION if ".f" in site else _LAYER


def _repeated(cells: np.ndarray, tall: Sequence[int], wide: Sequence[int]) -> np.ndarray:
    """Give each site its width in cells of the picture; undefined ones stay see-through."""
    return np.ma.masked_invalid(np.repeat(np.repeat(cells, tall, axis=0), wide, axis=1))


def _most(side: float, in_report: int, apart: float) -> int:
    """How many numbers fit along a side; ``apart`` is their distance in sizes of their type."""
    size = page().type_size
    return in_report if size is None else min(in_report, int(side * 72 / (apart * size)))


def _axis(
    ax: Axes, axis: str, sites: Sequence[str], widths: Sequence[int], most: int, side: float
) -> None:
    """Layers are numbered on one side of the map, fusions are marked on the other."""
    ends = np.cumsum(widths)
    middles = ends - np.array(widths) / 2
    layers = [(m, short_name(s)) for m, s in zip(middles, sites, strict=True) if ".f" not in s]
    places, names = _thinned(layers, most)
    shown = [(place, name) for place, name in zip(places, names, strict=True) if name]
    ticked = _number(ax, axis, shown)
    mark_ticks(ax, axis, [place for place in places if place not in ticked], _LENGTH)
    fusions = [(m, short_name(s)) for m, s in zip(middles, sites, strict=True) if ".f" in s]
    cell = side / sum(widths)
    _mark_fusions(ax, axis, fusions, (2.3 if axis == "x" else 1.25) * type_size(6) / 72 / cell)


def _number(ax: Axes, axis: str, shown: Sequence[tuple[float, str]]) -> list[float]:
    """Number layers beside the map: by plain text, which takes a fraction of the time of ticks.

    The widest number is that of a tick, beside which matplotlib puts the name of the axis; its
    place is returned.
    """
    size = type_size(_SIZE)
    widest = max(shown, key=lambda each: _width(each[1])) if shown else None
    ax.tick_params(axis=axis, length=_LENGTH, labelsize=size, pad=_PAD)  # type: ignore[arg-type]
    ticked = [] if widest is None else [widest]
    getattr(ax, f"set_{axis}ticks")([p for p, _ in ticked], [name for _, name in ticked])
    across, away = axis == "x", -(_LENGTH + _PAD) / 72
    beside = ax.get_xaxis_transform() if across else ax.get_yaxis_transform()
    shift = (0.0, away) if across else (away, 0.0)
    beside += ScaledTranslation(*shift, ax.figure.dpi_scale_trans)
    for place, name in shown:
        if (place, name) != widest:
            ax.text(
                place if across else 0,
                0 if across else place,
                name,
                transform=beside,
                ha="center" if across else "right",
                va="top" if across else "center_baseline",
                fontsize=size,
            )
    return [place for place, _ in ticked]


@lru_cache(maxsize=1024)
def _width(text: str) -> float:
    renderer = RendererAgg(1, 1, DPI)
    return float(renderer.get_text_width_height_descent(text, FontProperties(size=_SIZE), False)[0])


def _mark_fusions(ax: Axes, axis: str, fusions: Sequence[tuple[float, str]], apart: float) -> None:
    """Mark places along the top or the right edge, and name those that are so far apart."""
    if not fusions:
        return
    places = [place for place, _ in fusions]
    edge = np.ones(len(places))
    if axis == "x":
        ax.plot(places, edge, ls="", marker=TICKUP, transform=ax.get_xaxis_transform(), **_TICK)
    else:
        ax.plot(edge, places, ls="", marker=TICKRIGHT, transform=ax.get_yaxis_transform(), **_TICK)
    last = -math.inf
    for place, name in fusions:
        if place - last < apart:
            continue
        last = place
        ax.annotate(
            name,
            (place, 1) if axis == "x" else (1, place),
            textcoords="offset points",
            xytext=(0, 5) if axis == "x" else (5, 0),
            fontsize=type_size(6),
            color="#A04000",
            xycoords=("data", "axes fraction") if axis == "x" else ("axes fraction", "data"),
            ha="center" if axis == "x" else "left",
            va="bottom" if axis == "x" else "center",
            annotation_clip=False,
        )


def _thinned(ticks: Sequence[tuple[float, str]], most: int) -> tuple[list[float], list[str]]:
    """All ticks, with labels on every second or third where there are too many to read."""
    step = -(-len(ticks) // most)
    return [place for place, _ in ticks], [
        name if i % step == 0 else "" for i, (_, name) in enumerate(ticks)
    ]
