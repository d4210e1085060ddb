"""Alignment by depth: equal-depth pairs along the layers, with the fusions marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox, ScaledTranslation, Transform

from alignkit.cleaning import visible
from alignkit.models.placement import STREAMS
from alignkit.report.layer_names import squeezed
from alignkit.report.style import (
    CONTEXT,
    FAINT,
    INK,
    Look,
    columns_for,
    full_width,
    house_style,
    looks,
    mark_ticks,
    page,
    panels,
    plain,
    room_for,
    short,
    type_size,
)

Placements = Mapping[str, Mapping[str, Sequence[float]]]


def depth_curves(
    values: pd.DataFrame,
    placements: Placements,
    label: str,
    look: Mapping[str, Look] | None = None,
    kind: str = "placements",
    dotted: str = "chance",
) -> Figure:
    """Draw one panel per placement: its curve in colour, the others in grey.

    Parameters
    ----------
    values : DataFrame
        ``placement``, ``seed``, ``depth``, ``value``, ``chance``.
    placements : mapping
        Name to ``{"text": [...], "vision": [...]}``; one panel each, in this order.
    label : str
        Of the vertical axis.
    look : mapping, optional
        Placement to its look, where other figures share it.
    kind : str
        What the panels are, in the plural.
    dotted : str
        What the column ``chance`` holds, for the legend.
    """
    parts = {str(name): part for name, part in values.groupby("placement", sort=False)}
    names = [name for name in placements if name in parts]
    look = look or looks(names)
    means = values.groupby(["placement", "depth"])[["value", "chance"]].mean().reset_index()
    curves = {name: means[means["placement"] == name] for name in names}
    every = [_line(curve) for curve in curves.values()]
    columns = columns_for(len(names), 1.05, margins=0.8, gap=0.3)
    width = min(5.2, (full_width() - 0.8 - 0.3 * (columns - 1)) / columns)
    with house_style():
        figure, axes = panels(
            len(names),
            columns,
            width,
            0.62 * width if columns > 1 else 2.9,
            gap=(0.3, 0.42),
            margins=(0.65, 0.15, 0.3, 1.05 if page().is_narrow else 0.85),
        )
        for name, ax in zip(names, axes, strict=True):
            _lines(ax, every, color=CONTEXT, lw=0.8, zorder=1)
            _curve(ax, parts[name], curves[name], look[name].colour)
            _fusions(ax, curves[name], placements[name], look[name].colour)
            ax.set_title(visible(squeezed(name, room_for(40, width))), y=1)
        _scale_alike(axes, columns)
        fused = [s for s in STREAMS if any(placements[name][s] for name in names)]
        if not values["chance"].notna().any():
            dotted = ""
        _foot(figure, label, fused, dotted, f"other {kind}" if len(names) > 1 else "")
    return figure


def _line(curve: pd.DataFrame) -> np.ndarray:
    """Return the corners of a curve, ``(depths, 2)``."""
    corners: np.ndarray = curve[["depth", "value"]].to_numpy(float)
    return corners


def _lines(ax: Axes, lines: Sequence[np.ndarray], **look: Any) -> None:
    """Draw many lines as one collection, which is as they would look one by one, and fast."""
    ax.add_collection(
        LineCollection(lines, capstyle="projecting", joinstyle="round", **look), autolim=True
    )
    ax.autoscale_view()


def _curve(ax: Axes, seeds: pd.DataFrame, mean: pd.DataFrame, colour: str) -> None:
    in_turn = seeds.sort_values("seed", kind="stable")
    ends = np.flatnonzero(np.diff(in_turn["seed"])) + 1
    each = np.split(_line(in_turn), ends)
    if len(each) > 1:
        _lines(ax, each, color=colour, lw=0.7, alpha=0.4, zorder=2)
    size = 2.6 if mean["depth"].nunique() > 1 else 5  # a single layer is a point
    ax.plot(mean["depth"], mean["value"], color=colour, lw=1.7, marker="o", ms=size, zorder=3)
    ax.plot(mean["depth"], mean["chance"], color=FAINT, lw=1, ls=(0, (1, 1.5)), zorder=2)
    plain(ax)


def _scale_alike(axes: Sequence[Axes], columns: int) -> None:
    """Give panels the scales that show all of them, with numbers on the left and at the bottom."""
    first = axes[0]
    first.dataLim.set(Bbox.union([ax.dataLim for ax in axes]))
    first.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    first.autoscale_view()
    limits = {"x": first.get_xlim(), "y": first.get_ylim()}
    ticks = {
        side: [tick for tick in getattr(first, f"get_{side}ticks")() if low <= tick <= high]
        for side, (low, high) in limits.items()
    }
    for i, ax in enumerate(axes):
        numbered = {"x": i + columns >= len(axes), "y": i % columns == 0}
        for side, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
            getattr(ax, f"set_{side}lim")(limits[side])
            if numbered[side]:
                axis.set_major_locator(FixedLocator(ticks[side]))
            else:
                axis.set_major_locator(NullLocator())
                mark_ticks(ax, side, ticks[side], 3)


def _fusions(
    ax: Axes, mean: pd.DataFrame, placement: Mapping[str, Sequence[float]], colour: str
) -> None:
    """Mark the fusions on the curve: index k stands before layer k, between k - 1 and k."""
    known = mean.dropna(subset=["value"])
    if known.empty:
        return
    # The tip of each triangle touches the curve: text from below, vision from above.
    for stream, marker, fill, offset in (
        ("text", "^", colour, -4.2),
        ("vision", "v", "white", 4.2),
    ):
        x = np.array(placement[stream], dtype=float) - 0.5
        if not len(x):
            continue
        _lead_to(ax, known, x, colour)
        ax.plot(
            x,
            np.interp(x, known["depth"], known["value"]),
            marker=marker,
            ms=5.5,
            mfc=fill,
            mec=colour,
            mew=0.9,
            ls="",
            zorder=4,
            clip_on=False,
            transform=_raised(ax, offset),
        )
    for index in {*placement["text"], *placement["vision"]}:
        ax.axvline(index - 0.5, color=colour, lw=0.6, alpha=0.3, zorder=0)


def _lead_to(ax: Axes, known: pd.DataFrame, places: np.ndarray, colour: str) -> None:
    """Lead from the ends of a curve to fusions beyond them, such as one before layer 0."""
    for end, beyond in (
        (known.iloc[0], places[places < known["depth"].iloc[0]]),
        (known.iloc[-1], places[places > known["depth"].iloc[-1]]),
    ):
        for place in beyond:
            ends = ([end["depth"], place], [end["value"]] * 2)
            ax.plot(*ends, color=colour, lw=0.9, ls=(0, (1, 1.5)), zorder=2)


def _raised(ax: Axes, points: float) -> Transform:
    return ax.transData + ScaledTranslation(0, points / 72, ax.figure.dpi_scale_trans)


def _foot(figure: Figure, label: str, fused: Sequence[str], dotted: str, others: str) -> None:
    """Label the shared axes once, and explain the marks."""
    height = figure.get_figheight()
    rows = 2 if page().is_narrow else 1
    figure.text(
        0.5,
        (0.32 + 0.2 * rows) / height,
        "layer",
        ha="center",
        va="center",
        fontsize=type_size(8.5),
    )
    figure.text(
        0.14 / figure.get_figwidth(),
        0.5,
        _broken(label, height),
        ha="center",
        va="center",
        rotation=90,
        fontsize=type_size(8.5),
    )
    mark: dict[str, Any] = {"color": INK, "ls": "", "ms": 5.5}
    looks_of: dict[str, Any] = {"text": {"marker": "^"}, "vision": {"marker": "v", "mfc": "white"}}
    handles = [Line2D([], [], label=f"fusion in {s}", **looks_of[s], **mark) for s in fused]
    if dotted:
        handles.append(Line2D([], [], color=FAINT, lw=1, ls=(0, (1, 1.5)), label=dotted))
    if others:
        handles.append(Line2D([], [], color=CONTEXT, lw=1.2, label=others))
    figure.legend(handles=handles, loc="lower center", ncols=4 // rows, bbox_to_anchor=(0.5, 0))


def _broken(label: str, height: float) -> str:
    """Return the label of an axis that is so many inches high, for a paper on two lines."""
    if page().type_size is None:
        return short(label, max(40, int(12 * height)))
    most = room_for(200, height - 0.1)
    lines = wrap(short(label, 200), most)
    return "\n".join([*lines[:1], *(short(" ".join(lines[1:]), most) for _ in lines[1:2])])
