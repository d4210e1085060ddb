"""Hateful Memes: is a meme hateful, given its picture and the text on it?

Kiela et al., "The Hateful Memes Challenge", 2020. Reads the folder as it was distributed:
phase 2 (``dev_seen``, ``dev_unseen``, ``test_seen``, ``test_unseen``) or phase 1 (``dev``
and ``test``, which are the seen ones), and the layouts of common mirrors.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import alignkit
from alignkit_tasks.folders import data_folder, first_that_exists, inside
from alignkit_tasks.jsonl import read_jsonl
from alignkit_tasks.pictures import POLICIES, usable

NAME = "hateful_memes"
TREE = """expected:
  hateful_memes/
    img/01235.png ...
    train.jsonl  dev_seen.jsonl  dev_unseen.jsonl  test_seen.jsonl  test_unseen.jsonl
(phase 1: train.jsonl, dev.jsonl, test.jsonl)"""

SPLITS = ("train", "validation", "test")
_PARTS = {
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
# Phase 1 called the seen parts by shorter names.
_FILES = {
    "dev_seen": ("dev_seen.jsonl", "dev.jsonl"),
    "test_seen": ("test_seen.jsonl", "test.jsonl"),
}
_ANNOTATION_PLACES = ("", "data", "annotations", "defaults/annotations")
_PICTURE_PLACES = ("", "data", "images", "defaults/images")


@dataclass(frozen=True)
class Meme:
    """One line of an annotation file."""

    id: str
    img: str
    text: str
    label: int | None
    where: str


@dataclass(frozen=True)
class HatefulMemes:
    """Is a meme hateful? Binary; AUROC, as the data set's authors ask for.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; without it ``$ALIGNKIT_DATA/hateful_memes``.
    validation : str
        ``dev_seen``, ``dev_unseen`` or ``both``. The two share 400 memes; ``both`` takes
        each once.
    test : str
        ``test_seen``, ``test_unseen`` or ``both``.
    missing : str
        What to do where a picture is missing or broken, as in most public copies:
        ``error`` stops, ``skip`` leaves the meme out, ``blank`` shows a white picture.
    """

    root: Path | None = None
    validation: str = "dev_unseen"
    test: str = "test_unseen"
    missing: str = "error"

    def __post_init__(self) -> None:
        known: dict[str, Sequence[str]] = {
            "validation": tuple(_PARTS["validation"]),
            "test": tuple(_PARTS["test"]),
            "missing": POLICIES,
        }
        for option, choices in known.items():
            value = getattr(self, option)
            if value not in choices:
                raise alignkit.UsageError(
                    f"{NAME}: {option}={value} is not one of: {', '.join(choices)}"
                )

    @property
    def target(self) -> alignkit.Binary:
        """Hateful or not."""
        return alignkit.Binary(("not hateful", "hateful"))

    def split(self, name: str) -> alignkit.Split:
        """Read a split and check that its pictures are there.

        A test split that was distributed without labels has no targets.

        Raises
        ------
        alignkit.DataError
            When files are missing, or a line or a picture is not what it should be.
        """
        notes: Counter[str] = Counter()
        memes = self._memes(name, notes)
        if not memes:
            raise alignkit.DataError(
                f"{NAME}: split '{name}' is empty ({', '.join(self._parts(name))})"
            )
        targets = self._targets(name, memes, notes)
        ids, paths = [meme.id for meme in memes], self._pictures(memes)
        rows, pictures = usable(NAME, ids, paths, self.missing, notes)
        if not rows:
            raise alignkit.DataError(
                f"{NAME}: no meme of the {name} split has a picture, such as {paths[0]}\n{TREE}"
            )
        return alignkit.Split(
            ids=pictures.ids,
            texts=[memes[row].text for row in rows],
            image=pictures,
            targets=None if targets is None else targets[rows],
            notes=dict(notes),
        )

    def fingerprint(self) -> str:
        """Identify the data by the annotation files' bytes, and the options.

        Where memes without a picture are left out or blank, it counts which they are.

        Raises
        ------
        alignkit.DataError
            When there is no folder, or nothing of the data set in it.
        """
        if not any(self._find(part) for name in SPLITS for part in self._parts(name)):
            raise alignkit.DataError(self._absent("train", "train"))
        content: dict[str, Any] = {"task": NAME, "missing": self.missing}
        for name in SPLITS:
            for part in self._parts(name):
                path = self._find(part)
                content[f"{name}/{part}"] = _hash(path.read_bytes()) if path else "absent"
                if path and self.missing != "error":
                    content[f"{name}/{part}/missing"] = self._missing_of(path)
        return alignkit.fingerprint_of(content)

    def _missing_of(self, path: Path) -> str:
        memes = _read(path)
        gone = [m.id for m, p in zip(memes, self._pictures(memes), strict=True) if not p.is_file()]
        return _hash(" ".join(gone).encode())

    @property
    def _folder(self) -> Path:
        return data_folder(NAME, self.root, TREE)

    def _parts(self, name: str) -> tuple[str, ...]:
        if name not in SPLITS:
            raise alignkit.UsageError(f"{NAME} has no split '{name}'; it has: {', '.join(SPLITS)}")
        return ("train",) if name == "train" else _PARTS[name][getattr(self, name)]

    def _find(self, part: str) -> Path | None:
        return first_that_exists(
            self._folder, _ANNOTATION_PLACES, _FILES.get(part, (f"{part}.jsonl",))
        )

    def _memes(self, name: str, notes: Counter[str]) -> list[Meme]:
        """All memes of a split's files; one that stands in two of them is taken once."""
        memes: dict[str, Meme] = {}
        for part in self._parts(name):
            path = self._find(part)
            if path is None:
                raise alignkit.DataError(self._absent(name, part))
            for meme in _read(path):
                known = memes.setdefault(meme.id, meme)
                if known is meme:
                    continue
                if None not in (known.label, meme.label) and known.label != meme.label:
                    raise alignkit.DataError(
                        f"{meme.where}: meme {meme.id} has another label than at {known.where}"
                    )
                notes["in two files, taken once"] += 1
        return list(memes.values())

    def _absent(self, name: str, part: str) -> str:
        message = f"{NAME}: there is no {part}.jsonl in {self._folder}"
        others = [p for p in _PARTS.get(name, {}) if p not in (part, "both") and self._find(p)]
        if others:
            return f"{message}; it has {others[0]}: use --task {NAME}:{name}={others[0]}"
        return f"{message}\n{TREE}"

    def _targets(self, name: str, memes: list[Meme], notes: Counter[str]) -> np.ndarray | None:
        unlabelled = [meme for meme in memes if meme.label is None]
        if not unlabelled:
            return np.array([meme.label for meme in memes], dtype=np.int64)
        files = " and ".join(f"{part}.jsonl" for part in self._parts(name))
        fetch = f"fetch {files} of phase 2, with labels"
        if name != "test" or len(unlabelled) < len(memes):
            raise alignkit.DataError(
                f"{unlabelled[0].where}: meme {unlabelled[0].id} has no label "
                f"({len(unlabelled)} of {len(memes)} have none); {fetch}"
            )
        notes[f"without label; to evaluate, {fetch}"] = len(unlabelled)
        return None

    def _pictures(self, memes: list[Meme]) -> list[Path]:
        """Paths of the pictures, below the first place that has a folder for them."""
        folder = self._folder
        places = [folder / place for place in _PICTURE_PLACES]
        found = (p for p in places if memes and (p / memes[0].img).parent.is_dir())
        place = next(found, folder)
        return [place / meme.img for meme in memes]


def _read(path: Path) -> list[Meme]:
    """Read one annotation file; ids are unique in it."""
    memes: dict[str, Meme] = {}
    for number, record in read_jsonl(path):
        meme = _meme(record, f"{path.name}:{number}")
        known = memes.setdefault(meme.id, meme)
        if known is not meme:
            raise alignkit.DataError(f"{meme.where}: id {meme.id} stands at {known.where} already")
    return list(memes.values())


def _meme(record: dict[str, Any], where: str) -> Meme:
    """Check one line. Ids are numbers in the original, padded text in re-uploads."""
    number, text, label = record.get("id"), record.get("text"), record.get("label")
    if isinstance(number, bool) or not re.fullmatch("[0-9]+", str(number)):
        raise alignkit.DataError(f"{where}: id is {number!r}, expected a number such as 8291")
    if not isinstance(text, str):
        raise alignkit.DataError(f"{where}: text is {text!r}, expected a string")
    if isinstance(label, bool) or label not in (0, 1, "0", "1", None):
        raise alignkit.DataError(f"{where}: label is {label!r}, expected 0, 1 or none")
    identity = str(number).lstrip("0").zfill(5)
    named = record.get("img") or f"img/{identity}.png"
    img = inside(named) if isinstance(named, str) else None
    if img is None:
        raise alignkit.DataError(f"{where}: img is {named!r}, expected a path inside the folder")
    return Meme(identity, img, text, None if label is None else int(label), where)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
