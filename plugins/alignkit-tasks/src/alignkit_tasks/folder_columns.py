"""Parquet and Arrow files with pictures inside, as data sets of Hugging Face are saved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import alignkit
from alignkit.file_names import listed
from alignkit_tasks.columns import ColumnPicture, cells_of

SUFFIXES = (".parquet", ".arrow")
METADATA = "metadata"
PLACES = ("", "data")
# One of several files, such as train-00000-of-00002-1a2b3c.parquet.
_SHARD = re.compile(r"(?P<name>.+?)-(?P<number>\d+)-of-(?P<count>\d+)(?:-\w+)?")


def files_by_split(root: Path, names: Mapping[str, Sequence[str]]) -> list[tuple[str | None, Path]]:
    """Return the files of a folder, or of ``data`` in it, each with the split of its name.

    Parameters
    ----------
    root : Path
    names : mapping
        The common names of each split, as ``train`` in ``train-00000-of-00002.parquet``.

    Returns
    -------
    list of (str or None, Path)
        Without a split where no name tells one; empty where there are no such files.

    Raises
    ------
    alignkit.DataError
        If some names tell a split and others do not, or a shard is missing.
    """
    for place in PLACES:
        files = _tables(root / place)
        if not files:
            continue
        splits = {path: _split_of(path, names) for path in files}
        unknown = [path for path, split in splits.items() if split is None]
        if unknown and len(unknown) < len(files):
            raise alignkit.DataError(
                f"{unknown[0]} belongs to no split; its name should begin with train, validation "
                "or test as those of the others do"
            )
        _check_shards(files)
        order = [*names, None]
        return sorted(
            ((split, path) for path, split in splits.items()), key=lambda each: order.index(each[0])
        )
    return []


def parts_in(folder: Path) -> list[Path]:
    """Return the files of the folder of a split: ``metadata.parquet``, or all of them.

    Raises
    ------
    alignkit.DataError
        If a shard is missing.
    """
    files = _tables(folder)
    own = [path for path in files if path.stem.lower() == METADATA]
    _check_shards(own or files)
    return own or files


def rows_of(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the rows of a file with their places; pictures are opened when they are needed.

    Columns of other kinds than texts, numbers, lists of these, and pictures are left out.

    Raises
    ------
    alignkit.DataError
        If pyarrow is not installed, or the file is damaged.
    """
    for row, cells in enumerate(cells_of(path)):
        yield f"{path.name}, row {row + 1}", cells


def picture_column(cells: Sequence[Mapping[str, object]]) -> str | None:
    """Return the column that holds pictures; None without one, or where several do."""
    names = dict.fromkeys(
        name for row in cells for name, value in row.items() if isinstance(value, ColumnPicture)
    )
    return next(iter(names)) if len(names) == 1 else None


def _tables(folder: Path) -> list[Path]:
    return sorted(p for p in listed(folder, "*") if p.suffix.lower() in SUFFIXES and p.is_file())


def _split_of(path: Path, names: Mapping[str, Sequence[str]]) -> str | None:
    shard = _SHARD.fullmatch(path.stem)
    name = (shard["name"] if shard else path.stem).lower()
    return next((split for split, known in names.items() if name in known), None)


def _check_shards(files: Sequence[Path]) -> None:
    """Refuse shards of which one is missing, which would be other data."""
    groups: dict[tuple[str, int], set[int]] = {}
    for path in files:
        shard = _SHARD.fullmatch(path.stem)
        if shard:
            key = f"{path.parent}/{shard['name']}", int(shard["count"])
            groups.setdefault(key, set()).add(int(shard["number"]))
    for (name, count), numbers in groups.items():
        missing = sorted(set(range(count)) - numbers)
        if missing:
            raise alignkit.DataError(
                f"{name}-{missing[0]:05d}-of-{count:05d} is missing: {len(numbers)} of {count} "
                "files are there"
            )
