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
# So many columns that are no metrics are named each.
MOST_NOTES = 20


def text_frame(table: Table, names: Sequence[str]) -> pd.DataFrame:
    """Return columns as text, with missing names as NaN."""
    import pandas as pd

    columns = table.columns(names)
    return pd.DataFrame(
        {name: [_name(cell) for cell in cells] for name, cells in columns.items()}, dtype=object
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
    import pandas as pd

    notes: list[str] = []
    typed: list[str] = [name for name in table.names if name in numbers and name not in names]
    free = [name for name in table.names if name not in names and name not in numbers]
    for name, (counted, texts, first) in table.kinds(free).items():
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
    measured = set(typed)
    frame = text_frame(table, [name for name in table.names if name not in measured])
    if typed:
        values = table.numbers(typed, missing=True)
        whole = pd.DataFrame({name: _whole(values[:, at]) for at, name in enumerate(typed)})
        frame = pd.concat([frame, whole], axis=1) if len(frame.columns) else whole
    more = len(notes) - MOST_NOTES
    if more > 0:
        notes[MOST_NOTES:] = [f"{more:,} more columns hold text, ids or numbers of rows"]
    return frame[list(table.names)], [f"{table.path}: {note}" for note in notes]


def _whole(values: np.ndarray) -> np.ndarray:
    """Return whole numbers as such: a seed is 0, not 0.0."""
    import numpy as np

    with np.errstate(invalid="ignore"):  # infinity has no remainder
        whole: np.ndarray = values % 1 == 0
    return values.astype(int) if len(values) and whole.all() else values


def _name(cell: str) -> str | float:
    cell = cell.strip()
    return float("nan") if cell in NO_NAME else cell
