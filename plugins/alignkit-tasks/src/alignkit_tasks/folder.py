"""Users' own data as a task: a table of images, texts and labels, without any code."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_tasks.columns import ColumnPicture
from alignkit_tasks.folder_tables import (
    EXPECTED,
    Row,
    Table,
    UserLabel,
    in_one_spelling,
    labels_of,
    number_of,
    read,
    table_files,
)
from alignkit_tasks.folders import data_folder, picture_file, stamp
from alignkit_tasks.records import SPLITS, Record, RecordedTask, classes, one_hot
from alignkit_tasks.sources import Source
from alignkit_tasks.splits import held_out

NAME = "folder"
# Kinds of target whose name alone tells the digest of a split from that of another kind.
KINDS = ("auto", "single", "binary", "multi")
CAPTIONS = ("all", "first")
# Facts that are known of the samples of every task.
RESERVED = ("id", "label", "text", "image")
# A label column with more labels than this, all distinct, is probably not one.
FEW = 20


@dataclass(frozen=True)
class Folder(RecordedTask):
    """Your own pictures and texts: ``folder:PATH``, where PATH is a table or its folder.

    The kind of target follows from the labels: lists of labels make the task multi-label, two
    labels binary (the second in sorted order is the positive class), more labels single-label;
    without a label column, the pairs can be used for pretraining.

    Parameters
    ----------
    root : Path
        The folder, or the ``.csv``, ``.tsv``, ``.jsonl`` or ``.parquet`` file itself.
    image, text, label, id, split_column : str, optional
        Names of the columns; common names are recognised. Picture paths are relative to the
        table. Without ids, rows are numbered. ``label=folder`` takes the name of the folder that
        a picture lies in.
    kind : str
        What is predicted: a registered target such as ``single``, ``binary``, ``multi``,
        ``ordinal`` or ``regression:scale=10``, whose options are joined by ``+``; see
        ``alignkit list targets``. ``auto`` infers it from the labels.
    separator : str
        What separates several labels in one cell.
    captions : str
        Of a list of texts in one cell, ``all`` makes a sample of each, ``first`` takes the first.
    pictures : Path, optional
        The folder to which picture paths are relative; by default that of the table.
    images : str
        What to do if a picture is missing or broken: ``error`` stops, ``skip`` leaves out the
        sample, ``blank`` shows a white picture.
    validation_share, test_share : float
        Fractions of each label to hold out if the table does not define the splits.
    data_seed : int
        Seed of the held-out samples.
    """

    root: Path | None = None
    image: str | None = None
    text: str | None = None
    label: str | None = None
    id: str | None = None
    split_column: str | None = None
    kind: str = "auto"
    separator: str = "|"
    captions: str = "all"
    pictures: Path | None = None
    images: str = "error"
    validation_share: float = 0.15
    test_share: float = 0.15
    data_seed: int = 0

    name: ClassVar[str] = NAME
    reads_own_data: ClassVar[bool] = True
    choices: ClassVar[Mapping[str, Sequence[str]]] = {"captions": CAPTIONS}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation_share + self.test_share >= 1:
            raise alignkit.UsageError(f"{NAME}: validation_share + test_share must be less than 1")
        _ = self._reads  # which refuses an unknown kind

    @property
    def alias(self) -> str:
        """The task's name in runs and tables: ``folder-`` and the name of the folder."""
        words = re.sub(r"[^a-z0-9]+", "_", self._root.resolve().stem.lower()).strip("_")
        return f"{NAME}-{words}"

    @property
    def target(self) -> alignkit.Target:
        """The target with the labels of the data, of the kind that is named or inferred."""
        kind, names = self._kind()
        if kind == "pairs":
            return alignkit.Pairs()
        try:
            return alignkit.choose_target(kind).make(names)
        except alignkit.UsageError as error:
            raise alignkit.UsageError(
                f"{NAME}: kind={kind}, but the labels are: {', '.join(names[:FEW])} ({error})"
            ) from None

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        """Whether there is a label column."""
        return "label" in self._table.columns

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Return the rows of a split, as defined by the table or held out at random."""
        table, labels = self._table, self._labels
        strata = [None] * len(labels) if self._reads == "number" else labels
        splits = _split_rows(table, strata, self.validation_share, self.test_share, self.data_seed)
        if split not in splits:
            raise alignkit.UsageError(
                f"{NAME}: {self._root} has no {split} rows; it has: {', '.join(splits)}"
            )
        if table.labelled_by_folder:
            notes["whose label is the folder of its picture"] = len(splits[split])
        for fact, numbers in table.unusual.items():
            if concerned := sum(row.number in numbers for row in splits[split]):
                notes[fact] = concerned
        return [
            Record(
                _id(table, row),
                str(row.cells.get(table.columns["text"]) or ""),
                _picture(self.pictures or table.base, table, row),
                labels[row.number],
                row.where,
                _further(table, row),
            )
            for row in splits[split]
        ]

    def encode(self, records: Sequence[Record]) -> np.ndarray | None:
        """Return indices of labels, zeros and ones, or numbers, as the target reads them."""
        kind, names = self._kind()
        if kind == "pairs":
            return None
        _ = self.target  # which refuses labels that do not go with it
        match alignkit.choose_target(kind).reads:
            case "number":
                return np.array([record.label for record in records], dtype=np.float32)
            case "labels":
                return one_hot(records, names)
        return classes(records, names)

    def split_fingerprint(self, name: str) -> str | None:
        """Identify what a model sees of a split, with the options of what is predicted."""
        own = super().split_fingerprint(name)
        return (
            own
            if self.kind in KINDS
            else alignkit.fingerprint_of({"split": own, "kind": self.kind})
        )

    @property
    def _root(self) -> Path:
        return data_folder(NAME, self.root, EXPECTED)

    @property
    def _table(self) -> Table:
        columns = (
            ("image", self.image),
            ("text", self.text),
            ("label", self.label),
            ("id", self.id),
            ("split", self.split_column),
        )
        files = tuple(path for _, path in table_files(self._root)[0])
        return _read(self._root, files, stamp(*files), columns, self.captions)

    def _options(self) -> dict[str, object]:
        options = super()._options()
        if self.captions == "all":  # as before there was this option
            del options["captions"]
        return options

    @property
    def _labels(self) -> Sequence[UserLabel]:
        """The label of every row of the table, None for rows without one."""
        return _labels(self._table, self._reads, self.separator)

    @property
    def _reads(self) -> str:
        """What the target reads of a label; empty where that is inferred."""
        try:
            return "" if self.kind == "auto" else alignkit.choose_target(self.kind).reads
        except alignkit.UsageError as error:
            raise alignkit.UsageError(f"{NAME}: kind={self.kind}: {error}") from None

    @property
    def unknown(self) -> float:  # type: ignore[override]
        """What stands for a missing label: -1, or NaN for a number."""
        return np.nan if self._reads == "number" else -1

    def _kind(self) -> tuple[str, tuple[str, ...]]:
        """Return the kind of target and the labels, sorted."""
        labels = [label for label in self._labels if label is not None]
        if not self.labelled:
            return "pairs", ()
        column, reads = self._table.columns["label"], self._reads
        if reads == "number":
            return self.kind, (column,)
        several = any(isinstance(label, tuple) for label in labels)
        if several and reads == "label":
            raise alignkit.UsageError(
                f"{NAME}: kind={self.kind}, but rows of {self._root} have several labels"
            )
        names = _ordered({name for label in labels for name in _as_tuple(label)})
        if len(names) < 2 and not several:
            raise alignkit.DataError(
                f"{NAME}: {self._root} has {len(names)} label ({', '.join(names) or 'none'}) in "
                f"the column '{column}'; at least 2 are needed"
            )
        if not several and len(names) == len(labels) > FEW:
            raise alignkit.DataError(
                f"{NAME}: every row of {self._root} has a different label, such as {names[0]!r}; "
                "name the column of the labels with label=COLUMN"
            )
        kind = "multi" if several else "binary" if len(names) == 2 else "single"
        return (kind if self.kind == "auto" else self.kind), names


@lru_cache(4)
def _read(
    root: Path,
    _files: object,
    _stamp: object,
    columns: tuple[tuple[str, str | None], ...],
    captions: str,
) -> Table:
    return read(root, dict(columns), captions)


@lru_cache(4)
def _labels(table: Table, reads: str, separator: str) -> Sequence[UserLabel]:
    if "label" not in table.columns:
        return [None] * len(table.rows)
    column = table.columns["label"]
    if reads == "number":
        return [number_of(row.cells.get(column), row.where) for row in table.rows]
    separator = "" if reads == "label" else separator
    labels = [labels_of(row.cells.get(column), separator, row.where) for row in table.rows]
    labels = in_one_spelling(labels, table.rows)
    if reads == "labels" or any(isinstance(label, tuple) for label in labels):
        return [None if label is None else _as_tuple(label) for label in labels]
    return labels


def _as_tuple(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Sort numbers by size, words alphabetically."""
    if all(re.fullmatch(r"-?\d{1,18}", name) for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _split_rows(
    table: Table, labels: Sequence[UserLabel], validation_share: float, test_share: float, seed: int
) -> dict[str, list[Row]]:
    """Return the rows by split, as the table defines it; missing splits are held out."""
    splits = {
        name: rows
        for name in SPLITS
        if (rows := [row for row in table.rows if (row.split or "train") == name])
    }
    if not splits.get("train") or "validation" in splits:
        return splits
    if "test" not in splits:
        splits |= _hold_out(table, splits["train"], labels, "test", test_share, seed)
        validation_share /= 1 - test_share
    splits |= _hold_out(table, splits["train"], labels, "validation", validation_share, seed + 1)
    return {name: splits[name] for name in SPLITS}


def _hold_out(
    table: Table, rows: list[Row], labels: Sequence[UserLabel], name: str, share: float, seed: int
) -> dict[str, list[Row]]:
    """Divide rows into ``train`` and ``name``, stratified by each row's rarest label.

    Rows that share a picture stay together.
    """
    frequency = Counter(each for row in rows for each in _strata(labels[row.number]))
    strata = [
        min(_strata(labels[row.number]), key=lambda each: (frequency[each], each)) for row in rows
    ]
    shared = Counter(_picture_key(table, row) for row in table.rows)
    keys = [
        repr(picture) if shared[picture := _picture_key(table, row)] > 1 else _key(table, row)
        for row in rows
    ]
    held = held_out(keys, strata, share, seed)
    return {
        "train": [row for row, key in zip(rows, keys, strict=True) if key not in held],
        name: [row for row, key in zip(rows, keys, strict=True) if key in held],
    }


def _strata(label: UserLabel) -> tuple[str, ...]:
    return _as_tuple(label or "")


def _id(table: Table, row: Row) -> str:
    if "id" not in table.columns:
        return f"{row.number:06d}"
    value = row.cells.get(table.columns["id"])
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise alignkit.DataError(f"{row.where}: the id is {value!r}; expected a text or a number")
    return str(value) if row.caption is None else f"{value}#{row.caption}"


def _key(table: Table, row: Row) -> str:
    """Return the id or, without ids, a hash of the content: the order of rows has no effect."""
    if "id" in table.columns:
        return _id(table, row)
    content = [_picture_key(table, row), row.cells.get(table.columns["text"])]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _picture_key(table: Table, row: Row) -> object:
    """Return what names a picture wherever the table lies."""
    name = row.cells.get(table.columns["image"])
    return (name.path.name, name.row) if isinstance(name, ColumnPicture) else name


def _further(table: Table, row: Row) -> dict[str, str]:
    """Return the cells of columns that have no other role, as facts of the sample."""
    roles = {*table.columns.values(), *RESERVED}
    if row.caption is not None:  # what the id names is the picture, which several texts share
        roles -= {table.columns.get("id", "")} - set(RESERVED)
    cells = {
        str(name): value
        for name, value in row.cells.items()
        if str(name) not in roles and not isinstance(value, ColumnPicture)
    }
    return {name: "" if value is None else str(value) for name, value in cells.items()}


def _picture(base: Path, table: Table, row: Row) -> Source:
    name = row.cells.get(table.columns["image"])
    if isinstance(name, ColumnPicture):
        return name
    if isinstance(name, str) and Path(name).is_absolute():
        name = os.path.relpath(name, base.absolute())
    return picture_file(base, name, row.where)
