"""Anyone's own data as a task: a table of image, text and label, and no code."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import alignkit
from alignkit_tasks.folder_tables import EXPECTED, Row, Table, labels_of, read, table_files
from alignkit_tasks.folders import data_folder, picture_path, stamp
from alignkit_tasks.pictures import File
from alignkit_tasks.records import SPLITS, Record, RecordedTask, classes, one_hot
from alignkit_tasks.splits import held_out

NAME = "folder"
KINDS = ("auto", "single", "binary", "multi")
FEW = 20


@dataclass(frozen=True)
class Folder(RecordedTask):
    """Your own pictures and texts: ``folder:PATH``, a folder with a table, or the table.

    What is predicted is found in the labels: lists of names make it multi-label, two names
    binary (the second in order is the positive one), more names single-label; no label
    column at all gives pairs for pretraining.

    Parameters
    ----------
    root : Path
        The folder, or the ``.csv``, ``.tsv`` or ``.jsonl`` itself.
    image, text, label, id, split_column : str, optional
        Names of columns; the usual names are found by themselves. Paths of pictures are
        relative to the table. Without ids, rows are numbered.
    kind : str
        ``single``, ``binary`` or ``multi`` where it should not be found by itself.
    separator : str
        What separates several labels in one cell.
    pictures : Path, optional
        The folder that paths of pictures are relative to, if not the table's own.
    images : str
        ``error``, ``skip`` or ``blank``: what happens where a picture is missing or broken.
    validation_share, test_share : float
        Shares of each label to hold out where the table does not say what is for what.
    data_seed : int
        Seeds what is held out.
    """

    root: Path | None = None
    image: str | None = None
    text: str | None = None
    label: str | None = None
    id: str | None = None
    split_column: str | None = None
    kind: str = "auto"
    separator: str = "|"
    pictures: Path | None = None
    images: str = "error"
    validation_share: float = 0.15
    test_share: float = 0.15
    data_seed: int = 0

    name: ClassVar[str] = NAME
    choices: ClassVar = {"kind": KINDS}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation_share + self.test_share >= 1:
            raise alignkit.UsageError(f"{NAME}: validation_share + test_share is not less than 1")

    @property
    def alias(self) -> str:
        """What runs and tables call the task: ``folder-`` and the name of the folder."""
        words = re.sub(r"[^a-z0-9]+", "_", self._root.resolve().stem.lower()).strip("_")
        return f"{NAME}-{words}"

    @property
    def target(self) -> alignkit.Target:
        """Found in the labels; see the class."""
        kind, names = self._kind()
        match kind:
            case "binary":
                return alignkit.Binary(names)
            case "multi":
                return alignkit.MultiLabel(names)
            case "single":
                return alignkit.SingleLabel(names)
        return alignkit.Pairs()

    @property
    def labelled(self) -> bool:  # type: ignore[override]
        """Whether there is a label column at all."""
        return "label" in self._table.columns

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Rows of a split, as the table says, or as a seeded division gives it."""
        table = self._table
        divided = _divided(
            table, self._labels, self.validation_share, self.test_share, self.data_seed
        )
        if split not in divided:
            raise alignkit.UsageError(
                f"{NAME}: {self._root} has no {split} rows; it has: {', '.join(divided)}"
            )
        return [
            Record(
                _id(table, row),
                str(row.cells.get(table.columns["text"]) or ""),
                File(_picture(self.pictures or table.base, table, row)),
                self._labels[row.number],
                row.where,
            )
            for row in divided[split]
        ]

    def encode(self, records: Sequence[Record]) -> np.ndarray | None:
        """Numbers of the labels, or zeros and ones where there are several."""
        kind, names = self._kind()
        if kind == "multi":
            return one_hot(records, names)
        return None if kind == "pairs" else classes(records, names)

    @property
    def _root(self) -> Path:
        return data_folder(NAME, self.root, EXPECTED)

    @property
    def _table(self) -> Table:
        named = (
            ("image", self.image),
            ("text", self.text),
            ("label", self.label),
            ("id", self.id),
            ("split", self.split_column),
        )
        files = tuple(path for _, path in table_files(self._root)[0])
        return _read(self._root, files, stamp(*files), named)

    @property
    def _labels(self) -> Sequence[Any]:
        """The label of every row of the table, None where it has none."""
        return _labels(self._table, self.kind, self.separator)

    def _kind(self) -> tuple[str, tuple[str, ...]]:
        """What is predicted, and the names of the labels in order."""
        found = [label for label in self._labels if label is not None]
        if not self.labelled:
            return "pairs", ()
        several = any(isinstance(label, tuple) for label in found)
        names = _ordered({name for label in found for name in _each(label)})
        if len(names) < 2 and not several:
            raise alignkit.DataError(
                f"{NAME}: {self._root} has {len(names)} label ({', '.join(names) or 'none'}) in "
                f"the column '{self._table.columns['label']}'; there is nothing to tell apart"
            )
        if not several and len(names) == len(found) > FEW:
            raise alignkit.DataError(
                f"{NAME}: every row of {self._root} has a label of its own, such as {names[0]!r}; "
                "which column is the label? say label=COLUMN"
            )
        kind = "multi" if several else "binary" if len(names) == 2 else "single"
        if self.kind == "binary" and kind != "binary":
            raise alignkit.UsageError(
                f"{NAME}: kind=binary, but the labels are: {', '.join(names[:FEW])}"
            )
        return (kind if self.kind == "auto" else self.kind), names


@lru_cache(4)
def _read(
    root: Path, _files: object, _stamp: object, named: tuple[tuple[str, str | None], ...]
) -> Table:
    return read(root, dict(named))


@lru_cache(4)
def _labels(table: Table, kind: str, separator: str) -> Sequence[Any]:
    if "label" not in table.columns:
        return [None] * len(table.rows)
    column = table.columns["label"]
    separator = "" if kind in ("single", "binary") else separator
    labels = [labels_of(row.cells.get(column), separator, row.where) for row in table.rows]
    if kind == "multi" or any(isinstance(label, tuple) for label in labels):
        return [None if label is None else _each(label) for label in labels]
    return labels


def _each(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (label,)


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Numbers by size, words by the alphabet."""
    if all(re.fullmatch(r"-?\d{1,18}", name) for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _divided(
    table: Table, labels: Sequence[Any], validation_share: float, test_share: float, seed: int
) -> dict[str, list[Row]]:
    """Rows by split: what the table says, and a seeded share where it does not say."""
    said: Mapping[str, list[Row]] = {
        name: [row for row in table.rows if (row.split or "train") == name] for name in SPLITS
    }
    divided = {name: rows for name, rows in said.items() if rows}
    if not divided.get("train") or "validation" in divided:
        return divided
    if "test" not in divided:
        divided |= _apart(table, divided["train"], labels, "test", test_share, seed)
        validation_share /= 1 - test_share
    divided |= _apart(table, divided["train"], labels, "validation", validation_share, seed + 1)
    return {name: divided[name] for name in SPLITS}


def _apart(
    table: Table, rows: list[Row], labels: Sequence[Any], name: str, share: float, seed: int
) -> dict[str, list[Row]]:
    frequency = Counter(each for row in rows for each in _strata(labels[row.number]))
    strata = [
        min(_strata(labels[row.number]), key=lambda each: (frequency[each], each)) for row in rows
    ]
    keys = [_key(table, row) for row in rows]
    held = held_out(keys, strata, share, seed)
    return {
        "train": [row for row, key in zip(rows, keys, strict=True) if key not in held],
        name: [row for row, key in zip(rows, keys, strict=True) if key in held],
    }


def _strata(label: Any) -> tuple[str, ...]:
    return _each(label or "")


def _id(table: Table, row: Row) -> str:
    if "id" not in table.columns:
        return f"{row.number:06d}"
    value = row.cells.get(table.columns["id"])
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise alignkit.DataError(f"{row.where}: the id is {value!r}, expected a text or a number")
    return str(value)


def _key(table: Table, row: Row) -> str:
    """What the division goes by: the id, else the content, so that the order is of no matter."""
    if "id" in table.columns:
        return _id(table, row)
    content = [row.cells.get(table.columns[part]) for part in ("image", "text")]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _picture(base: Path, table: Table, row: Row) -> Path:
    named = row.cells.get(table.columns["image"])
    if isinstance(named, str) and os.path.isabs(named):
        named = os.path.relpath(named, base.absolute())
    return picture_path(base, named, row.where)
