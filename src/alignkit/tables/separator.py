"""What separates the cells of a table, found from all of its lines, and where its header is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alignkit.errors import DataError
from alignkit.tables.quotes import BLANKS, QUOTE, is_blank, split_line, split_lines

SEPARATORS = (",", "\t", ";", "|")
NAMES = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", BLANKS: "blanks"}
MOST_COLUMNS = 100_000
LONGEST_LINE = 32 << 20  # characters
TOO_LONG = f"a line has more than {LONGEST_LINE:,} characters; it is damaged, or no table"
# How many lines are looked at; all lines must fit when they are read.
LOOK = 5000
# A spreadsheet's way to name the separator, as the first line.
_NAMED = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?\s*", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """How a table is laid out.

    Attributes
    ----------
    separator : str
    header : tuple of str
        The cells of the first row.
    first : int
        The number of lines up to and with the header.
    comments : int
        Lines that begin with # above the header.
    spare : bool
        Whether all rows but the header end with a separator after their last cell.
    """

    separator: str
    header: tuple[str, ...]
    first: int
    comments: int = 0
    spare: bool = False


def find_layout(text: str, usual: str, path: Path) -> Layout:
    """Find the separator and the header of a table.

    The separator is the one that the header holds and that cuts all rows into as many cells; where
    none does, the one that fits most rows, so that the others can be named.

    Parameters
    ----------
    text : str
    usual : str
        The separator of such files, taken where the header holds none.
    path : Path
        For messages.

    Raises
    ------
    DataError
        When two separators fit equally well, or the header has a quote that is not closed.
    """
    lines = split_lines(text)[0]
    _check_lengths(lines, path)
    top = next(i for i, line in enumerate(lines) if line.strip())
    named = _NAMED.fullmatch(lines[top])
    if named:
        header = _next_line(lines, top + 1, path)
        _check_columns(lines[header], header + 1, path)
        return _layout(lines, header, named[1], 0, path)
    header, comments = _header(lines, top, usual, path)
    _check_columns(lines[header], header + 1, path)
    separator = _separator(lines, header, usual, path)
    return _layout(lines, header, separator, comments, path)


def _check_lengths(lines: Sequence[str], path: Path) -> None:
    """Refuse lines that are longer than any row, before they are cut into cells."""
    longest = max(range(len(lines)), key=lambda at: len(lines[at]))
    if len(lines[longest]) > LONGEST_LINE:
        raise DataError(f"{path}:{longest + 1}: {TOO_LONG}")


def _check_columns(line: str, number: int, path: Path) -> None:
    columns = 1 + max(map(line.count, (*SEPARATORS, BLANKS)))
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{path}:{number}: {columns:,} columns are more than {MOST_COLUMNS:,}; save them as "
            ".npy"
        )


def _header(lines: Sequence[str], top: int, usual: str, path: Path) -> tuple[int, int]:
    """Return the line of the header, and the number of lines of comments above it."""
    line = top
    while line < len(lines) and (lines[line].startswith("#") or not lines[line].strip()):
        line += 1
    written = [i for i in range(top, line) if lines[i].strip()]
    if not written:
        return top, 0
    # NumPy and others write the names of columns as the last comment, above the first row.
    if line < len(lines) and written[-1] == line - 1:
        last = lines[line - 1].lstrip("# ")
        separators = [s for s in (usual, *SEPARATORS) if s in last]
        separator = separators[0] if separators else BLANKS
        cells = split_line(lines[line], separator)
        if len(split_line(last, separator)) == len(cells) and any(map(_NUMBER.fullmatch, cells)):
            return line - 1, len(written) - 1
    return _next_line(lines, line, path), len(written)


def _next_line(lines: Sequence[str], start: int, path: Path) -> int:
    line = next((i for i in range(start, len(lines)) if lines[i].strip()), None)
    if line is None:
        raise DataError(f"{path} holds no table; expected the names of columns and rows below them")
    return line


def _layout(lines: Sequence[str], header: int, separator: str, comments: int, path: Path) -> Layout:
    text = lines[header].lstrip("# ") if lines[header].startswith("#") else lines[header]
    names = tuple(name.strip() for name in split_line(text, separator))
    if any(name.startswith(QUOTE) for name in names):
        raise DataError(
            f"{path}:{header + 1}: the names of the columns have a quote that is not closed"
        )
    rows = [line for line in lines[header + 1 : header + LOOK] if not is_blank(line, separator)]
    spare = (
        separator != BLANKS
        and bool(rows)
        and all(
            line.endswith(separator) and _width(line, separator) == len(names) + 1 for line in rows
        )
    )
    return Layout(separator, names, header + 1, comments, spare)


def _separator(lines: Sequence[str], header: int, usual: str, path: Path) -> str:
    names = lines[header].lstrip("# ")
    candidates = [s for s in dict.fromkeys((usual, *SEPARATORS)) if _width(names, s) > 1]
    below = [line for line in lines[header + 1 : header + LOOK] if line.strip()]
    if not candidates:
        return BLANKS if _aligned(names, below) else usual
    shares = {s: _share_that_fits(names, below, s) for s in candidates}
    best = max(shares.values())
    fitting = [s for s in candidates if shares[s] == best]
    if len(fitting) > 1:
        numbers = {s: _share_of_numbers(below, s) for s in fitting}
        most = max(numbers.values())
        fitting = [s for s in fitting if numbers[s] == most]
    if len(fitting) > 1 and below:
        first, second = (NAMES[s] for s in fitting[:2])
        raise DataError(
            f"{path}:{header + 1}: {first} and {second} both cut all rows into cells; put quotes "
            "around cells that hold one of them"
        )
    return fitting[0]


def _share_that_fits(names: str, rows: Sequence[str], separator: str) -> float:
    width = _width(names, separator)
    fitting = sum(
        _width(line, separator) == width
        or (line.endswith(separator) and _width(line, separator) == width + 1)
        for line in rows
    )
    return fitting / len(rows) if rows else 1.0


def _share_of_numbers(rows: Sequence[str], separator: str) -> float:
    cells = [cell for line in rows[:200] for cell in split_line(line, separator)]
    return sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) / len(cells) if cells else 0.0


def _aligned(names: str, rows: Sequence[str]) -> bool:
    """Whether blanks separate cells: all rows have as many, and most of these are numbers."""
    width = len(names.split())
    return (
        width > 1
        and bool(rows)
        and all(len(line.split()) == width for line in rows)
        and _share_of_numbers(rows, BLANKS) > 0.5
    )


def _width(line: str, separator: str) -> int:
    if QUOTE not in line:
        return line.count(separator) + 1
    return len(split_line(line, separator))
