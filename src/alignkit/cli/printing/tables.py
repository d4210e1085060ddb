"""Tables that fit the terminal: no line is longer than it is wide, no word or number is cut.

A table that is too wide has its prose broken between words. If that is not enough, its columns
are spread over several tables, whose rows begin with what tells them apart; a row that would have
nothing else there is left out. If a single column is too wide even then, each row becomes a list of
names and values. A word that is longer than the terminal is wide stays whole, so that it can be
copied.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from alignkit.report.paper_tables import PaperColumn

_PROSE = 24  # cells of several words that are longer may be broken
_MOST_TABLES = 4


class Column(PaperColumn):
    """One column as text, with the room that it takes."""

    @property
    def heading(self) -> list[str]:
        """The lines of the heading."""
        return self.name.split("\n")

    @property
    def width(self) -> int:
        """The width of the longest line, with nothing broken."""
        return max(map(_length, (*self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """The least width at which no word is cut and no short cell is broken."""
        words = [word for line in self.heading for word in line.split()]
        for cell in self.cells:
            words += cell.split() if _is_prose(cell) else [cell]
        widest = max(map(_length, words), default=0)
        return max(widest, min(_PROSE, self.width)) if any(map(_is_prose, self.cells)) else widest


@dataclass(frozen=True)
class Line:
    """One line, with how it is to be emphasised: bold, dim or not at all."""

    text: str
    style: str = ""


def terminal_width() -> int | None:
    """Return the width of the terminal, or None where stdout is a file or a pipe.

    The variable COLUMNS decides where it is set.
    """
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(20, shutil.get_terminal_size().columns)
    return None


def wrapped(text: str, width: int | None) -> list[str]:
    """Return the lines of a text, broken between words where they are longer than ``width``."""
    if width is None:
        return text.split("\n")
    lines: list[str] = []
    for paragraph in text.split("\n"):
        if _length(paragraph) <= width:
            lines.append(paragraph)
            continue
        lines.append("")
        for word in paragraph.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and _length(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    return lines


def lay_out(
    columns: Sequence[Column], width: int | None, apart: Sequence[str] = ()
) -> Iterator[Line]:
    """Yield the lines of a table of at most ``width`` characters.

    Parameters
    ----------
    columns : sequence of Column
    width : int or None
        None for any width.
    apart : sequence of str
        Columns that go into a table of their own if one table does not hold all.
    """
    columns = [column for column in columns if column.name or any(column.cells)]
    if not columns:
        return
    if width is None or _fits(columns, width):
        yield from _table(columns, width)
        return
    tables = _split(columns, width, apart)
    if tables is None:
        yield from records(columns, width)
        return
    for i, table in enumerate(tables):
        if i:
            yield Line("")
        yield from _table(table, width)


def _fits(columns: Sequence[Column], width: int) -> bool:
    return sum(column.least for column in columns) + len(columns) - 1 <= width


def _split(
    columns: Sequence[Column], width: int, apart: Sequence[str]
) -> list[list[Column]] | None:
    """Spread columns over tables that fit; None where that takes too many, or cannot be."""
    keys = _keys(columns, width // 2)
    rest = columns[len(keys) :]
    if not keys:
        keys = [Column("#", [str(i + 1) for i in range(len(columns[0].cells))], right=True)]
    tables: list[list[Column]] = []
    for group in (
        [column for column in rest if column.name not in apart],
        [column for column in rest if column.name in apart],
    ):
        for i, column in enumerate(group):
            if i == 0 or not _fits([*tables[-1], column], width):
                tables.append([*keys, column])
            else:
                tables[-1].append(column)
    # A matrix may take many tables; rows of few, long cells are read better one by one.
    crowded = len(tables) > _MOST_TABLES and len(tables) * 3 > len(rest)
    if crowded or not all(_fits(table, width) for table in tables):
        return None
    return [tables[0], *(_without_empty_rows(table, len(keys)) for table in tables[1:])]


def _without_empty_rows(table: Sequence[Column], keys: int) -> list[Column]:
    """Leave out rows that have nothing but their keys."""
    rows = [
        i
        for i, cells in enumerate(zip(*(c.cells for c in table[keys:]), strict=True))
        if any(cells)
    ]
    return [replace(column, cells=[column.cells[i] for i in rows]) for column in table]


def _keys(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the fewest first columns that tell the rows apart; none if they are too wide."""
    rows = len(columns[0].cells)
    for n in range(1, len(columns)):
        if not _fits(columns[:n], width):
            break
        if len(set(zip(*(column.cells for column in columns[:n]), strict=True))) == rows:
            return list(columns[:n])
    return []


def _table(columns: Sequence[Column], width: int | None) -> Iterator[Line]:
    gap, widths = _widths(columns, width)
    headings = [
        line
        if sum(map(_length, line)) <= wide
        else [part for text in line for part in wrapped(text, wide)]
        for line, wide in (
            (column.heading, wide) for column, wide in zip(columns, widths, strict=True)
        )
    ]
    height = max(map(len, headings))
    for parts in zip(*([""] * (height - len(line)) + line for line in headings), strict=True):
        yield Line(_joined(parts, columns, widths, gap), "bold")
    yield Line("─" * (sum(widths) + gap * (len(widths) - 1)))
    for row in zip(*(column.cells for column in columns), strict=True):
        broken = [
            wrapped(cell, wide) if _is_prose(cell) else [cell]
            for cell, wide in zip(row, widths, strict=True)
        ]
        for parts in zip_longest(*broken, fillvalue=""):
            yield Line(_joined(parts, columns, widths, gap))


def _widths(columns: Sequence[Column], width: int | None) -> tuple[int, list[int]]:
    """Return the gap between columns and their widths; prose gets what room there is."""
    whole = [column.width for column in columns]
    if width is None:
        return 2, whole
    for gap in (2, 1):
        if sum(whole) + gap * (len(columns) - 1) <= width:
            return gap, whole
    widths = [column.least for column in columns]
    gap = 2 if sum(widths) + 2 * (len(columns) - 1) <= width else 1
    for _ in range(width - sum(widths) - gap * (len(columns) - 1)):
        lacking = [i for i, wide in enumerate(widths) if wide < whole[i]]
        if not lacking:
            break
        widths[max(lacking, key=lambda i: whole[i] / widths[i])] += 1
    return gap, widths


def _joined(parts: Sequence[str], columns: Sequence[Column], widths: list[int], gap: int) -> str:
    padded = (
        " " * (wide - _length(part)) + part if column.right else part + " " * (wide - _length(part))
        for part, column, wide in zip(parts, columns, widths, strict=True)
    )
    return (" " * gap).join(padded).rstrip()


def records(columns: Sequence[Column], width: int | None) -> Iterator[Line]:
    """Yield each row as a list of names and values; what is empty is left out."""
    names = [" ".join(column.heading) for column in columns]
    side = max(map(_length, names))
    side = side if width is None else min(side, width // 2)
    for i, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        if i:
            yield Line("")
        for name, cell in zip(names, row, strict=True):
            if not cell:
                continue
            first = f"{name}{' ' * (side - _length(name))}  "
            lines = wrapped(cell, None if width is None else max(1, width - _length(first)))
            if width is not None and max(map(_length, lines)) + _length(first) > width:
                yield Line(first.rstrip())
                lines, first = wrapped(cell, width - 2), "  "
            yield Line(first + lines[0])
            for line in lines[1:]:
                yield Line(" " * _length(first) + line)


def _is_prose(cell: str) -> bool:
    return len(cell) > _PROSE and " " in cell


def _length(text: str) -> int:
    """Return how many places a text takes; some characters take two."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)
