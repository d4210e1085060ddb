"""Lines into rows of cells: which quotes enclose a cell, and which are characters of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path

from alignkit.errors import DataError

QUOTE = '"'
_LINE_END = re.compile(r"(\r\n|\r|\n)")
# Blanks between cells, of tables that align their columns by blanks.
BLANKS = " "
# A cell of several lines has no more lines with quotes, and no more characters.
MOST_LINES, LONGEST_CELL = 1000, 4 << 20


@dataclass
class Rows:
    """The rows of a table, split into cells when they are asked for.

    Attributes
    ----------
    separator : str
    records : list of str
        The text of every row; of several lines where a cell holds line breaks.
    lines : list of int
        The line, from 1, on which each row begins.
    stray : list of int
        The lines that hold a quote that opens a cell and is read as a character, since it is
        not closed.
    """

    separator: str
    quoted: bool
    records: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    stray: list[int] = field(default_factory=list)

    def cells(self, row: int) -> list[str]:
        """Return the cells of a row."""
        return split_line(self.records[row], self.separator, self.quoted)

    def __iter__(self) -> Iterator[list[str]]:
        return (self.cells(row) for row in range(len(self.records)))


def split_lines(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of a text, and how each of them ends."""
    if "\r" not in text:
        lines = text.split("\n")
        return lines, ["\n"] * (len(lines) - 1)
    parts = _LINE_END.split(text)
    return parts[::2], parts[1::2]


def split_line(line: str, separator: str, quoted: bool = True) -> list[str]:
    """Return the cells of a row; a quote that does not open a cell, or close it, is a character.

    What follows the closing quote of a cell belongs to it: ``"Best" tacos`` is ``Best tacos``.
    """
    if separator == BLANKS:
        return line.split()
    if not quoted or QUOTE not in line:
        return line.split(separator)
    return [cell for cell, _ in _cells(line, separator)]


def is_blank(line: str, separator: str) -> bool:
    """Whether a line holds nothing, not even separators of empty cells."""
    return not line.strip() and (separator == BLANKS or separator not in line)


def rows_of(
    text: str, separator: str, width: int, path: Path, first: int = 0, quoted: bool = True
) -> Rows:
    """Cut a text into rows.

    A quote that opens a cell and is not closed on its line begins a cell of several lines if
    only then the row has the width of the table, and is a character if only then it has. Rows
    are not checked otherwise: they may have any width.

    Parameters
    ----------
    text : str
    separator : str
    width : int
        The number of cells in a row.
    path : Path
        For messages.
    first : int
        The number of lines to leave out at the top.
    quoted : bool
        Whether quotes enclose cells at all.

    Raises
    ------
    DataError
        Where both readings are possible, or neither is.
    """
    lines, ends = split_lines(text)
    quoted = quoted and QUOTE in text
    rows = Rows(separator, quoted)
    at = first
    while at < len(lines):
        line, last = lines[at], at
        if quoted and QUOTE in line and _opens(line, separator):
            last = _last_line(lines, ends, at, rows, width, path)
            line = _joined(lines, ends, at, last)
        if width == 1 or not is_blank(line, separator):
            rows.records.append(line)
            rows.lines.append(at + 1)
        at = last + 1
    while rows.records and is_blank(rows.records[-1], separator):
        rows.records.pop()
        rows.lines.pop()
    return rows


def _last_line(
    lines: list[str], ends: list[str], at: int, rows: Rows, width: int, path: Path
) -> int:
    """Return the last line of a row whose first line has a quote that is not closed on it."""
    separator = rows.separator
    if '\\"' in lines[at]:
        raise DataError(
            f"{path}:{at + 1}: a quote stands after a backslash; write a quote within a cell twice"
        )
    as_characters = len(split_line(lines[at], separator)) == width
    last = _closing_line(lines, ends, at, separator)
    enclosed = (
        last is not None and len(split_line(_joined(lines, ends, at, last), separator)) == width
    )
    if not enclosed or last is None:
        if not as_characters:
            raise DataError(
                f"{path}:{at + 1}: unexpected end of data: a quote opens a cell and is not closed, "
                "and the line has "
                f"{len(split_line(lines[at], separator))} cells instead of {width}; close it, or "
                "write it twice"
            )
        rows.stray.append(at + 1)
        return at
    between = [line for line in lines[at + 1 : last + 1] if line.strip()]
    if as_characters and width > 1 and all(_fits(line, separator, width) for line in between):
        raise DataError(
            f"{path}:{at + 1}: a quote opens a cell here and line {last + 1} may close it, but all "
            f"lines between are rows of {width} cells too; write a quote within a cell twice, and "
            "no line break in it"
        )
    return last


def _fits(line: str, separator: str, width: int) -> bool:
    return len(split_line(line, separator)) == width


def _closing_line(lines: list[str], ends: list[str], at: int, separator: str) -> int | None:
    """Return the line on which the quotes that open on a line are all closed, if there is one."""
    with_quotes = (last for last in range(at + 1, len(lines)) if QUOTE in lines[last])
    for last in islice(with_quotes, MOST_LINES):
        joined = _joined(lines, ends, at, last)
        if not _opens(joined, separator):
            return last
        if _broken(joined, separator) or len(joined) > LONGEST_CELL:
            return None
    return None


def _opens(line: str, separator: str) -> bool:
    """Whether a quote opens a cell and does not close it."""
    return any(start is not None for _, start in _cells(line, separator))


def _broken(text: str, separator: str) -> bool:
    """Whether a quote that opens a cell of several lines is followed by one within the cell."""
    starts = (start for _, start in _cells(text, separator) if start is not None)
    start = next(starts, None)
    return start is not None and bool(_LONE.match(text, start))


def _cells(line: str, separator: str) -> Iterator[tuple[str, int | None]]:
    """Yield every cell; with its place if it begins with a quote that is not closed."""
    if separator == BLANKS:
        yield from ((cell, None) for cell in line.split())
        return
    (closed, followed), at = _patterns(separator), 0
    while True:
        match = closed.match(line, at) or followed.match(line, at)
        if match and not (match[2] and match[1].endswith("\\")):
            yield match[1].replace(2 * QUOTE, QUOTE) + match[2], None
            at = match.end()
        else:
            end = line.find(separator, at)
            end = len(line) if end < 0 else end
            yield line[at:end], at if line.startswith(QUOTE, at) else None
            at = end
        if at >= len(line):
            return
        at += len(separator)


@cache
def _patterns(separator: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Match a cell in quotes with blanks around it, and one in which text follows the quotes."""
    blank = "[ ]*" if separator == "\t" else "[ \t]*"
    end = re.escape(separator)
    return (
        re.compile(rf'{blank}"((?:[^"]|"")*+)"{blank}()(?={end}|\Z)'),
        re.compile(rf'"((?:[^"\r\n]|"")*+)"([^{end}\r\n]*)(?={end}|\Z)'),
    )


_LONE = re.compile(r'"(?:[^"]|"")*+".')


def _joined(lines: list[str], ends: list[str], first: int, last: int) -> str:
    if first == last:
        return lines[first]
    parts = [line + end for line, end in zip(lines[first:last], ends[first:last], strict=True)]
    return "".join(parts) + lines[last]
