"""A table as a data frame: names stay text, numbers are numbers, and what is neither is named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from alignkit.errors import DataError
from alignkit.tables.ids import is_leftover, names_ids, shown
from alignkit.tables.read import Table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# What a missing name is written as; other words, such as none, are names.
NO_NAME = ("", "nan", "NaN", "NA", "N/A", "null")


def text_frame(table: Table, names: Sequence[str]) -> pd.DataFrame:
    """Return columns as text, with missing names as NaN."""
    import pandas as pd

    return pd.DataFrame(
        {name: [_name(cell) for cell in table.texts(name)] for name in names}, dtype=object
    )


def typed_frame(
    table: Table,
    names: Collection[str],
    numbers: Collection[str | None],
    either: Collection[str] = (),
    others: bool = True,
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table as a data frame, and what is to be said about its columns.

    Parameters
    ----------
    table : Table
    names : collection of str
        Columns that are text, whatever they hold.
    numbers : collection of str
        Columns that must hold numbers.
    either : collection of str
        Columns that may be all text or all numbers.
    others : bool
        Whether further columns are numbers too; those stay text, and that is said, of which most
        cells are text.

    Raises
    ------
    DataError
        At a cell that holds no number in a column of numbers.
    """
    notes: list[str] = []
    typed: list[str] = [name for name in table.names if name in numbers and name not in names]
    for name in table.names:
        if name in names or name in numbers:
            continue
        counted, texts, first = table.kind(name)
        if name in either:
            if counted and texts:
                raise DataError(
                    f"{table.path}: column {shown(name)} holds numbers and text ({first}); correct "
                    "the cell"
                )
            typed += [name] if counted else []
        elif not others:
            continue
        elif is_leftover(name) or names_ids(name):
            notes.append(f"column {shown(name)} holds ids or numbers of rows and is no metric")
        elif not texts:
            typed.append(name)
        elif counted >= texts:
            raise DataError(
                f"{table.path}: column {shown(name)} holds a cell that is no number ({first}); "
                "correct or empty it, or choose the columns with `metric`"
            )
        else:
            where = f" ({first})" if counted else ""
            notes.append(f"column {shown(name)} holds text{where} and is no metric")
    frame = text_frame(table, [name for name in table.names if name not in typed])
    if typed:
        values = table.numbers(typed, missing=True)
        frame = frame.assign(**{name: _whole(values[:, at]) for at, name in enumerate(typed)})
    return frame[list(table.names)], [f"{table.path}: {note}" for note in notes]


def _whole(values: np.ndarray) -> np.ndarray:
    """Return whole numbers as such: a seed is 0, not 0.0."""
    whole: np.ndarray = values % 1 == 0
    return values.astype(int) if len(values) and whole.all() else values


def _name(cell: str) -> str | float:
    cell = cell.strip()
    return float("nan") if cell in NO_NAME else cell
