"""Arrow and Parquet tables: texts are read at once, pictures one at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

import alignkit
from alignkit.data.pictures import fault_of
from alignkit_tasks.extras import need
from alignkit_tasks.folders import picture_file, stamp
from alignkit_tasks.sources import Source

# Decoded row groups to keep in memory; reading rows in order needs only one.
KEPT_GROUPS = 4


def column_names(path: Path) -> list[str]:
    """Return the names of a table's columns."""
    return list(_table(path).names)


def read_columns(path: Path, names: Sequence[str]) -> list[dict[str, object]]:
    """Read some columns of an Arrow or Parquet file as one dictionary per row.

    Raises
    ------
    alignkit.DataError
        If a column is missing, or the file is neither Arrow nor Parquet.
    """
    table = _table(path)
    for name in names:
        if name not in table.names:
            raise alignkit.DataError(
                f"{path.name} has no column '{name}'; it has: {', '.join(table.names)}"
            )
    return table.rows(list(names))


def picture_in(path: Path, column: str, row: int, root: Path) -> Source:
    """Return the picture of a row: the bytes in the cell, or the file that it names.

    Raises
    ------
    alignkit.DataError
        If the named file is outside ``root``.
    """
    if _table(path).holds_paths(column):
        name = _table(path).cell(column, row)
        return picture_file(root, name, f"{path.name}, row {row + 1}")
    return ColumnPicture(path, column, row)


@dataclass(frozen=True)
class ColumnPicture:
    """A picture whose bytes are in a column, plain or as ``{"bytes": ..., "path": ...}``."""

    path: Path
    column: str
    row: int

    def __str__(self) -> str:
        return f"{self.path}, row {self.row + 1}"

    def open(self) -> Image.Image:
        """Open the picture upright and in RGB."""
        content = self._content()
        if content is None:
            raise alignkit.MissingError(f"there is no picture in {self}, {self.column}")
        return alignkit.open_picture(content, str(self))

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None."""
        content = self._content()
        return "missing" if content is None else fault_of(content)

    def size(self) -> int:
        """Return the size in bytes of the cell, for Parquet of its row group."""
        return _table(self.path).size(self.column, self.row)

    def stamp(self) -> object:
        """Return the size and the modification time of the file."""
        return stamp(self.path)

    def _content(self) -> bytes | None:
        """Return the bytes in the cell; None if it is empty, b"" if it holds something else."""
        cell = _table(self.path).cell(self.column, self.row)
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not content:
            return None
        return content if isinstance(content, bytes) else b""


class _Table:
    """An Arrow or Parquet file, opened once per process and read row by row."""

    def __init__(self, path: Path) -> None:
        pa = need("pyarrow", "arrow", path)
        try:
            self._open(pa, path)
        except pa.ArrowInvalid as error:
            raise alignkit.DataError(f"{path} cannot be read: {error!s:.80}") from None
        self._pa = pa

    def _open(self, pa: Any, path: Path) -> None:
        self._parquet = None
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet

            self._parquet = pyarrow.parquet.ParquetFile(path)
            self._schema = self._parquet.schema_arrow
            sizes = [
                self._parquet.metadata.row_group(i).num_rows
                for i in range(self._parquet.num_row_groups)
            ]
            self._groups = [i for i, size in enumerate(sizes) for _ in range(size)]
            self._starts = [sum(sizes[:i]) for i in range(len(sizes))]
            self._group = lru_cache(KEPT_GROUPS)(self._read_group)
            self._reading = Lock()  # a Parquet reader must not be used by two threads at once
            return
        try:
            self._whole = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except pa.ArrowInvalid:  # the streaming format has no footer
            self._whole = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        self._schema = self._whole.schema

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._schema.names)

    def holds_paths(self, column: str) -> bool:
        """Return whether the cells of a column are strings."""
        types = self._pa.types
        kind = self._schema.field(column).type
        return bool(types.is_string(kind) or types.is_large_string(kind))

    def rows(self, names: list[str]) -> list[dict[str, object]]:
        """Read some columns, one dictionary per row."""
        table = self._parquet.read(columns=names) if self._parquet else self._whole.select(names)
        rows: list[dict[str, object]] = table.to_pylist()
        return rows

    def cell(self, column: str, row: int) -> Any:
        """Read one cell."""
        return self._scalar(column, row).as_py()

    def size(self, column: str, row: int) -> int:
        """Return the bytes of a cell; for Parquet, where that is costly, of its row group."""
        if self._parquet:
            group = self._parquet.metadata.row_group(self._groups[row])
            return int(group.total_byte_size)
        scalar = self._scalar(column, row)
        if self._pa.types.is_struct(scalar.type):
            scalar = scalar["bytes"]
        return scalar.as_buffer().size if scalar.is_valid else 0

    def _scalar(self, column: str, row: int) -> Any:
        if self._parquet is None:
            return self._whole.column(column)[row]
        group = self._groups[row]
        return self._group(group, column)[row - self._starts[group]]

    def _read_group(self, group: int, column: str) -> Any:
        assert self._parquet is not None
        with self._reading:
            return self._parquet.read_row_group(group, columns=[column]).column(column)


def _table(path: Path) -> _Table:
    # A handle must not be shared with the forked workers of a data loader.
    return _opened(path, stamp(path), os.getpid())


@lru_cache(64)
def _opened(path: Path, _stamp: object, _process: int) -> _Table:
    return _Table(path)
