"""The best pair of layers of every pair of models: its interval, its null, and its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from alignkit.cleaning import visible
from alignkit.report.figures.fit import fit
from alignkit.report.layer_names import squeezed
from alignkit.report.style import (
    FAINT,
    INK,
    PALETTE,
    full_width,
    house_style,
    panels,
    plain,
    room_for,
)

# Colour, marker, and where it stands in the row of a pair, from the top.
_LOOKS: Mapping[str, tuple[str, str, float]] = {
    "models": (PALETTE[0], "o", 0.22),
    "random_a": (PALETTE[1], "s", 0.0),
    "random_b": (PALETTE[2], "D", -0.22),
}


def best_values(rows: Sequence[Mapping[str, Any]], label: str, names: Mapping[str, str]) -> Figure:
    """Draw one row per pair of models, the first on top.

    Parameters
    ----------
    rows : sequence of mapping
        As from ``best_rows``: with ``value``, ``low``, ``high``, ``null_mean`` and ``null_std``,
        and the same of ``random_a`` and ``random_b`` where these are not None.
    label : str
        Of the axis of values.
    names : mapping of str to str
        What ``models``, ``random_a``, ``random_b`` and ``null`` are called.
    """
    most = room_for(36, 0.3 * full_width())
    titles = ["\n".join(visible(squeezed(row[side], most)) for side in "ab") for row in rows]
    left = 0.35 + 0.068 * max(len(part) for title in titles for part in title.split("\n"))
    with house_style():
        figure, (ax,) = panels(1, 1, 4.6, 0.55 * len(rows) + 0.15, margins=(left, 2.3, 0.2, 0.5))
        for at, row in enumerate(rows):
            alone = row["random_a"] is None and row["random_b"] is None
            for kind, (_, _, shift) in _LOOKS.items():
                shown = row if kind == "models" else row[kind]
                if shown is not None and shown["value"] is not None:
                    _draw(ax, -at + (0 if alone else shift), kind, shown)
        ax.set_yticks([-at for at in range(len(rows))], titles)
        ax.set_ylim(-len(rows) + 0.45, 0.55)
        ax.set_xlabel("\n".join(wrap(label, room_for(200, full_width() - 1.2))))
        plain(ax)
        ax.tick_params(axis="y", length=0)
        present = [k for k in _LOOKS if k == "models" or any(row[k] is not None for row in rows)]
        handles = [_handle(kind, names[kind]) for kind in present]
        if any(row["null_std"] is not None for row in rows):
            handles.append(Line2D([], [], color=FAINT, marker="|", lw=3, label=names["null"]))
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
        figure.legend(handles=handles, borderaxespad=0.0, bbox_transform=ax.transAxes, **place)
        fit(figure, [ax], 1)
    return figure


def _draw(ax: Axes, place: float, kind: str, row: Mapping[str, Any]) -> None:
    colour, marker, _ = _LOOKS[kind]
    if row["null_std"] is not None:
        low, high = (row["null_mean"] + sign * 2 * row["null_std"] for sign in (-1, 1))
        ax.plot([low, high], [place, place], color=FAINT, lw=3, solid_capstyle="butt", alpha=0.6)
        ax.plot(row["null_mean"], place, "|", color=INK, ms=6, mew=0.8)
    if row["low"] is not None:
        ax.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.4)
    ax.plot(row["value"], place, marker, color=colour, ms=5)


def _handle(kind: str, name: str) -> Line2D:
    colour, marker, _ = _LOOKS[kind]
    return Line2D([], [], color=colour, marker=marker, ms=5, lw=1.4, label=name)
