"""Hateful Memes: predict whether a meme is hateful, from its picture and the text on it.

Kiela et al., "The Hateful Memes Challenge", 2020. The folder is read as distributed: phase 2
(``dev_seen``, ``dev_unseen``, ``test_seen``, ``test_unseen``), phase 1 (``dev`` and ``test``,
which are the seen parts), copies that have merged the seen and unseen parts, and any of these
as Parquet or Arrow tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

import alignkit
from alignkit.file_names import listed
from alignkit_tasks.columns import column_names, picture_in, read_columns
from alignkit_tasks.folders import contents, data_folder, inner_path, picture_file
from alignkit_tasks.jsonl import read_jsonl
from alignkit_tasks.records import Record, RecordedTask
from alignkit_tasks.sources import File

NAME = "hateful_memes"
TREE = (
    "(phase 2) img/01235.png ..., train.jsonl, dev_seen.jsonl, dev_unseen.jsonl, "
    "test_seen.jsonl, test_unseen.jsonl | (phase 1) img/, train.jsonl, dev.jsonl, test.jsonl | "
    "(joined) img/, train.jsonl, validation.jsonl, test.jsonl | any of these as .parquet or .arrow"
)
PARTS = {
    "validation": {
        "dev_seen": ("dev_seen",),
        "dev_unseen": ("dev_unseen",),
        "both": ("dev_seen", "dev_unseen"),
    },
    "test": {
        "test_seen": ("test_seen",),
        "test_unseen": ("test_unseen",),
        "both": ("test_seen", "test_unseen"),
    },
}
PUBLISHED = {
    "train": 8500,
    "dev_seen": 500,
    "dev_unseen": 540,
    "test_seen": 1000,
    "test_unseen": 2000,
}
# Phase 1 had shorter names for the seen parts.
_STEMS = {"dev_seen": ("dev_seen", "dev"), "test_seen": ("test_seen", "test")}
_JOINED = {"validation": ("validation", "val"), "test": ("test",)}
_FORMS = ("{}.jsonl", "{}.parquet", "{}-*.parquet", "hatefulmemes_{}.arrow", "{}.arrow")
_ANNOTATION_PLACES = ("", "data", "annotations", "defaults/annotations")
_PICTURE_PLACES = ("", "data", "images", "defaults/images")


@dataclass(frozen=True)
class HatefulMemes(RecordedTask):
    """Binary classification of memes as hateful or not, scored by AUROC as its authors propose.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; by default ``$ALIGNKIT_DATA/hateful_memes``.
    validation : str
        The validation split: ``dev_seen``, ``dev_unseen`` or ``both``.
    test : str
        The test split: ``test_seen``, ``test_unseen`` or ``both``.
    splits : str
        ``official`` follows the two options above; ``study`` uses both parts of each, and
        twice the 400 memes that are in both dev files.
    duplicates : str
        ``drop`` uses a meme that is listed twice only once, ``keep`` as often as it is listed.
    images : str
        What to do if a picture is missing or broken, as in most public copies: ``error``
        stops, ``skip`` leaves out the meme, ``blank`` shows a white picture.
    """

    root: Path | None = None
    validation: str = "dev_unseen"
    test: str = "test_unseen"
    splits: str = "official"
    duplicates: str = "drop"
    images: str = "error"

    name: ClassVar[str] = NAME
    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "validation": tuple(PARTS["validation"]),
        "test": tuple(PARTS["test"]),
        "splits": ("official", "study"),
        "duplicates": ("drop", "keep"),
    }

    @property
    def target(self) -> alignkit.Binary:
        """Whether a meme is hateful."""
        return alignkit.Binary(("not hateful", "hateful"))

    @property
    def published(self) -> dict[str, int]:
        """Numbers of lines of the selected files, as counted in the original."""
        return {
            name: sum(PUBLISHED[part] for part in self._parts(name)) for name in ("train", *PARTS)
        }

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Return the memes of a split's files, with duplicates as the options say."""
        keep = self.splits == "study" or self.duplicates == "keep"
        note = "listed twice, kept twice" if keep else "listed twice, taken once"
        memes: dict[str, Record] = {}
        for record in self.all_records(split):
            known = memes.setdefault(record.id, record)
            if known is record:
                memes[record.id] = replace(record, facts={"meme": record.id})
                continue
            _check_same(known, record)
            notes[note] += 1
            if keep:
                new_id = f"{record.id}-{notes[note]}"  # ids must be unique
                memes[new_id] = replace(record, id=new_id, facts={"meme": record.id})
            elif known.label is None:
                memes[record.id] = replace(record, facts={"meme": record.id})
        return list(memes.values())

    def all_records(self, split: str) -> list[Record]:
        """Return every line of a split's files."""
        return [record for path in self._files(split) for record in _read(path, self._folder)]

    def encode(self, records: Sequence[Record]) -> np.ndarray:
        """Return 0 for not hateful, 1 for hateful, ``(n,)``."""
        return np.array([record.label for record in records], dtype=np.int64)

    def without_labels(self, name: str) -> str:
        """Return which files of the data set have the labels of a split."""
        files = " and ".join(f"{part}.jsonl" for part in self._parts(name))
        return f"; fetch {files} from phase 2, which has labels"

    @property
    def _folder(self) -> Path:
        return data_folder(NAME, self.root, TREE)

    def _parts(self, name: str) -> tuple[str, ...]:
        chosen = "both" if self.splits == "study" else getattr(self, name, "both")
        return ("train",) if name == "train" else PARTS[name][chosen]

    def _files(self, name: str) -> list[Path]:
        """Return the files of a split, in order."""
        parts = self._parts(name)
        joined = self._joined(name) if len(parts) > 1 else []
        if joined:
            return joined
        files = []
        for part in parts:
            part_files = self._find(_STEMS.get(part, (part,)))
            if not part_files:
                raise alignkit.DataError(self._absent(name, part))
            files += part_files
        return files

    def _joined(self, name: str) -> list[Path]:
        """Return the files of a copy that has merged the seen and unseen parts, if it is one."""
        separate = self._find(("dev_seen", "dev", "dev_unseen"))
        if separate or not self._find(_JOINED["validation"]):
            return []
        return self._find(_JOINED[name])

    def _find(self, stems: Sequence[str]) -> list[Path]:
        """Return the files of the first stem, in the first form and place that exist."""
        folder = self._folder
        for stem in stems:
            for form in _FORMS:
                for place in _ANNOTATION_PLACES:
                    files = sorted(listed(folder / place, form.format(stem)))
                    if files:
                        return files
        return []

    def _absent(self, name: str, part: str) -> str:
        """Return a message about a missing part that names the part to use instead."""
        message = f"{NAME}: there is no {part}.jsonl in {self._folder}"
        others = [p for p in PARTS.get(name, {}) if p not in (part, "both")]
        others = [p for p in others if self._find(_STEMS.get(p, (p,)))]
        if not others and name in PARTS and self._joined(name):
            others = ["both"]
        if others:
            return f"{message}; it has {others[0]}: use `task={NAME}:{name}={others[0]}`"
        return f"{message}; expected: {TREE}; found: {contents(self._folder)}"


def _check_same(known: Record, record: Record) -> None:
    """Raise an error if two lines of one id have different labels or pictures."""
    labels = {known.label, record.label} - {None}
    if len(labels) > 1:
        raise alignkit.DataError(
            f"{record.where}: meme {record.id} has a different label than at {known.where}"
        )
    files = isinstance(known.picture, File) and isinstance(record.picture, File)
    if files and str(known.picture) != str(record.picture):
        raise alignkit.DataError(
            f"{record.where}: id {record.id} already appears at {known.where}, for another meme"
        )


def _read(path: Path, folder: Path) -> list[Record]:
    read = _read_lines if path.suffix == ".jsonl" else _read_table
    return list(read(path, folder))


def _read_lines(path: Path, folder: Path) -> Iterator[Record]:
    lines = [(line, f"{path.name}:{number}") for number, line in read_jsonl(path)]
    memes = [(_identity(line, where), line, where) for line, where in lines]
    images = [_image(line, identity, where) for identity, line, where in memes]
    # Picture paths are relative to the first place that has a folder for them.
    places = [folder / place for place in _PICTURE_PLACES]
    place = next((p for p in places if images and (p / images[0]).parent.is_dir()), folder)
    for (identity, line, where), image in zip(memes, images, strict=True):
        picture = picture_file(place, image, where)
        yield Record(identity, _text(line, where), picture, _label(line, where), where)


def _read_table(path: Path, folder: Path) -> Iterator[Record]:
    names = column_names(path)
    column = "image" if "image" in names else "img"
    wanted = [name for name in ("id", "image_id", "text", "label") if name in names]
    for row, line in enumerate(read_columns(path, wanted)):
        where = f"{path.name}, row {row + 1}"
        # Some tables have no ids: a meme is then identified by file and row.
        identity = _identity(line, where) if "id" in line else f"{path.stem}-{row:05d}"
        yield Record(
            identity,
            _text(line, where),
            picture_in(path, column, row, folder),
            _label(line, where),
            where,
        )


def _identity(line: dict[str, object], where: str) -> str:
    """Return the id as five digits: the original has numbers, later uploads padded text."""
    number = line.get("id")
    if isinstance(number, bool) or not re.fullmatch("[0-9]+", str(number)):
        raise alignkit.DataError(f"{where}: id is {number!r}; expected a number such as 8291")
    return str(number).lstrip("0").zfill(5)


def _text(line: dict[str, object], where: str) -> str:
    text = line.get("text")
    if isinstance(text, list) and len(text) == 1:  # some tables wrap each text in a list
        text = text[0]
    if not isinstance(text, str):
        raise alignkit.DataError(f"{where}: text is {text!r}; expected a string")
    return text


def _label(line: dict[str, object], where: str) -> int | None:
    label = line.get("label")
    if isinstance(label, bool) or label not in (0, 1, "0", "1", None, ""):
        raise alignkit.DataError(f"{where}: label is {label!r}; expected 0, 1 or none")
    return None if label in (None, "") else int(label)


def _image(line: dict[str, object], identity: str, where: str) -> str:
    name = line.get("img") or line.get("image") or f"img/{identity}.png"
    return str(inner_path(Path(), name, where, "img"))
