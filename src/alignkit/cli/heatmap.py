"""A grid of values as a heat map in the terminal: colour where there is some, digits always."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

# Viridis, dark to light: readable for the colour-blind, ordered in grey.
_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def print_heatmap(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the pairs of one metric as a grid, x down and y across.

    Parameters
    ----------
    title : str
    rows : sequence of dict
        With ``x``, ``y`` and ``value``; an undefined value stands as ``--``.
    """
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    xs = list(dict.fromkeys(row["x"] for row in rows))
    ys = list(dict.fromkeys(row["y"] for row in rows))
    values = {(row["x"], row["y"]): row["value"] for row in rows}
    known = [value for value in values.values() if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    width = max(6, *(len(str(y)) + 1 for y in ys))
    console = Console(markup=False, highlight=False, soft_wrap=True,
                      width=None if sys.stdout.isatty() else 100_000)  # fmt: skip
    side = max(len(str(x)) for x in xs)
    console.print(Text(f"{title}   n={rows[0]['n']}   {low:.3f} to {high:.3f}", style="bold"))
    console.print(Text(" " * side + "".join(f"{y!s:>{width}}" for y in ys)))
    for x in xs:
        line = Text(f"{x!s:>{side}}")
        for y in ys:
            value = values.get((x, y))
            text = "--" if value is None else f"{value:.2f}"
            style = Style() if value is None else _style(value, low, high)
            line.append(f"{text:>{width}}", style)
        console.print(line)


def _style(value: float, low: float, high: float) -> Any:
    from rich.color import Color
    from rich.style import Style

    share = 0.0 if high <= low else (value - low) / (high - low)
    position = share * (len(_COLOURS) - 1)
    index = min(int(position), len(_COLOURS) - 2)
    between = position - index
    rgb = tuple(
        round(a + (b - a) * between)
        for a, b in zip(_COLOURS[index], _COLOURS[index + 1], strict=True)
    )
    ink = "black" if share > 0.55 else "white"
    return Style(color=ink, bgcolor=Color.from_rgb(*rgb))
