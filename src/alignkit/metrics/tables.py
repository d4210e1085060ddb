"""A table as a representation: one row per sample, numeric columns, perhaps a column of ids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

ID = "id"


def read_table(path: Path) -> tuple[np.ndarray, list[str] | None]:
    """Read a ``.csv`` or ``.parquet``: its numbers ``(rows, columns)``, and its ids if it has any.

    Raises
    ------
    ValueError
        When a column is not numeric, has no name, or the file has no header line.
    ImportError
        When nothing is installed that reads parquet.
    """
    table = _csv(path) if path.suffix == ".csv" else _parquet(path)
    ids = [str(sample) for sample in table.pop(ID)] if ID in table else None
    names = [str(name) for name in table]
    text = [name for name in names if not _is_numeric(table[name])]
    if text:
        raise ValueError(
            f"column '{text[0]}' is not numeric; the column of ids must be named '{ID}'"
        )
    kinds = {table[name].dtype for name in names}
    kind = np.float32 if kinds == {np.dtype(np.float32)} else np.float64
    return table.to_numpy(dtype=kind, na_value=np.nan), ids


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
    names = [str(name).strip() for name in first.iloc[0]]
    if "" in names:
        raise ValueError(
            f"column {names.index('') + 1} has no name; name it '{ID}' if it holds ids"
        )
    if all(_is_number(name) for name in names) and names != [str(i) for i in range(len(names))]:
        raise ValueError("its first line holds numbers; expected the names of the columns")
    table = pd.read_csv(path)
    if ID in table:  # as text and nothing else: an id such as NA or 007 must stay what it is
        ids = pd.read_csv(path, usecols=[ID], dtype=str, keep_default_na=False)
        table[ID] = ids[ID].astype(object)
    return table


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise ImportError(
            "reading parquet needs pyarrow: pip install 'alignkit[parquet]'"
        ) from None
    except Exception as error:  # pyarrow has errors of its own, and it may not be installed
        raise ValueError(str(error)) from None
    return table.reset_index() if table.index.name == ID else table


def _is_numeric(column: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
