"""How every figure looks, and how it is turned into bytes that repeat."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Okabe and Ito, readable for the colour-blind; then shades of them for longer lists.
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C510A",
    "#5E3C99", "#1B7837", "#B2182B", "#4D4D4D", "#80CDC1", "#C994C7", "#A6611A", "#2166AC",
)  # fmt: skip
MARKERS = "osD^vPX<>hp*dH8"
INK, FAINT = "#222222", "#8a8a8a"

# Text stays text, so that a page can be searched; no dates, so that bytes repeat.
_SETTINGS: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "alignkit", "font.size": 9, "axes.titlesize": 9.5,
    "font.family": "DejaVu Sans", "axes.labelcolor": INK, "text.color": INK,
    "axes.edgecolor": FAINT, "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.8,
    "legend.frameon": False, "legend.fontsize": 8,
}  # fmt: skip


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that needs no window."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
    return figure


def plain(axes: Axes) -> None:
    """Only the two axes that carry numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3)


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour per name, by order; the same in every figure of a report."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(dict.fromkeys(names))}


def markers(names: Iterable[str]) -> dict[str, str]:
    """One marker per name, so that colour is never the only difference."""
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(dict.fromkeys(names))}


def settings() -> Any:
    """The settings under which axes are filled."""
    return _SETTINGS


def svg(figure: Figure) -> str:
    """The figure as SVG, from its root element on."""
    out = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None})
    text = out.getvalue().decode()
    return text[text.index("<svg") :]


def png(figure: Figure) -> bytes:
    """The figure as PNG, for viewers that show no SVG."""
    out = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
    return out.getvalue()
