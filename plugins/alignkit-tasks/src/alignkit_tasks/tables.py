"""Readers of CSV and TSV annotations as text: no types are guessed, and ``NA`` is a word."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alignkit

# Captions and page titles can be long; the standard library's limit is 128 KiB.
csv.field_size_limit(1 << 24)


def read_rows(
    path: Path,
    columns: int | None = None,
    tabs: bool = False,
    quotes: bool = True,
    strict: bool = False,
) -> Iterator[tuple[str, list[str]]]:
    """Yield every row with its file and line (``train.csv:12``); empty lines are skipped.

    Parameters
    ----------
    path : Path
    columns : int, optional
        The number of cells that each row must have.
    tabs : bool
        Whether cells are separated by tabs instead of commas.
    quotes : bool
        Whether quotes enclose a cell, or are ordinary characters.
    strict : bool
        Whether stray quotes are errors, or ordinary characters.

    Raises
    ------
    alignkit.DataError
        At a row with another number of cells, or bytes that are not UTF-8.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        quoting: Any = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
        rows = csv.reader(file, delimiter="\t" if tabs else ",", strict=strict, quoting=quoting)
        try:
            for row in rows:
                where = f"{path.name}:{rows.line_num}"
                if row and columns and len(row) != columns:
                    raise alignkit.DataError(
                        f"{where}: {len(row)} columns, expected {columns}: {','.join(row)!r:.60}"
                    )
                if row:
                    yield where, row
        except UnicodeDecodeError as error:
            raise alignkit.DataError(f"{path}: not UTF-8: {error.reason}") from None
        except csv.Error as error:
            raise alignkit.DataError(f"{path.name}:{rows.line_num}: {error}") from None


def read_table(path: Path, tabs: bool = False) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows below a header as dictionaries by column name, each with its file and line.

    Raises
    ------
    alignkit.DataError
        If there is no header, a column name appears twice, or a row has another length.
    """
    rows = read_rows(path, tabs=tabs, strict=True)
    _, header = next(rows, ("", []))
    header = [name.strip() for name in header]
    if not header or len(set(header)) < len(header):
        raise alignkit.DataError(f"{path}: the first line must name each column once: {header}")
    for where, row in rows:
        if len(row) != len(header):
            raise alignkit.DataError(
                f"{where}: {len(row)} columns, expected {len(header)} as in the header"
            )
        yield where, dict(zip(header, row, strict=True))
