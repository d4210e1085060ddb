"""A user's own table: which file is which split, and what each column contains."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import alignkit
from alignkit.documents import parse_json
from alignkit.file_names import listed
from alignkit.tables import read_table
from alignkit_tasks.columns import ColumnPicture
from alignkit_tasks.folder_columns import METADATA, files_by_split, picture_column, rows_of
from alignkit_tasks.folder_columns import SUFFIXES as COLUMNAR
from alignkit_tasks.folders import contents
from alignkit_tasks.image_folders import (
    FOLDER,
    classes_of,
    folders_of,
    names_from_root,
    split_folders,
    tables_in,
)
from alignkit_tasks.jsonl import read_jsonl

SUFFIXES = (".csv", ".tsv", ".jsonl")
# Common names of the three splits, as file names or in a column.
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
# Common names of the columns.
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
    "text": (
        "text",
        "caption",
        "title",
        "sentence",
        "description",
        "captions",
        "texts",
        "sentences",
        "alt_text",
    ),
    "label": ("label", "labels", "class", "category", "target", "genre", "genres"),
    "id": ("id", "image_id", "sample_id"),
    "split": ("split", "fold", "partition", "subset"),
}
NEEDED = ("image", "text")
UserLabel = tuple[str, ...] | str | None
EXPECTED = (
    "one table (.csv, .tsv, .jsonl or .parquet) with columns for image, text and label and perhaps "
    "split; or train, validation and test tables, or folders of these names with a table in each"
)


@dataclass(frozen=True)
class Row:
    """One sample of a user's table: its cells, its split if given, its file and line, its number.

    ``caption`` is the place of its text where its row lists several.
    """

    cells: Mapping[str, object]
    split: str | None
    where: str
    number: int
    caption: int | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """All rows, the folder of the table, and the column names of image, text, label and so on.

    ``unusual`` holds what was unusual in reading them, with the numbers of the rows.
    """

    base: Path
    rows: Sequence[Row]
    columns: Mapping[str, str]
    labelled_by_folder: bool = False
    unusual: Mapping[str, frozenset[int]] = field(default_factory=dict)


def read(root: Path, named: Mapping[str, str | None], captions: str = "all") -> Table:
    """Read the tables of a folder, or a single table.

    Parameters
    ----------
    root : Path
        A table, or a folder that contains tables.
    named : mapping
        Column names given by the user, by what they contain; for others, common names are
        looked for.
    captions : str
        Of a list of texts in one cell, ``all`` gives a sample each, ``first`` only the first.

    Raises
    ------
    alignkit.DataError
        If there is no table, or more than one that could be meant.
    alignkit.UsageError
        If a column is missing.
    """
    files, base = table_files(root)
    # The table, the split that its place tells, file and line, and the cells of every row.
    lines: list[tuple[Path, str | None, str, Mapping[str, object]]] = []
    unusual: dict[str, set[int]] = {}
    for split, path in files:
        rows_of_file, facts = _cells(path)
        for where, row in rows_of_file:
            for fact in (fact for fact, places in facts.items() if where in places):
                unusual.setdefault(fact, set()).add(len(lines))
            lines.append((path, split, where, row))
    if not lines:
        raise alignkit.DataError(f"{files[0][1]} has no rows")
    cells = [line[-1] for line in lines]
    by_folder = named.get("label") == FOLDER and not any(FOLDER in row for row in cells)
    columns = _columns(cells, {**named, "label": None} if by_folder else named, files[0][1])
    folders = [PurePosixPath(path.parent.relative_to(base)) for path, *_ in lines]
    cells = names_from_root(cells, columns["image"], folders)
    classes = None
    if by_folder:
        classes = folders_of(cells, columns["image"])
    elif "label" not in columns:
        classes = classes_of(cells, columns["image"], [_split_folder(each) for each in folders])
    if classes:
        cells = [{**row, FOLDER: name} for row, name in zip(cells, classes, strict=True)]
        columns["label"] = FOLDER
    places = [
        (split, str(folder / where))
        for folder, (_, split, where, _) in zip(folders, lines, strict=True)
    ]
    by_column = "split" in columns and named.get("split") is not None
    told = [(None if by_column else split, where) for split, where in places]
    rows, samples = _samples(cells, columns, told, captions)
    seen = {
        fact: frozenset(sample for number in numbers for sample in samples[number])
        for fact, numbers in unusual.items()
    }
    if len(rows) > len(cells):
        several = (sample for group in samples if len(group) > 1 for sample in group)
        seen["with one of several texts of a picture"] = frozenset(several)
    if _names_pictures(rows, columns, named):
        fact = f"whose {columns.pop('id')} is that of its picture, which other samples share"
        seen[fact] = frozenset(range(len(rows)))
    return Table(base, rows, columns, bool(classes), seen)


def _samples(
    cells: Sequence[Mapping[str, object]],
    columns: Mapping[str, str],
    places: Sequence[tuple[str | None, str]],
    captions: str,
) -> tuple[list[Row], list[range]]:
    """Return a sample for every text of every row, and the numbers of the samples of each row."""
    rows: list[Row] = []
    samples = []
    for row, (split, where) in zip(cells, places, strict=True):
        first = len(rows)
        split = split or _split_of(row, columns, where)
        for caption, text in _texts(row.get(columns["text"]), captions, where):
            whole = row if row.get(columns["text"]) is text else {**row, columns["text"]: text}
            rows.append(Row(whole, split, where, len(rows), caption))
        samples.append(range(first, len(rows)))
    return rows, samples


def _texts(value: object, captions: str, where: str) -> Iterator[tuple[int | None, object]]:
    """Yield the texts of a cell, with their places where there are several."""
    if not isinstance(value, (list, tuple)):
        yield None, value
        return
    if not all(isinstance(text, str) for text in value):
        raise alignkit.DataError(
            f"{where}: the texts are a list of other things than texts ({value!s:.40}); name "
            "another column with text=COLUMN"
        )
    if captions == "first" or len(value) < 2:
        yield None, value[0] if value else ""
        return
    yield from enumerate(value)


def _names_pictures(
    rows: Sequence[Row], columns: Mapping[str, str], named: Mapping[str, str | None]
) -> bool:
    """Return whether a column found by its name identifies pictures rather than samples."""
    if "id" not in columns or named.get("id") or columns["id"].lower() == "id":
        return False
    pictures: dict[object, set[object]] = {}
    for row in rows:
        picture = row.cells.get(columns["image"])
        pictures.setdefault(row.cells.get(columns["id"]), set()).add(
            None if isinstance(picture, ColumnPicture) else picture
        )
    listed_apart = sum(not row.caption for row in rows)
    return len(pictures) < listed_apart and all(len(same) == 1 for same in pictures.values())


def _split_folder(folder: PurePosixPath) -> PurePosixPath:
    """Return the folder of a split, given that of a table, which may be the folder of a class."""
    known = {name for names in SPLIT_NAMES.values() for name in names}
    return folder if folder.name.lower() in known else folder.parent


def table_files(root: Path) -> tuple[list[tuple[str | None, Path]], Path]:
    """Return the tables of a folder, each with the split that its name tells, and the folder."""
    if root.is_file():
        return [(None, root)], root.parent
    tables = sorted(p for p in listed(root, "*") if p.suffix.lower() in SUFFIXES and p.is_file())
    columnar = [] if tables else files_by_split(root, SPLIT_NAMES)
    if columnar:
        return columnar, root
    files: list[tuple[str | None, Path]] = []
    for split, names in SPLIT_NAMES.items():
        matches = [path for path in tables if path.stem.lower() in names]
        if len(matches) > 1:
            raise alignkit.DataError(
                f"{root} has {' and '.join(path.name for path in matches)}: keep only one of them"
            )
        files += [(split, path) for path in matches]
    if any(split == "train" for split, _ in files):
        return files, root
    if len(tables) == 1:
        return [(None, tables[0])], root
    if tables:
        raise alignkit.DataError(
            f"{root} has {', '.join(p.name for p in tables)}: name the table to use, as in "
            f"folder:{tables[0]}, or name them train, validation and test"
        )
    splits = split_folders(root, SPLIT_NAMES)
    inner = [(split, path) for split in splits for path in tables_in(splits[split], SUFFIXES)]
    absent = set(splits) - {split for split, _ in inner}
    if inner and not absent:
        return list(inner), root
    if splits:
        places = ", ".join(splits[split].name for split in splits if split in absent)
        raise alignkit.DataError(
            f"{root} has no texts for the pictures in {places}; put a table into each of these "
            f"folders: {METADATA}.csv with the columns file_name and text"
        )
    raise alignkit.DataError(f"{root} has no table; expected: {EXPECTED}; found: {contents(root)}")


def _cells(
    path: Path,
) -> tuple[Iterator[tuple[str, Mapping[str, object]]], Mapping[str, frozenset[str]]]:
    """Return the rows of a file with their places, and what is unusual about some of them."""
    if path.suffix.lower() == ".jsonl":
        return ((f"{path.name}:{number}", line) for number, line in read_jsonl(path)), {}
    if path.suffix.lower() in SUFFIXES:
        table = read_table(path)
        return iter(table.records()), table.unusual()
    if path.suffix.lower() in COLUMNAR:
        return rows_of(path), {}
    known = ", ".join((*SUFFIXES, *COLUMNAR))
    raise alignkit.DataError(f"{path} is not a table; expected one of: {known}")


def _columns(
    cells: Sequence[Mapping[str, object]], named: Mapping[str, str | None], path: Path
) -> dict[str, str]:
    """Find the columns; since lines of JSON may lack keys, all lines are searched."""
    present = list(dict.fromkeys(name for row in cells for name in row))
    columns = {}
    for part, usual in COLUMNS.items():
        given = named.get(part)
        if given and given not in present:
            raise alignkit.UsageError(
                f"{path} has no column '{given}'; it has: {', '.join(present)}"
            )
        column = given or (picture_column(cells) if part == "image" else None)
        column = column or next(
            (name for known in usual for name in present if name.lower() == known), None
        )
        if column is None and part in NEEDED:
            raise alignkit.UsageError(
                f"{path}: which column is the {part}? Name it with {part}=COLUMN; the table has: "
                f"{', '.join(present)}"
            )
        if column:
            columns[part] = column
    return columns


def _split_of(cells: Mapping[str, object], columns: Mapping[str, str], where: str) -> str | None:
    """Return the split of a row, None if the table has no such column."""
    if "split" not in columns:
        return None
    value = str(cells.get(columns["split"], "")).strip().lower()
    for split, names in SPLIT_NAMES.items():
        if value in names:
            return split
    raise alignkit.DataError(f"{where}: split is {value!r}; expected train, validation or test")


def labels_of(value: object, separator: str, where: str) -> UserLabel:
    """Read the label cell: one label, several labels, or none.

    Returns
    -------
    tuple of str
        If it is a list, is written as a JSON list, or contains the separator.
    str
        If it is a single label.
    None
        If it is missing or empty.
    """
    if isinstance(value, str) and value.strip().startswith("[") and value.strip().endswith("]"):
        try:
            value = parse_json(value, where)
        except alignkit.DataError:
            raise alignkit.DataError(
                f"{where}: the label {value!r:.40} is not a JSON list"
            ) from None
    if isinstance(value, list):
        return tuple(dict.fromkeys(_name(item, where) for item in value))
    if value is None or value == "":
        return None
    name = _name(value, where)
    if separator and separator in name:
        return tuple(dict.fromkeys(part.strip() for part in name.split(separator) if part.strip()))
    return name


def number_of(value: object, where: str) -> str | None:
    """Read the label cell as a number, which is returned as text; None if it is empty.

    Raises
    ------
    alignkit.DataError
        If it holds anything but a finite number.
    """
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise alignkit.DataError(f"{where}: the label {value!r:.40} is not a finite number")
    return repr(number)


def _name(value: object, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int)):
        return str(value).strip()
    raise alignkit.DataError(f"{where}: the label {value!r:.40} is neither a name nor a number")


def in_one_spelling(labels: Sequence[UserLabel], rows: Sequence[Row]) -> list[UserLabel]:
    """Return labels with one spelling for each number or truth value: 1 for 1.0, true for True.

    Raises
    ------
    alignkit.DataError
        If labels of different splits differ in no more than case, blanks or leading zeros, or
        none of several labels of a split is one of the training split: these are probably the same
        labels.
    """
    names = {name for label in labels for name in as_tuple(label)}
    spelling = _spelling(names)
    labels = [
        tuple(dict.fromkeys(spelling[name] for name in label))
        if isinstance(label, tuple)
        else None
        if label is None
        else spelling[label]
        for label in labels
    ]
    first: dict[str, dict[str, str]] = {}
    for label, row in zip(labels, rows, strict=True):
        for name in as_tuple(label):
            first.setdefault(name, {}).setdefault(row.split or "train", row.where)
    _refuse_other_spellings(first)
    _refuse_other_labels(first)
    return labels


def as_tuple(label: UserLabel) -> tuple[str, ...]:
    """Return the labels of a row, of which there may be none."""
    if label is None:
        return ()
    return label if isinstance(label, tuple) else (label,)


def _spelling(names: set[str]) -> dict[str, str]:
    """Return the spelling of each label, changed only where two are the same.

    Numbers and truth values are, if all labels are such; and what looks the same and differs in how
    accents are composed (NFC, NFD).
    """
    for form, plain in ((r"-?\d+(?:\.0+)?", _whole), (r"(?i:true|false)", str.lower)):
        if all(re.fullmatch(form, name) for name in names):
            changed = {name: plain(name) for name in names}
            if len(set(changed.values())) < len(changed):
                return changed
    composed = {name: unicodedata.normalize("NFC", name) for name in names}
    return composed if len(set(composed.values())) < len(names) else {name: name for name in names}


def _whole(name: str) -> str:
    return name.partition(".")[0]


def _refuse_other_spellings(first: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse labels that differ in their spelling only and share no split."""
    known: dict[str, str] = {}
    for name, splits in first.items():
        other = known.setdefault(_key(name), name)
        if other != name and not set(first[other]) & set(splits):
            places = [next(iter(first[each].values())) for each in (other, name)]
            raise alignkit.DataError(
                f"the labels {other!r} ({places[0]}) and {name!r} ({places[1]}) are in different "
                "splits and differ in spelling only; spell them alike"
            )


def _refuse_other_labels(first: Mapping[str, Mapping[str, str]]) -> None:
    train = [name for name, splits in first.items() if "train" in splits]
    for split in ("validation", "test"):
        mine = {name: splits[split] for name, splits in first.items() if split in splits}
        if min(len(train), len(mine)) > 1 and not set(mine) & set(train):
            name, where = next(iter(mine.items()))
            raise alignkit.DataError(
                f"{where}: the label {name!r}, as all of {split}, is none of those of train "
                f"({', '.join(sorted(train)[:3])}); spell them alike"
            )


def _key(name: str) -> str:
    number = re.fullmatch(r"(-?)0*(\d+?)(?:\.0+)?", name)
    return "".join(number.groups()) if number else " ".join(name.casefold().split())
