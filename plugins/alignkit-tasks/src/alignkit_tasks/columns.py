"""Arrow and Parquet tables: texts are read at once, pictures one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from PIL import Image

import alignkit
from alignkit.bounds import check_holes, check_ratio, require_regular
from alignkit.bounds.trial import try_reading
from alignkit.data.pictures import fault_of
from alignkit.documents import parse_json
from alignkit.errors import first_line
from alignkit_tasks.extras import need
from alignkit_tasks.folders import picture_file, stamp
from alignkit_tasks.sources import File, Source

# Decoded row groups to keep in memory; reading rows in order needs only one.
KEPT_GROUPS = 4
CELL = 8  # bytes that are taken for each row at least


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


def cells_of(path: Path) -> Iterator[dict[str, object]]:
    """Yield the rows of an Arrow or Parquet file: plain cells, and pictures to be opened.

    Classes of Hugging Face have their names instead of numbers. Columns that hold neither
    pictures nor texts, numbers or lists of these are left out.

    Raises
    ------
    alignkit.DataError
        If the file is neither Arrow nor Parquet, or damaged.
    """
    table = _table(path)
    names, pictures = table.plain_names(), table.picture_names()
    classes = table.classes()
    for row, cells in enumerate(table.rows(names) if names else [{}] * table.height):
        named = {name: _class_name(value, classes.get(name)) for name, value in cells.items()}
        yield named | {name: ColumnPicture(path, name, row) for name in pictures}


def _class_name(value: object, names: Sequence[str] | None) -> object:
    if names is None:
        return value
    if isinstance(value, list):
        return [_class_name(each, names) for each in value]
    if not isinstance(value, int) or value < 0:
        return None  # -1 stands for no label
    return names[value] if value < len(names) else value


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
        if isinstance(content, File):
            return content.open()
        return alignkit.open_picture(content, str(self))

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None."""
        content = self._content()
        if isinstance(content, File):
            return content.fault()
        return "missing" if content is None else fault_of(content)

    def size(self) -> int:
        """Return the size in bytes of the cell, for Parquet of its row group."""
        return _table(self.path).size(self.column, self.row)

    def stamp(self) -> object:
        """Return the size and the modification time of the file."""
        return stamp(self.path)

    def container(self) -> tuple[Path, str]:
        """Return the table, and the cell in it."""
        return self.path, f"{self.column} {self.row}"

    def content(self) -> bytes | Path | None:
        """Return the bytes in the cell, or the file that it names; None if it is empty."""
        content = self._content()
        return content.content() if isinstance(content, File) else content

    def _content(self) -> bytes | File | None:
        """Return the bytes in the cell, or the file beside the table that it names instead.

        None if it is empty, b"" if it holds something else.
        """
        cell = _table(self.path).cell(self.column, self.row)
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not content:
            name = cell.get("path") if isinstance(cell, dict) else None
            return picture_file(self.path.parent, name, str(self)) if name else None
        return content if isinstance(content, bytes) else b""


class _Table:
    """An Arrow or Parquet file, opened once per process and read row by row."""

    def __init__(self, path: Path) -> None:
        pa = need("pyarrow", "arrow", path)
        self._path = path
        require_regular(path)
        try:
            check_holes(path)
            self._open(pa, path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise alignkit.DataError(f"{path} cannot be read: {first_line(error):.80}") from None
        self._pa = pa

    def _open(self, pa: Any, path: Path) -> None:
        self._parquet = None
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet

            self._parquet = pyarrow.parquet.ParquetFile(path)
            self._schema = self._parquet.schema_arrow
            check_ratio(CELL * self._parquet.metadata.num_rows, path.stat().st_size)
            sizes = [
                self._parquet.metadata.row_group(i).num_rows
                for i in range(self._parquet.num_row_groups)
            ]
            self._groups = [i for i, size in enumerate(sizes) for _ in range(size)]
            self._starts = [sum(sizes[:i]) for i in range(len(sizes))]
            self._group = lru_cache(KEPT_GROUPS)(self._read_group)
            self._tried: set[tuple[int, str]] = set()
            self._reading = Lock()  # a Parquet reader must not be used by two threads at once
            return
        try_reading(path, "arrow")
        try:
            self._whole = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except pa.ArrowInvalid:  # the streaming format has no footer
            self._whole = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        self._schema = self._whole.schema

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._schema.names)

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self._parquet.metadata.num_rows if self._parquet else self._whole.num_rows)

    def picture_names(self) -> list[str]:
        """Return the columns of pictures: bytes, or structures with bytes."""
        types = self._pa.types
        return [
            field.name
            for field in self._schema
            if types.is_binary(field.type)
            or types.is_large_binary(field.type)
            or (types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0)
        ]

    def plain_names(self) -> list[str]:
        """Return the columns of texts, numbers and truth values, and of lists of these."""
        return [field.name for field in self._schema if self._is_plain(field.type)]

    def _is_plain(self, kind: Any) -> bool:
        types = self._pa.types
        if types.is_list(kind) or types.is_large_list(kind):
            kind = kind.value_type
            return not types.is_floating(kind) and not types.is_list(kind) and self._is_plain(kind)
        return any(
            is_kind(kind)
            for is_kind in (
                types.is_string,
                types.is_large_string,
                types.is_integer,
                types.is_floating,
                types.is_boolean,
            )
        )

    def classes(self) -> dict[str, list[str]]:
        """Return the names of classes by column, as ``datasets`` stores them beside the table."""
        try:
            text = (self._schema.metadata or {}).get(b"huggingface", b"{}")
            stored = parse_json(text, f"{self._path}: its classes")
            features = stored.get("info", {}).get("features", {})
            named = {name: feature.get("feature", feature) for name, feature in features.items()}
            return {name: feature["names"] for name, feature in named.items() if "names" in feature}
        except (alignkit.DataError, AttributeError, TypeError):
            return {}

    def holds_paths(self, column: str) -> bool:
        """Return whether the cells of a column are strings."""
        types = self._pa.types
        kind = self._schema.field(column).type
        return bool(types.is_string(kind) or types.is_large_string(kind))

    def rows(self, names: list[str]) -> list[dict[str, object]]:
        """Read some columns, one dictionary per row."""
        with self._told():
            if self._parquet:
                try_reading(self._path, "parquet", names)
            table = (
                self._parquet.read(columns=names) if self._parquet else self._whole.select(names)
            )
            rows: list[dict[str, object]] = table.to_pylist()
        return rows

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in one line that the file is damaged where it is."""
        try:
            yield
        except (self._pa.ArrowException, OSError, ValueError) as error:
            raise alignkit.DataError(
                f"{self._path} cannot be read: {first_line(error):.80}"
            ) from None

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
        with self._reading, self._told():
            if (group, column) not in self._tried:
                try_reading(self._path, "parquet", [column], group)
                self._tried.add((group, column))
            return self._parquet.read_row_group(group, columns=[column]).column(column)


def _table(path: Path) -> _Table:
    # A handle must not be shared with the forked workers of a data loader.
    try:
        known = stamp(path)
    except OSError as error:
        raise alignkit.DataError(f"{path} cannot be read: {error.strerror}") from None
    return _opened(path, known, os.getpid())


@lru_cache(64)
def _opened(path: Path, _stamp: object, _process: int) -> _Table:
    return _Table(path)
