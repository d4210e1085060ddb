"""Image folders as Hugging Face reads them: a folder for each split, with tables of texts inside.

``train/metadata.csv`` names pictures relative to ``train/``. These may lie in folders named after
their classes (``train/cat/1.jpg``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import alignkit
from alignkit.file_names import listed
from alignkit_tasks.folder_columns import METADATA, parts_in

# The name under which the folder of a picture serves as its label: ``label=folder``.
FOLDER = "folder"
PLACES = ("", "data")


def split_folders(root: Path, names: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Return the folder of each split, by the common names of splits.

    Raises
    ------
    alignkit.DataError
        If there are two folders for a split.
    """
    for place in PLACES:
        folders = sorted(path for path in listed(root / place, "*") if path.is_dir())
        splits: dict[str, Path] = {}
        for split, known in names.items():
            matches = [path for path in folders if path.name.lower() in known]
            if len(matches) > 1:
                raise alignkit.DataError(
                    f"{root} has {' and '.join(path.name for path in matches)}: keep only one of "
                    "them"
                )
            if matches:
                splits[split] = matches[0]
        if splits:
            return splits
    return {}


def tables_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the tables of one split: its own, or those in the folders of its classes.

    Raises
    ------
    alignkit.DataError
        If several tables of one folder could be meant.
    """
    own = _tables_of(folder, suffixes)
    if own:
        return own
    inner = sorted(path for path in listed(folder, "*") if path.is_dir())
    return [table for each in inner for table in _tables_of(each, suffixes)]


def _tables_of(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the table of a folder; without one, its files of Parquet, which may be many."""
    tables = sorted(p for p in listed(folder, "*") if p.suffix.lower() in suffixes and p.is_file())
    tables = [path for path in tables if path.stem.lower() == METADATA] or tables
    if len(tables) > 1:
        raise alignkit.DataError(
            f"{folder} has {' and '.join(path.name for path in tables)}: keep only one of them"
        )
    return tables or parts_in(folder)


def names_from_root(
    rows: Sequence[Mapping[str, object]], column: str, folders: Sequence[PurePosixPath]
) -> list[Mapping[str, object]]:
    """Return rows whose pictures are named relative to the root, given the folders of tables."""
    return [
        {**row, column: _name_from(folder, row.get(column))} if folder.parts else row
        for row, folder in zip(rows, folders, strict=True)
    ]


def _name_from(folder: PurePosixPath, name: object) -> object:
    if not isinstance(name, str) or not name.strip() or Path(name).is_absolute() or ":" in name:
        return name  # if that is wrong, it is said where the picture is looked for
    return f"{folder}/{name.strip()}"


def folders_of(rows: Sequence[Mapping[str, object]], column: str) -> list[str]:
    """Return the name of the folder that each picture lies in.

    Raises
    ------
    alignkit.UsageError
        If a picture lies in no folder.
    """
    folders = [_parts(row.get(column))[:-1] for row in rows]
    if not all(folders):
        name = next(row.get(column) for row, parts in zip(rows, folders, strict=True) if not parts)
        raise alignkit.UsageError(
            f"`label={FOLDER}` takes the name of the folder of each picture, and {name!r} lies in "
            "none; expected names such as cat/1.jpg"
        )
    return [parts[-1] for parts in folders]


def classes_of(
    rows: Sequence[Mapping[str, object]], column: str, splits: Sequence[PurePosixPath]
) -> list[str] | None:
    """Return the class of each picture where pictures lie in a folder for each class.

    Parameters
    ----------
    rows : sequence of mapping
        Their pictures are named relative to the root.
    column : str
    splits : sequence of PurePosixPath
        The folder of each row's split, relative to the root.

    Returns
    -------
    list of str or None
        None without folders of splits, or if the folders within these seem not to be classes:
        if there is only one, or they are just numbered.
    """
    classes = []
    for row, split in zip(rows, splits, strict=True):
        parts = _parts(row.get(column))[len(split.parts) :]
        if not split.parts or len(parts) != 2:
            return None
        classes.append(parts[0])
    names = set(classes)
    return classes if len(names) > 1 and not all(name.isdecimal() for name in names) else None


def _parts(name: object) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts if isinstance(name, str) else ()
