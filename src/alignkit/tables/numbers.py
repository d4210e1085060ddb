"""Cells as numbers: the decimal mark, thousands, missing values, and what is no number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from alignkit.errors import DataError

# How a missing number is written, in any case of letters.
MISSING = frozenset(["", "na", "n/a", "#n/a", "nan", "null", "none"])
# Signs of minus that word processors and publishers set.
_MINUS = re.compile("^[\u2212\u2013\ufe63\uff0d](?=[\\d.,])")
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_PLAIN = re.compile(rf"[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}", re.ASCII)
_COMMA = re.compile(rf"[+-]?(?:\d+,?\d*|,\d+){_EXPONENT}", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_GROUPS = {
    mark: re.compile(
        rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+(?P<rest>{re.escape(other)}\d*)?",
        re.ASCII,
    )
    for mark, other in ((",", "."), (".", ","))
}
# Blanks between thousands, as in French or Swedish tables and by ISO 31-0: they mean nothing else.
_BLANKS = " \u00a0\u2009\u202f"
_BLANK_GROUPS = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{_BLANKS}]\d{{3}})+(?:[.,]\d*)?", re.ASCII)
_WITHOUT_BLANKS = dict.fromkeys(map(ord, _BLANKS))
_SIMPLE = re.compile(r"[\d+\-.eE\n]*", re.ASCII)
# A row of whole numbers and of decimals that are clear; such rows tell nothing new.
_CLEAR = {
    mark: re.compile(
        rf"(?:[+-]?(?:0?{m}\d+|\d+(?:{m}(?:\d{{0,2}}|\d{{4,}}))?){_EXPONENT}\n)*", re.ASCII
    )
    for mark, m in ((",", ","), (".", re.escape(".")))
}

Where = Callable[[int, int], str]  # of a row and of a place among the columns
Evidence = dict[str, tuple[int, int, str]]  # a fact to the row, place and text of a cell
BLANK = "thousands blank"
_CONTRARY = (
    ("decimal ,", "decimal ."),
    ("thousands ,", "thousands ."),
    ("decimal ,", "thousands ,"),
    ("decimal .", "thousands ."),
    ("thousands ,", BLANK),
    ("thousands .", BLANK),
)


@dataclass(frozen=True)
class Marks:
    """How numbers are written.

    Attributes
    ----------
    decimal : str
        ``.`` or ``,``.
    thousands : str
        ``,``, ``.`` or empty. Blanks between thousands are read in any case.
    """

    decimal: str = "."
    thousands: str = ""

    def number(self, cell: str) -> float | None:
        """Return the number in a cell: NaN where it is missing, None where it holds no number."""
        cell = _MINUS.sub("-", cell.strip())
        if cell.lower() in MISSING:
            return math.nan
        if _INFINITE.fullmatch(cell):
            return float(cell)
        if _BLANK_GROUPS.fullmatch(cell):
            cell = cell.translate(_WITHOUT_BLANKS)
        elif self.thousands and _GROUPS[self.thousands].fullmatch(cell):
            cell = cell.replace(self.thousands, "")
        if (_PLAIN if self.decimal == "." else _COMMA).fullmatch(cell):
            return float(cell.replace(",", "."))
        return None


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, however its marks are to be read, and is not missing."""
    cell = _MINUS.sub("-", cell.strip())
    return any(
        form.fullmatch(cell)
        for form in (_PLAIN, _COMMA, _INFINITE, _GROUPS[","], _GROUPS["."], _BLANK_GROUPS)
    )


def is_missing(cell: str) -> bool:
    """Whether a cell says that a number is missing."""
    return cell.strip().lower() in MISSING


def simple_numbers(cells: Sequence[str], decimal: str = ".") -> list[float] | None:
    """Return the numbers of a row in which all are plain; None where any needs a closer look."""
    text = "\n".join(cells)
    if decimal == ",":
        text = text.replace(".", "?").replace(",", ".")
    if not _SIMPLE.fullmatch(text):
        return None
    try:
        return list(map(float, text.split("\n")))
    except ValueError:
        return None


def find_marks(rows: Iterable[Sequence[str]], where: Where) -> Marks:
    """Find how the numbers of a table are written, from all of them.

    Parameters
    ----------
    rows : iterable of sequence of str
        The cells of the columns of numbers.
    where : callable
        ``where(row, place)`` names a cell, for messages.

    Raises
    ------
    DataError
        When numbers are written in two ways, or could be read in two: whether ``1,234`` is above
        a thousand shows only beside another number.
    """
    evidence = _collected(rows)

    def named(kind: str) -> str:
        row, place, cell = evidence[kind]
        return f"'{cell}' ({where(row, place)})"

    contrary = [*_CONTRARY]
    if BLANK in evidence:  # no other mark stands between thousands
        contrary += [("decimal .", "either ,"), ("decimal ,", "either ."), ("either ,", "either .")]
    for first, second in contrary:
        if first in evidence and second in evidence:
            raise DataError(
                f"numbers are written in two ways: {named(first)} and {named(second)}; write all "
                "decimals with a point and no thousands separators"
            )
    marks = _marks_of(evidence)
    for mark in (",", "."):
        either = f"either {mark}"
        if either in evidence and not _settled(mark, marks, evidence):
            cell = evidence[either][2]
            raise DataError(
                f"{named(either)} may be {cell.replace(mark, '.')} or {cell.replace(mark, '')}; "
                "write decimals with a point and no thousands separators"
            )
    return marks


def _collected(rows: Iterable[Sequence[str]]) -> Evidence:
    """Return the first cell that tells each fact."""
    evidence: Evidence = {}
    for row, cells in enumerate(rows):
        text = "\n".join(cells) + "\n"
        if any(f"decimal {m}" in evidence and _CLEAR[m].fullmatch(text) for m in _CLEAR):
            continue
        for place, cell in enumerate(cells):
            if "," in cell or "." in cell or any(blank in cell.strip() for blank in _BLANKS):
                for kind in _evidence(_MINUS.sub("-", cell.strip())):
                    evidence.setdefault(kind, (row, place, cell.strip()))
    return evidence


def _marks_of(evidence: Evidence) -> Marks:
    thousands = next((mark for mark in (",", ".") if f"thousands {mark}" in evidence), "")
    grouped = BLANK in evidence and "either ," in evidence
    comma = "decimal ," in evidence or (
        "decimal ." not in evidence and (thousands == "." or grouped)
    )
    return Marks("," if comma else ".", thousands)


def _evidence(cell: str) -> list[str]:
    """Return what a cell tells of the marks; empty where it is no number."""
    if _BLANK_GROUPS.fullmatch(cell):
        return [BLANK, *(f"decimal {mark}" for mark in ",." if mark in cell)]
    kinds = []
    for mark, other in ((",", "."), (".", ",")):
        grouped = _GROUPS[mark].fullmatch(cell)
        if grouped and grouped["rest"] is not None:
            return [f"thousands {mark}", f"decimal {other}"]
        if grouped and cell.count(mark) > 1:
            return [f"thousands {mark}"]
        if grouped:
            kinds.append(f"either {mark}")
        elif mark in cell and (_COMMA if mark == "," else _PLAIN).fullmatch(cell):
            kinds.append(f"decimal {mark}")
    return kinds


def _settled(mark: str, marks: Marks, evidence: Evidence) -> bool:
    """Whether the other numbers show what a mark before three digits means."""
    if f"decimal {mark}" in evidence or marks.thousands == mark or BLANK in evidence:
        return True
    # A point is read as the decimal mark unless other numbers have a decimal comma.
    return mark == "." and marks.decimal == "."
