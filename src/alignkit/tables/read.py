"""The reader of tables: every CSV, TSV or similar file that people bring is read here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from alignkit.bounds import require_regular
from alignkit.errors import DataError, UsageError
from alignkit.tables.decode import encoding_of, read_text
from alignkit.tables.ids import shown
from alignkit.tables.numbers import Marks, find_marks, is_missing, is_number, simple_numbers
from alignkit.tables.quotes import Rows, is_blank, rows_of
from alignkit.tables.separator import LONGEST_LINE, NAMES, TOO_LONG, Layout, find_layout

if TYPE_CHECKING:
    import numpy as np

SHOWN = 60  # characters of a cell in a message
_TRUTH = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True, eq=False)
class Table:
    """A table as text: no types are guessed, ``NA`` is a word, and no column is an index.

    Attributes
    ----------
    path : Path
    names : tuple of str
        The names of the columns, each once.
    notes : tuple of str
        How the table was read, where that is not as usual: its separator, its quotes.
    """

    path: Path
    names: tuple[str, ...]
    notes: tuple[str, ...]
    _rows: Rows = field(repr=False)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows.records)

    def where(self, row: int) -> str:
        """Return the file and line of a row: ``train.csv:12``."""
        return f"{self.path.name}:{self._rows.lines[row]}"

    def place(self, row: int) -> str:
        """Return the path and line of a row, for messages."""
        return f"{self.path}:{self._rows.lines[row]}"

    def rows(self) -> Iterator[list[str]]:
        """Yield the cells of every row."""
        width = len(self.names)
        return (cells[:width] for cells in self._rows)

    def unusual(self) -> dict[str, frozenset[str]]:
        """Return what is unusual about rows, each with the file and line of those concerned."""
        facts = {}
        if self._rows.separator != _usual(self.path) and len(self.names) > 1:
            separator = NAMES.get(self._rows.separator, f"'{self._rows.separator}'")
            every = frozenset(self.where(row) for row in range(len(self)))
            facts[f"of a table with {separator} between cells"] = every
        if self._rows.stray:
            stray = frozenset(f"{self.path.name}:{line}" for line in self._rows.stray)
            facts["with a quote that is not closed, read as a character"] = stray
        return facts

    def records(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield every row by the names of its columns, with its file and line."""
        for row, cells in enumerate(self.rows()):
            yield self.where(row), dict(zip(self.names, cells, strict=True))

    def texts(self, name: str) -> list[str]:
        """Return the cells of a column.

        Raises
        ------
        UsageError
            When there is no such column.
        """
        return self.columns([name])[name]

    def columns(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Return the cells of columns by name, see ``texts``; all are read in one pass."""
        places = {name: self._place(name) for name in names}
        columns: dict[str, list[str]] = {name: [] for name in names}
        for cells in self.rows():
            for name, at in places.items():
                columns[name].append(cells[at])
        return columns

    def numbers(self, names: Sequence[str], missing: bool = False) -> np.ndarray:
        """Return columns of numbers, ``(rows, columns)`` in float64.

        Parameters
        ----------
        names : sequence of str
        missing : bool
            Whether cells may be empty, or NA and the like; these are NaN.

        Raises
        ------
        DataError
            At a cell that holds no number, and where decimal and thousands marks are mixed.
        UsageError
            When there is no such column.
        """
        import numpy as np

        places = [self._place(name) for name in names]
        marks, truth = self.marks(names), self._truth(places)
        values = np.empty((len(self), len(places)))
        for row, cells in enumerate(self.rows()):
            chosen = [cells[at] for at in places]
            simple = simple_numbers(chosen, marks.decimal)
            if simple is None:
                simple = [
                    self._number(row, name, cell, marks, missing, name in truth)
                    for name, cell in zip(names, chosen, strict=True)
                ]
            values[row] = simple
        return values

    def marks(self, names: Sequence[str]) -> Marks:
        """Return how the numbers of some columns are written.

        Raises
        ------
        DataError
            When they are written in two ways, or can be read in two.
        """
        places = [self._place(name) for name in names]
        if self._rows.separator == "," and not self._rows.quoted:
            return Marks()  # no cell holds a comma
        return find_marks(
            ([cells[at] for at in places] for cells in self.rows()),
            lambda row, place: f"{self.place(row)}, column {shown(names[place])}",
        )

    def kind(self, name: str) -> tuple[int, int, str]:
        """Return what a column holds: how many numbers, how many texts, and the first text.

        Missing cells are neither. The text is shown with its place: ``t.csv:3: 'running'``.
        """
        return self.kinds([name])[name]

    def kinds(self, names: Sequence[str]) -> dict[str, tuple[int, int, str]]:
        """Return what columns hold, see ``kind``; all are looked at in one pass."""
        places = [self._place(name) for name in names]
        numbers, texts, first = [0] * len(places), [0] * len(places), [""] * len(places)
        for row, cells in enumerate(self.rows()):
            for column, at in enumerate(places):
                cell = cells[at]
                if is_number(cell):
                    numbers[column] += 1
                elif not is_missing(cell):
                    texts[column] += 1
                    first[column] = first[column] or f"{self.where(row)}: '{cell.strip():.{SHOWN}}'"
        return dict(zip(names, zip(numbers, texts, first, strict=True), strict=True))

    def _truth(self, places: Sequence[int]) -> set[str]:
        """Return the columns that hold true and false throughout, which are 1 and 0."""
        first = next(self.rows(), [])
        some = [at for at in places if first and first[at].strip().lower() in _TRUTH]
        for cells in self.rows() if some else ():
            some = [at for at in some if cells[at].strip().lower() in _TRUTH]
        return {self.names[at] for at in some}

    def _number(
        self, row: int, name: str, cell: str, marks: Marks, missing: bool, truth: bool
    ) -> float:
        value = _TRUTH[cell.strip().lower()] if truth else marks.number(cell)
        if value is not None and (missing or not is_missing(cell)):
            return value
        what = "holds no value" if is_missing(cell) else f"holds '{cell.strip():.{SHOWN}}'"
        raise DataError(f"{self.place(row)}: column {shown(name)} {what}; expected a number")

    def _place(self, name: str) -> int:
        if name not in self._places:
            known = ", ".join(map(shown, self.names))
            raise UsageError(f"{self.path} has no column '{name}'; known: {known}")
        return self._places[name]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}


def read_table(path: Path | str, index: bool = False) -> Table:
    """Read a table with the names of its columns at its top.

    Whether commas, semicolons, tabs, vertical bars or aligned blanks separate its cells is found
    from its rows. Comments above the header and blank lines are skipped.

    Parameters
    ----------
    path : path
        Text in UTF-8 or UTF-16.
    index : bool
        Whether the first column may be without a name, as numbers of rows often are.

    Raises
    ------
    DataError
        When the file is missing, empty or not a table; at the first row that has not as many cells
        as the header; where a name is empty or occurs twice; where quotes can be read in two ways.
    """
    path = Path(path)
    text = read_text(path)
    layout = find_layout(text, _usual(path), path)
    rows = rows_of(text, layout.separator, len(layout.header), path, layout.first)
    _check_widths(rows, len(layout.header) + layout.spare, path, layout)
    names, notes = _names(layout, rows, path, index)
    return Table(path, names, tuple(_notes(path, layout, rows) + notes), rows)


def read_rows(
    path: Path, columns: int, separator: str = ",", quotes: bool = True
) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows of a table without a header, each with its file and line: ``titles.csv:12``.

    Parameters
    ----------
    path : Path
    columns : int
        The number of cells that each row must have.
    separator : str
    quotes : bool
        Whether quotes enclose cells, or are always characters; then rows are read one by one.

    Raises
    ------
    DataError
        At a row with another number of cells, and where ``read_table`` raises it.
    """
    if not quotes:
        yield from _streamed(path, columns, separator)
        return
    rows = rows_of(read_text(path), separator, columns, path)
    _check_widths(rows, columns, path)
    for line, cells in zip(rows.lines, rows, strict=True):
        yield f"{path.name}:{line}", cells


def _streamed(path: Path, columns: int, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Read rows one by one: captions come by the million."""
    require_regular(path)
    with path.open("rb") as file:
        encoding, mark = encoding_of(file.read(4096), path)
    line = 0
    try:
        with path.open(encoding="utf-8-sig" if mark == 3 else encoding) as file:
            for line, row in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
                if len(row) == LONGEST_LINE:
                    raise DataError(f"{path}:{line}: {TOO_LONG}")
                text = row.removesuffix("\n").removeprefix("\ufeff" if line == 1 else "")
                if not is_blank(text, separator):
                    cells = text.split(separator)
                    if len(cells) != columns:
                        raise DataError(_ragged(path, line, cells, columns))
                    yield f"{path.name}:{line}", cells
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: after line {line}, bytes that cannot be read as {encoding.upper()}; save the "
            "file as UTF-8"
        ) from None


def _usual(path: Path) -> str:
    return "\t" if path.suffix.lower() in (".tsv", ".tab") else ","


def _check_widths(rows: Rows, width: int, path: Path, layout: Layout | None = None) -> None:
    """Refuse the first row that has another number of cells."""
    wrong = next(((row, cells) for row, cells in enumerate(rows) if len(cells) != width), None)
    if wrong is None:
        return
    row, cells = wrong
    hint = ""
    if layout is not None and all(len(cells) == width + 1 for cells in rows):
        hint = "; all rows have one cell more: write a name for it too, as for the names of rows"
        if width == 1:
            hint = "; put quotes around cells with a decimal comma, or name all columns"
    elif rows.records[row].startswith("#"):
        hint = "; comments may stand above the names of the columns only"
    raise DataError(_ragged(path, rows.lines[row], cells, width) + hint)


def _ragged(path: Path, line: int, cells: Sequence[str], width: int) -> str:
    return (
        f"{path}:{line}: {len(cells)} columns, expected {width}; the table cannot be read: "
        f"{' | '.join(cells)!r:.60}"
    )


def _names(
    layout: Layout, rows: Rows, path: Path, index: bool
) -> tuple[tuple[str, ...], list[str]]:
    """Check the names of the columns; leave out empty columns at the end that have none."""
    names, notes = list(layout.header), []
    spare = 0
    while len(names) > 1 and not names[-1] and all(not cells[len(names) - 1] for cells in rows):
        names.pop()
        spare += 1
    if spare:
        notes.append(f"{path}: the last {spare} column(s) have no name and no content")
    times = Counter(names)
    for name in times:
        if name and times[name] > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            raise DataError(
                f"{path}:{layout.first}: the first line must name each column once, and columns "
                f"{first + 1} and {second + 1} are both '{name}'"
            )
    nameless = [at + 1 for at, name in enumerate(names) if not name and not (index and at == 0)]
    if nameless:
        raise DataError(f"{path}:{layout.first}: column {nameless[0]} has no name")
    return tuple(names), notes


def _notes(path: Path, layout: Layout, rows: Rows) -> list[str]:
    """Return how a table was read, where that is not as usual for such a file."""
    notes = []
    if layout.separator != _usual(path) and len(layout.header) > 1:
        separator = NAMES.get(layout.separator, f"'{layout.separator}'")
        notes.append(f"{path}: {separator} separate its cells")
    if layout.comments:
        notes.append(f"{path}: {layout.comments} line(s) of comments above the header are skipped")
    if layout.spare:
        notes.append(f"{path}: a separator after the last cell of all rows is left out")
    if rows.stray:
        notes.append(
            f"{path}: {len(rows.stray)} quote(s) that are not closed are read as characters (line "
            f"{', '.join(map(str, rows.stray[:5]))})"
        )
    return notes
