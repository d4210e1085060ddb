"""From annotations to splits: the part that all data sets have in common."""

from __future__ import annotations

import hashlib
from abc import ABCMeta, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_tasks.content import content_of
from alignkit_tasks.pictures import POLICIES, Pictures, usable
from alignkit_tasks.sources import Source

SPLITS = ("train", "validation", "test")
Label = int | str | tuple[str, ...] | None


@dataclass(frozen=True)
class Record:
    """One sample as annotated.

    Attributes
    ----------
    label : int, str, tuple of str, or None
        None if the annotation has none.
    where : str
        File and line, for messages.
    facts : mapping of str to str
        What else is known of it by name, such as the movie that several samples are about.
    """

    id: str
    text: str
    picture: Source
    label: Label = None
    where: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class RecordedTask(metaclass=ABCMeta):
    """A task that is read from annotations; the fields of a subclass are its options."""

    name: ClassVar[str]
    positional: ClassVar[str] = "root"
    choices: ClassVar[Mapping[str, Sequence[str]]] = {}
    labelled: ClassVar[bool] = True
    unknown: float = -1  # what stands for a label that is missing
    images: str

    def __post_init__(self) -> None:
        for option, known in {**self.choices, "images": POLICIES}.items():
            value = getattr(self, option)
            if value not in known:
                raise alignkit.UsageError(
                    f"{self.name}: {option}={value} is not one of: {', '.join(known)}"
                )
        for option in ("validation_share", "test_share"):
            share = getattr(self, option, 0.5)
            if not 0 < share < 1:
                raise alignkit.UsageError(f"{self.name}: {option}={share} is not between 0 and 1")

    @property
    def spec(self) -> str:
        """The task with its folder, as the command line takes it."""
        root = getattr(self, "root", None)
        return self.name if root is None else f"{self.name}:{root}"

    @property
    @abstractmethod
    def target(self) -> alignkit.Target:
        """What the task predicts."""

    @abstractmethod
    def records(self, split: str, notes: Counter[str]) -> Sequence[Record]:
        """Return the samples of a split after applying every option except ``images``."""

    def encode(self, records: Sequence[Record]) -> np.ndarray | None:
        """Return the targets of labelled samples, one row each; None without any labels."""
        del records
        return None

    def all_records(self, split: str) -> Sequence[Record]:
        """Return the samples of a split as listed, before options leave any out."""
        return self.records(split, Counter())

    def split(self, name: str) -> alignkit.Split:
        """Read a split and check that its pictures are there.

        A test split that is distributed without labels has no targets.

        Raises
        ------
        alignkit.DataError
            If files are missing, or a line or a picture is invalid.
        """
        self._check_split(name)
        notes: Counter[str] = Counter()
        records = self.records(name, notes)
        if not records:
            raise alignkit.DataError(f"{self.name}: split '{name}' is empty")
        _check_ids(self.spec, records)
        targets = self._targets(name, records, notes) if self.labelled else None
        sources = [record.picture for record in records]
        rows, pictures = usable(
            self.spec, [record.id for record in records], sources, self.images, notes
        )
        if not rows:
            raise alignkit.DataError(
                f"{self.name}: no sample of the {name} split has a picture, such as {sources[0]}"
            )
        return alignkit.Split(
            ids=pictures.ids,
            texts=[records[row].text for row in rows],
            image=pictures,
            targets=None if targets is None else targets[rows],
            notes=dict(notes),
            facts=_facts([records[row] for row in rows]),
        )

    def listed(self, name: str) -> alignkit.Split:
        """Return a split as it is listed, with nothing left out and nothing refused."""
        self._check_split(name)
        records = self.all_records(name)
        ids = [record.id for record in records]
        labelled = [i for i, record in enumerate(records) if record.label is not None]
        encoded = self.encode([records[i] for i in labelled]) if labelled else None
        targets = None
        if encoded is not None:
            targets = np.full((len(records), *encoded.shape[1:]), self.unknown, encoded.dtype)
            targets[labelled] = encoded
        return alignkit.Split(
            ids=ids,
            texts=[record.text for record in records],
            image=Pictures(ids, [record.picture for record in records]),
            targets=targets,
        )

    def fingerprint(self) -> str:
        """Identify the data by the annotations, the sizes of the pictures, and the options.

        Raises
        ------
        alignkit.DataError
            If the folder does not exist, or contains nothing of the data set.
        """
        content: dict[str, object] = {"task": self.name, "options": self._options()}
        missing: list[alignkit.AlignkitError] = []
        for name in SPLITS:
            try:
                content[name] = _digest(self.records(name, Counter()))
            except alignkit.AlignkitError as error:
                content[name] = "absent"
                missing.append(error)
        if len(missing) == len(SPLITS):
            raise missing[0]
        return alignkit.fingerprint_of(content)

    def split_fingerprint(self, name: str) -> str | None:
        """Identify what a model sees of a split: texts, pictures, labels and their kind."""
        target = self.target
        content = {
            "records": _digest(self.records(name, Counter())),
            "images": self.images,
            "target": target.__class__.__name__,
            "labels": list(target.labels),
        }
        return alignkit.fingerprint_of(content)

    def content_digest(self, name: str) -> str:
        """Identify what the files of a split's pictures hold, which sizes do not tell."""
        records = self.records(name, Counter())
        return content_of((record.id, record.picture) for record in records)

    def _options(self) -> dict[str, object]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return {k: v for k, v in values.items() if k != "root" and not isinstance(v, Path)}

    def _check_split(self, name: str) -> None:
        if name not in SPLITS:
            raise alignkit.UsageError(
                f"{self.name} has no split '{name}'; it has: {', '.join(SPLITS)}"
            )

    def _targets(
        self, name: str, records: Sequence[Record], notes: Counter[str]
    ) -> np.ndarray | None:
        unlabelled = [record for record in records if record.label is None]
        if not unlabelled:
            return self.encode(records)
        if name != "test" or len(unlabelled) < len(records):
            raise alignkit.DataError(
                f"{unlabelled[0].where}: sample {unlabelled[0].id} has no label "
                f"({len(unlabelled)} of {len(records)} have none){self.without_labels(name)}"
            )
        notes[f"without label{self.without_labels(name)}"] = len(unlabelled)
        return None

    def without_labels(self, name: str) -> str:
        """Return advice for a split without labels, to append to a message."""
        del name
        return ""


def one_hot(records: Iterable[Record], labels: Sequence[str]) -> np.ndarray:
    """Return which of the labels each sample has, as zeros and ones, ``(n, labels)``."""
    index = {label: i for i, label in enumerate(labels)}
    samples = list(records)
    targets = np.zeros((len(samples), len(labels)), dtype=np.int64)
    for row, record in zip(targets, samples, strict=True):
        assert isinstance(record.label, tuple)
        row[[index[label] for label in record.label]] = 1
    return targets


def classes(records: Iterable[Record], labels: Sequence[str]) -> np.ndarray:
    """Return the index of each sample's label, ``(n,)``."""
    index: dict[Label, int] = {label: i for i, label in enumerate(labels)}
    return np.array([index[record.label] for record in records], dtype=np.int64)


def _facts(records: Sequence[Record]) -> dict[str, list[str]]:
    """Return the facts of every sample by name; a sample without one has an empty text."""
    names = dict.fromkeys(name for record in records for name in record.facts)
    return {name: [record.facts.get(name, "") for record in records] for name in names}


def _check_ids(task: str, records: Sequence[Record]) -> None:
    known: dict[str, Record] = {}
    for record in records:
        if known.setdefault(record.id, record) is not record:
            raise alignkit.DataError(
                f"{record.where}: id {record.id} already appears at {known[record.id].where}; "
                f"ids must be unique; see: alignkit data verify {task}"
            )


def _digest(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        digest.update(repr((record.id, record.text, record.label, record.picture.size())).encode())
    return digest.hexdigest()[:16]
