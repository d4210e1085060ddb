"""A user's own table: which file is which split, and which column is what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alignkit
from alignkit_tasks.folders import contents
from alignkit_tasks.jsonl import read_jsonl
from alignkit_tasks.tables import read_table

SUFFIXES = (".csv", ".tsv", ".jsonl")
# How people call the three splits, as files or in a column.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
COLUMNS = {
    "image": (
        "image",
        "img",
        "picture",
        "image_path",
        "img_path",
        "filepath",
        "file_path",
        "file_name",
        "filename",
        "file",
        "path",
    ),
    "text": ("text", "caption", "title", "sentence", "description"),
    "label": ("label", "labels", "class", "category", "target", "genre", "genres"),
    "id": ("id", "image_id", "sample_id"),
    "split": ("split", "fold", "partition", "subset"),
}
NEEDED = ("image", "text")
EXPECTED = (
    "one table (.csv, .tsv or .jsonl) of image, text and label, with or without a column split; "
    "or train, validation and test tables"
)


@dataclass(frozen=True)
class Row:
    """One row of a user's table: its cells, its split if one is said, and where it stands."""

    cells: Mapping[str, Any]
    split: str | None
    where: str
    number: int


@dataclass(frozen=True, eq=False)
class Table:
    """All rows, and the name of the column for each part."""

    base: Path
    rows: Sequence[Row]
    columns: Mapping[str, str]


def read(root: Path, named: Mapping[str, str | None]) -> Table:
    """Read a folder's tables, or the one table that a path names.

    Parameters
    ----------
    root : Path
    named : mapping
        Column names that the user gave, by part; the usual ones are looked for otherwise.

    Raises
    ------
    alignkit.DataError
        When there is no table, or more than one that could be meant.
    alignkit.UsageError
        When a column is not there.
    """
    files, base = table_files(root)
    read_rows = [(split, where, cells) for split, path in files for where, cells in _cells(path)]
    if not read_rows:
        raise alignkit.DataError(f"{files[0][1]} has no rows")
    columns = _columns([cells for _, _, cells in read_rows], named, files[0][1])
    rows = [
        Row(cells, split or _said(cells, columns, where), where, number)
        for number, (split, where, cells) in enumerate(read_rows)
    ]
    return Table(base, rows, columns)


def table_files(root: Path) -> tuple[list[tuple[str | None, Path]], Path]:
    """Give the tables of a folder, each with the split that its name says, and the folder."""
    if root.is_file():
        return [(None, root)], root.parent
    tables = sorted(p for p in root.iterdir() if p.suffix in SUFFIXES and p.is_file())
    files: list[tuple[str | None, Path]] = []
    for split, names in SPLIT_NAMES.items():
        found = [path for path in tables if path.stem.lower() in names]
        if len(found) > 1:
            raise alignkit.DataError(
                f"{root} has {' and '.join(p.name for p in found)}: name the one that is meant"
            )
        files += [(split, path) for path in found]
    if any(split == "train" for split, _ in files):
        return files, root
    if len(tables) == 1:
        return [(None, tables[0])], root
    if tables:
        raise alignkit.DataError(
            f"{root} has {', '.join(p.name for p in tables)}: name the table that is meant, as in "
            f"folder:{tables[0]}, or call them train, validation and test"
        )
    raise alignkit.DataError(f"{root} has no table; expected: {EXPECTED}; found: {contents(root)}")


def _cells(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix == ".jsonl":
        return ((f"{path.name}:{number}", line) for number, line in read_jsonl(path))
    if path.suffix in (".csv", ".tsv"):
        return read_table(path, tabs=path.suffix == ".tsv")
    raise alignkit.DataError(f"{path} is no table; expected one of: {', '.join(SUFFIXES)}")


def _columns(
    cells: Sequence[Mapping[str, Any]], named: Mapping[str, str | None], path: Path
) -> dict[str, str]:
    """Find the column of each part; lines of JSON may lack keys, so all are looked at."""
    present = list(dict.fromkeys(name for row in cells for name in row))
    columns = {}
    for part, usual in COLUMNS.items():
        wanted = named.get(part)
        if wanted and wanted not in present:
            raise alignkit.UsageError(
                f"{path} has no column '{wanted}'; it has: {', '.join(present)}"
            )
        found = wanted or next(
            (name for known in usual for name in present if name.lower() == known), None
        )
        if found is None and part in NEEDED:
            raise alignkit.UsageError(
                f"{path}: which column is the {part}? say {part}=COLUMN; it has: "
                f"{', '.join(present)}"
            )
        if found:
            columns[part] = found
    return columns


def _said(cells: Mapping[str, Any], columns: Mapping[str, str], where: str) -> str | None:
    if "split" not in columns:
        return None
    value = str(cells.get(columns["split"], "")).strip().lower()
    for split, names in SPLIT_NAMES.items():
        if value in names:
            return split
    raise alignkit.DataError(f"{where}: split is {value!r}, expected train, validation or test")


def labels_of(value: Any, separator: str, where: str) -> tuple[str, ...] | str | None:
    """Read the label cell: a name, several names, or nothing.

    Returns
    -------
    tuple of str
        When it is a list, is written as a JSON list, or holds the separator.
    str
        When it is one name.
    None
        When it is missing or empty.
    """
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        try:
            value = json.loads(value)
        except ValueError:
            raise alignkit.DataError(f"{where}: the label {value!r:.40} is no JSON list") from None
    if isinstance(value, list):
        return tuple(dict.fromkeys(_name(item, where) for item in value))
    if value is None or value == "":
        return None
    name = _name(value, where)
    if separator and separator in name:
        return tuple(dict.fromkeys(part.strip() for part in name.split(separator) if part.strip()))
    return name


def _name(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int)):
        return str(value).strip()
    raise alignkit.DataError(f"{where}: the label {value!r:.40} is neither a name nor a number")
