"""A table as a representation: one row per sample, numeric columns, perhaps a column of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alignkit.bounds.trial import try_reading
from alignkit.errors import DataError
from alignkit.tables import IdColumn, as_ids, counts_rows, find_id, read_table, shown
from alignkit.tables.ids import is_leftover
from alignkit.tables.numbers import is_missing, is_number

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet")


@dataclass(frozen=True)
class Samples:
    """The content of a table of samples.

    Attributes
    ----------
    values : ndarray (rows, columns)
    ids : list of str or None
        The id of every row; None where the table has none.
    notes : tuple of str
        How the table was read, and what is not measured.
    layers : dict of str to ndarray (rows, width)
        Columns of Parquet whose cells are vectors, such as embeddings; other columns are then
        not measured.
    """

    values: np.ndarray
    ids: list[str] | None
    notes: tuple[str, ...] = ()
    layers: dict[str, np.ndarray] = field(default_factory=dict)


def read_samples(path: Path, id: str | None = None) -> Samples:
    """Read a ``.csv``, ``.tsv`` or ``.parquet``: its numbers or vectors, and the ids of its rows.

    Ids are in a column, or in the index of a data frame that was written to Parquet. They and
    numbers of rows that a library left behind are never measured.

    Parameters
    ----------
    path : Path
    id : str, optional
        The column of ids; by default it is found by its name.

    Raises
    ------
    DataError
        When the table cannot be read, a cell is no number, or a column counts the rows.
    UsageError
        When there is no such column of ids, or several could be meant.
    ImportError
        When nothing is installed that reads Parquet.
    """
    return _parquet(path, id) if path.suffix.lower() == ".parquet" else _text(path, id)


def _text(path: Path, id: str | None) -> Samples:
    table = read_table(path, index=True)
    column = find_id(table.names, id)
    ids, notes = _ids(path, column, table.texts(column.name) if column.name is not None else None)
    left_out = {column.name, *column.others}
    names = [name for name in table.names if name not in left_out]
    _check_header(path, names, table.names)
    cells = next(table.rows(), [])
    suspect = [
        name
        for name, cell in zip(table.names, cells, strict=False)
        if name not in left_out and not is_number(cell) and not is_missing(cell)
    ]
    for name, kind in table.kinds(suspect).items():
        _check_some_numbers(path, name, *kind)
    values = table.numbers(names)
    _check_counting(path, names, values)
    return Samples(values, ids, (*table.notes, *notes))


def _check_some_numbers(path: Path, name: str, numbers: int, texts: int, first: str) -> None:
    truth = first.lower().endswith(("'true'", "'false'"))
    if texts and not numbers and not truth:
        raise DataError(
            f"{path}: column {shown(name)} is not numeric ({first}); leave it out, or name it with "
            "`id` if it holds the ids"
        )


def _check_header(path: Path, names: Sequence[str], all_names: Sequence[str]) -> None:
    """Refuse a file whose first line is a row of data."""
    if not names:
        raise DataError(f"{path} has no columns of numbers; it has: {', '.join(all_names)}")
    counted = [[str(i + start) for i in range(len(names))] for start in (0, 1)]
    if all(is_number(name) for name in names) and list(names) not in counted:
        raise DataError(f"{path}: its first line holds numbers; expected the names of the columns")


def _check_counting(path: Path, names: Sequence[str], values: np.ndarray) -> None:
    """Refuse numbers of rows under any name: as a feature they would outweigh all others."""
    for at in {0, len(names) - 1}:
        if counts_rows(values[:, at].tolist()):
            raise DataError(
                f"{path}: column {shown(names[at])} counts the rows; if these are ids, name it "
                f"with `id={names[at]}`, otherwise leave it out, or save the values as .npy"
            )


def _ids(
    path: Path, column: IdColumn, values: Sequence[Any] | None
) -> tuple[list[str] | None, list[str]]:
    """Return the ids of a table, and what is to be said about its columns of ids."""
    notes = [
        f"{path}: column {shown(name)} looks like ids or numbers of rows and is not measured"
        for name in column.others
    ]
    if values is None or column.name is None:
        return None, notes
    ids = as_ids(values)
    if is_leftover(column.name) and len(set(ids)) < len(ids):
        notes.append(
            f"{path}: column {shown(column.name)} numbers rows more than once; it is not measured, "
            "and rows have no ids"
        )
        return None, notes
    empty = next((row for row, identity in enumerate(ids) if not identity.strip()), None)
    if empty is not None:
        raise DataError(
            f"{path}: row {empty + 1} has no id in column {shown(column.name)}; give it one, or "
            "leave the row out"
        )
    if column.name.lower() != "id":
        notes.append(f"{path}: ids are in column {shown(column.name)}")
    return ids, notes


def _parquet(path: Path, id: str | None) -> Samples:
    frame = _frame(path)
    names = [str(name) for name in frame.columns]
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: two columns are named '{repeated}'; give them different names")
    frame.columns = names
    index = _index_name(frame, path)
    if index is not None:
        frame = frame.reset_index(names=index)
        names = [index, *names]
    # The index of a frame names its rows, whatever it is called; a column called id says so.
    own = [name for name in names if name.lower() == "id"]
    column = find_id(names, id if id is not None or index is None or own else index)
    ids, notes = _ids(path, column, None if column.name is None else frame[column.name].tolist())
    left_out = {column.name, *column.others, index}
    if index is not None and index not in (column.name, *column.others):
        notes.append(f"{path}: the index {shown(index)} is not measured")
    measured = frame[[name for name in names if name not in left_out]]
    for name in measured:
        if _holds_decimals(measured[name]):
            measured = measured.assign(**{name: measured[name].astype(float)})
    vectors = [name for name in measured if _holds_vectors(measured[name])]
    if vectors:
        layers = {name: _stacked(path, name, measured[name]) for name in vectors}
        others = [name for name in measured if name not in layers]
        if others:
            notes.append(f"{path}: not measured, beside vectors: {', '.join(others)}")
        return Samples(next(iter(layers.values())), ids, tuple(notes), layers)
    values = _numbers(path, measured)
    _check_counting(path, list(measured), values)
    return Samples(values, ids, tuple(notes))


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        import pyarrow  # noqa: F401

        try_reading(path, "parquet")
        return pd.read_parquet(path)
    except ImportError:
        raise ImportError(
            "reading parquet needs pyarrow: pip install 'alignkit[parquet]'"
        ) from None
    except Exception as error:  # pyarrow has errors of its own, and it may not be installed
        raise ValueError(str(error)) from None


def _index_name(frame: pd.DataFrame, path: Path) -> str | None:
    """Return a name for the index that no column has; None where it only counts the rows."""
    import pandas as pd

    index = frame.index
    if index.nlevels > 1:
        raise DataError(
            f"{path}: its index has {index.nlevels} levels; write one column of ids instead "
            "(reset_index)"
        )
    counting = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
    if counting and index.name is None:
        return None
    name = "index" if index.name is None else str(index.name)
    while name in frame:
        name += " (index)"
    return name


def _numbers(path: Path, frame: pd.DataFrame) -> np.ndarray:
    if not len(frame.columns):
        raise DataError(f"{path} has no columns of numbers")
    for name in frame:
        if not _is_numeric(frame[name]):
            bad = next((v for v in frame[name] if not isinstance(v, (int, float))), None)
            raise DataError(
                f"{path}: column '{name}' is not numeric ({bad!r:.40}); leave it out, or name it "
                "with `id` if it holds the ids"
            )
    kinds = set(frame.dtypes)
    (own,) = kinds if len(kinds) == 1 else (None,)
    kind = own if own in (np.float16, np.float32) else np.float64
    values: np.ndarray = frame.to_numpy(dtype=kind, na_value=np.nan)
    rows, columns = np.nonzero(np.isnan(values))
    if len(rows):
        raise DataError(
            f"{path}: row {rows[0] + 1} holds no value in column '{frame.columns[columns[0]]}'; "
            "expected a number"
        )
    return values


def _holds_vectors(column: pd.Series) -> bool:
    """Whether the cells of a column are lists of numbers, by the first that is there."""
    first = next((cell for cell in column if cell is not None), None)
    return isinstance(first, np.ndarray) and first.ndim == 1 and first.dtype.kind in "fiub"


def _holds_decimals(column: pd.Series) -> bool:
    """Whether the cells of a column are decimals of a fixed number of places, as of databases."""
    given = [cell for cell in column if cell is not None] if column.dtype == object else []
    return bool(given) and all(isinstance(cell, Decimal) for cell in given)


def _stacked(path: Path, name: str, column: pd.Series) -> np.ndarray:
    """Return the vectors of a column as rows."""
    cells = column.tolist()
    width = next(len(cell) for cell in cells if cell is not None)
    for row, cell in enumerate(cells):
        if cell is None or len(cell) != width:
            said = "no vector" if cell is None else f"a vector of {len(cell)}"
            raise DataError(
                f"{path}: row {row + 1} holds {said} in column '{name}'; expected {width} numbers "
                "as in the others"
            )
    return np.stack(cells)


def _is_numeric(column: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)
