"""A grid of values as a heat map in the terminal, with digits and, where possible, colours."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style

    # Pieces of text with their styles.
    Line = list[tuple[str, Style | str]]

Row = Mapping[str, Any]

# Viridis, dark to light: readable for the colour-blind, ordered in grey.
_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def print_heatmap(
    title: str,
    rows: Sequence[Row],
    higher_is_better: bool = True,
    otherwise: int | None = None,
    least: int = 5,
) -> None:
    """Print the values of one metric as a grid of x by y; brighter means more aligned.

    Parameters
    ----------
    title : str
    rows : sequence of dict
        Rows of ``alignkit measure``, with ``x``, ``y``, ``n``, ``value`` and ``reason``, and
        optionally ``chance`` and ``p``. An undefined value is shown as ``--``. Chance levels
        that differ between cells are shown below the values.
    higher_is_better : bool
    otherwise : int, optional
        The width where stdout is no terminal; any, by default.
    least : int
        How wide a cell is at least.
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, soft_wrap=True)
    width = console.width if sys.stdout.isatty() else otherwise
    # Without colours, as plain text, which takes a tenth of the time.
    grid = _Grid(rows, higher_is_better, least, coloured=console.is_terminal)
    _print(console, [(title, "bold")])
    _print(console, [(_summary(rows, higher_is_better), "")])
    for line in grid.lines(width):
        _print(console, line)
    for reason, count in Counter(row["reason"] for row in rows if row["value"] is None).items():
        _print(console, [(f"--: {reason} ({count} of {len(rows)})", "")])


def _print(console: "Console", pieces: "Line") -> None:
    """Print a line; without styles, past the machinery that would look for some."""
    from rich.text import Text

    text = "".join(piece for piece, _ in pieces)
    if console.is_terminal or not text.isprintable():
        console.print(Text.assemble(*pieces))
    else:
        console.file.write(f"{text}\n")


def _summary(rows: Sequence[Row], higher_is_better: bool) -> str:
    parts = [f"n={rows[0]['n']}", _range(row["value"] for row in rows)]
    if not higher_is_better:
        parts.append("lower is more aligned")
    chance = _range(row.get("chance") for row in rows)
    if chance:
        parts.append(f"chance {chance}")
    known = [row["p"] for row in rows if row.get("p") is not None]
    if known:
        small = sum(p <= 0.05 for p in known)
        parts.append(f"p <= 0.05 in {small} of {len(known)}")
    return "   ".join(part for part in parts if part)


def _range(values: Any) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = f"{min(known):.3f}", f"{max(known):.3f}"
    return low if low == high else f"{low} to {high}"


class _Grid:
    """Cells with their texts and colours, laid out in bands that fit the terminal."""

    def __init__(
        self, rows: Sequence[Row], higher_is_better: bool, least: int = 5, coloured: bool = True
    ) -> None:
        self.values = {(row["x"], row["y"]): row["value"] for row in rows}
        self.xs = list(dict.fromkeys(x for x, _ in self.values))
        self.ys = list(dict.fromkeys(y for _, y in self.values))
        known = [value for value in (row["value"] for row in rows) if value is not None]
        self.low = float(min(known, default=0.0))
        self.high = float(max(known, default=0.0))
        self.higher_is_better, self.coloured = higher_is_better, coloured
        # Enough digits to tell neighbours apart, as the colours do.
        spread = self.high - self.low
        self.digits = 2 if spread >= 0.05 or not spread else 3 if spread >= 0.005 else 4
        form = f"{{:.{self.digits}f}}".format
        self.texts = {
            pair: "--" if value is None else form(value) for pair, value in self.values.items()
        }
        chances = {row.get("chance") for row in rows}
        shown = {chance: "" if chance is None else form(chance) for chance in chances}
        self.chance_below = len(set(shown.values()) - {""}) > 1
        self.chances = (
            {(row["x"], row["y"]): shown[row.get("chance")] for row in rows}
            if self.chance_below
            else {}
        )
        self.side = max(len(str(x)) for x in self.xs)
        digits = max([least, *map(len, self.texts.values())])
        self.widths = {y: 1 + max(digits, len(str(y))) for y in self.ys}

    def lines(self, width: int | None) -> "Iterator[Line]":
        """Lines of at most ``width`` characters; of any length when None."""
        for ys in self._bands(width):
            yield [(" " * self.side + "".join(f"{y!s:>{self.widths[y]}}" for y in ys), "")]
            for x in self.xs:
                yield self._values(x, ys)
                if self.chance_below:
                    yield self._chances(x, ys)

    def _bands(self, width: int | None) -> Iterator[list[str]]:
        """Columns that stand beside each other: at least one, and as many as fit."""
        band: list[str] = []
        for y in self.ys:
            taken = self.side + sum(self.widths[other] for other in (*band, y))
            if band and width is not None and taken > width:
                yield band
                band = []
            band.append(y)
        yield band

    def _values(self, x: str, ys: Sequence[str]) -> "Line":
        line: Line = [(f"{x!s:>{self.side}}", "")]
        if not self.coloured:
            cells = [self.texts.get((x, y), "").rjust(self.widths[y]) for y in ys]
            return [*line, ("".join(cells), "")]
        for y in ys:
            value = self.values.get((x, y))
            style = "" if value is None else self._style(value)
            line.append((self.texts.get((x, y), "").rjust(self.widths[y]), style))
        return line

    def _chances(self, x: str, ys: Sequence[str]) -> "Line":
        line: Line = [(" " * self.side, "")]
        line += [(self.chances.get((x, y), "").rjust(self.widths[y]), "dim") for y in ys]
        return line

    def _style(self, value: float) -> "Style":
        from rich.color import Color
        from rich.style import Style

        share = 0.0 if self.high <= self.low else (value - self.low) / (self.high - self.low)
        share = share if self.higher_is_better else 1 - share
        position = share * (len(_COLOURS) - 1)
        index = min(int(position), len(_COLOURS) - 2)
        between = position - index
        rgb = tuple(
            round(a + (b - a) * between)
            for a, b in zip(_COLOURS[index], _COLOURS[index + 1], strict=True)
        )
        ink = "black" if share > 0.55 else "white"
        return Style(color=ink, bgcolor=Color.from_rgb(*rgb))
