"""How interactive figures look: colours are those of the page, which knows light and dark."""

from __future__ import annotations

from typing import Any

from alignkit.report.style import PALETTE

FONT = "system-ui, sans-serif"
# Variables of the style sheet, so that a figure follows the page in the dark and on paper.
_VARIABLE = "--"
INK, FAINT, LINE, BACK, MARK, UNDEFINED, FUSION = (
    f"var({_VARIABLE}{name})"
    for name in ("ink", "faint", "line", "back", "mark", "undefined", "fusion")
)
COLOURS = [f"var({_VARIABLE}colour{i})" for i in range(len(PALETTE))]
# From the first layer to the last, seen on a light page and on a dark one.
DEPTHS = ["#5a6fd0", "#2aa198", "#d99a1c"]
SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right"]

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": FAINT,
        "tickColor": FAINT,
        "gridColor": LINE,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 130,
    },
    "header": {
        "labelColor": INK,
        "labelFontSize": 12,
        "labelFontWeight": 600,
        "labelAnchor": "start",
        "labelLimit": 260,
        "titleColor": INK,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelLimit": 160,
        "orient": "top",
    },
    "text": {"color": INK, "fontSize": 11},
    "title": {"color": INK},
}


def coloured(names: list[str]) -> dict[str, Any]:
    """Return the domain and range of a scale that gives every name its colour."""
    return {"domain": names, "range": [COLOURS[i % len(COLOURS)] for i in range(len(names))]}
