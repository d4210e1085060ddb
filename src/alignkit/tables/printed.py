"""Numbers as publications print them: with stars, signs of relation and typographic minus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from alignkit.errors import DataError
from alignkit.tables.ids import shown
from alignkit.tables.numbers import Marks, find_marks, is_missing
from alignkit.tables.read import Table

# A letter before it, a relation, the number, and marks of significance after it.
_PRINTED = re.compile(
    r"(?:[A-Za-z]\s*(?=[=<>≤≥]))?(?P<relation><=|>=|[=<>≤≥])?\s*(?P<number>[^\s*†‡§]*)\s*[*†‡§]*"
)
_RELATIONS = {"": "=", "<=": "≤", ">=": "≥"}


@dataclass(frozen=True)
class Printed:
    """A printed number.

    Attributes
    ----------
    value : float
        NaN where the cell is empty.
    relation : str
        ``=``, or ``<``, ``>``, ``≤`` or ``≥`` where only a bound is printed.
    marked : bool
        Whether marks such as stars stood after the number.
    places : int
        Decimal places.
    """

    value: float
    relation: str = "="
    marked: bool = False
    places: int = 0


def printed_numbers(table: Table, names: Sequence[str]) -> dict[str, list[Printed]]:
    """Read columns of printed numbers, such as ``.77***``, ``−0.5`` and ``<0.001``.

    Raises
    ------
    DataError
        At a cell that holds no such number, and where decimal and thousands marks are mixed.
    UsageError
        When there is no such column.
    """
    columns = {name: [_parts(cell) for cell in table.texts(name)] for name in names}
    rows = zip(*([number for number, _, _ in column] for column in columns.values()), strict=True)
    marks = find_marks(rows, lambda row, place: f"{table.where(row)}, column {shown(names[place])}")
    return {
        name: [_read(table, row, name, parts, marks) for row, parts in enumerate(column)]
        for name, column in columns.items()
    }


def _parts(cell: str) -> tuple[str, str, bool]:
    """Return the number in a cell, its relation, and whether marks follow it."""
    cell = cell.strip()
    match = _PRINTED.fullmatch(cell)
    if match is None or not match["number"]:
        return cell, "=", False
    relation = match["relation"] or ""
    return match["number"], _RELATIONS.get(relation, relation), cell[-1] in "*†‡§"


def _read(table: Table, row: int, name: str, parts: tuple[str, str, bool], marks: Marks) -> Printed:
    number, relation, marked = parts
    value = marks.number(number)
    if value is None or (is_missing(number) and (marked or relation != "=")):
        cell = table.texts(name)[row].strip()
        raise DataError(
            f"{table.place(row)}: column {shown(name)} holds '{cell}'; expected a number, perhaps "
            "with < or > before it or stars after it"
        )
    places = len(number.partition(marks.decimal)[2].lower().partition("e")[0])
    return Printed(value, relation, marked, places)
