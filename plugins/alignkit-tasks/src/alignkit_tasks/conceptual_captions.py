"""Conceptual Captions: web pictures with their captions, for pretraining.

Sharma et al., "Conceptual Captions", 2018.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import alignkit
from alignkit_tasks.conceptual_captions_layouts import LAYOUTS, Captions
from alignkit_tasks.content import content_of_files
from alignkit_tasks.folders import contents, data_folder
from alignkit_tasks.records import Record, RecordedTask
from alignkit_tasks.sources import Absent, File
from alignkit_tasks.splits import held_out

NAME = "conceptual_captions"
PUBLISHED = {"train": 3318333, "validation": 15840}
TREE = " | ".join(f"({layout.name}) {layout.tree}" for layout in LAYOUTS)
HEAD = 1 << 16


@dataclass(frozen=True)
class ConceptualCaptions(RecordedTask):
    """Pairs of a picture and a caption, without labels, for pretraining.

    Many of the URLs are dead, so missing pictures are left out by default. There is no test
    split.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; by default ``$ALIGNKIT_DATA/conceptual_captions``.
    splits : str
        ``official``, or ``hash``, which holds out a fraction of the training pairs for
        validation by a hash of their ids.
    shared : str
        What to do about pairs that share their picture file with another caption, which
        happens if files named after URLs overwrote each other: ``drop`` leaves all of them out,
        since it is unknown which is right; ``keep`` uses them all.
    limit : int, optional
        Use only this many training pairs, the first ones listed.
    images : str
        What to do if a picture is missing or broken: ``skip`` leaves out the pair, ``error``
        stops, ``blank`` shows a white picture.
    validation_share : float
        Fraction to hold out with ``splits=hash``.
    data_seed : int
        Seed of ``splits=hash``.
    """

    root: Path | None = None
    splits: str = "official"
    shared: str = "drop"
    limit: int | None = None
    images: str = "skip"
    validation_share: float = 0.01
    data_seed: int = 0

    name: ClassVar[str] = NAME
    labelled: ClassVar[bool] = False
    choices: ClassVar[Mapping[str, Sequence[str]]] = {
        "splits": ("official", "hash"),
        "shared": ("drop", "keep"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit is not None and self.limit < 1:
            raise alignkit.UsageError(f"{NAME}: limit={self.limit}, but it must be at least 1")

    @property
    def target(self) -> alignkit.Pairs:
        """Pairs: there is nothing to predict."""
        return alignkit.Pairs()

    @property
    def published(self) -> dict[str, int]:
        """Numbers of lines in the two published files, dead URLs included."""
        if self.splits == "hash":
            return {"train+validation": self.limit or PUBLISHED["train"]}
        return {**PUBLISHED, **({"train": self.limit} if self.limit else {})}

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Return the pairs of a split, each once; pairs that share a picture as the options say."""
        pairs: dict[str, Record] = {}
        for record in self._records(split, notes):
            if pairs.setdefault(record.id, record) is not record:
                notes["listed twice, taken once"] += 1
        records = list(pairs.values())
        if self.shared == "keep":
            return records
        captions = Counter(str(record.picture) for record in records)
        kept = [record for record in records if captions[str(record.picture)] == 1]
        if len(kept) < len(records):
            notes["with a picture that has other captions too, left out"] = len(records) - len(kept)
        return kept

    def all_records(self, split: str) -> list[Record]:
        """Return every pair of a split, as listed."""
        return self._records(split, Counter())

    def _records(self, split: str, notes: Counter[str]) -> list[Record]:
        if split == "test":
            raise alignkit.UsageError(
                f"{NAME} has no test split, as it is for pretraining; use `split=validation`"
            )
        if self.splits == "hash":
            pairs = list(self._listed("train", notes))
            ids = [record.id for record in pairs]
            held = held_out(ids, [""] * len(ids), self.validation_share, self.data_seed)
            return [record for record in pairs if (record.id in held) == (split == "validation")]
        pairs = list(self._listed(split, notes))
        if not pairs and split == "validation":
            raise alignkit.DataError(
                f"{NAME}: there are no validation pairs in {self._layout()[0]}; use "
                f"`task={NAME}:splits=hash`"
            )
        return pairs

    def fingerprint(self) -> str:
        """Identify the data; large shards with pictures by their sizes and first bytes."""
        root, layout = self._layout()
        files = [path for part in PUBLISHED for path in layout.files(root, part)]
        if not _holds_pictures(layout, files[0], root):
            return super().fingerprint()
        content: dict[str, object] = {"task": NAME, "options": self._options()}
        content["shards"] = {str(path.relative_to(root)): _outline(path) for path in files}
        return alignkit.fingerprint_of(content)

    def content_digest(self, name: str) -> str:
        """Identify what the files of a split's pictures hold; of shards, whole files."""
        root, layout = self._layout()
        part = "train" if self.splits == "hash" and name == "validation" else name
        files = layout.files(root, part) if part in PUBLISHED else []
        if not files or not _holds_pictures(layout, files[0], root):
            return super().content_digest(name)
        if part == "train" and self.limit is not None:
            pairs = self._listed(part, Counter())
            used = {place[0] for pair in pairs if (place := pair.picture.container())}
            files = [file for file in files if file in used]
        return content_of_files(root, files)

    def split_fingerprint(self, name: str) -> None:
        """Give none: there is no test split that options could change alone."""
        del name

    def _listed(self, part: str, notes: Counter[str]) -> Iterator[Record]:
        """Yield the pairs of a part, up to the limit; entries without a picture are counted."""
        root, layout = self._layout()
        limit = self.limit if part == "train" else None
        return islice(_pairs(layout, layout.files(root, part), root, notes), limit)

    def _layout(self) -> tuple[Path, Captions]:
        root = data_folder(NAME, self.root, TREE)
        for layout in LAYOUTS:
            if layout.files(root, "train"):
                return root, layout
        raise alignkit.DataError(
            f"{NAME}: {root} has no known layout; expected: {TREE}; found: {contents(root)}"
        )


def _pairs(
    layout: Captions, files: Iterable[Path], root: Path, notes: Counter[str]
) -> Iterator[Record]:
    for path in files:
        for pair in layout.pairs(path, root):
            if isinstance(pair.picture, Absent):
                notes["in a shard without a picture, left out"] += 1
            else:
                yield pair


def _holds_pictures(layout: Captions, file: Path, root: Path) -> bool:
    """Whether a file of annotations is a shard, which holds the pictures too."""
    first = next(layout.pairs(file, root), None)
    return first is not None and not isinstance(first.picture, File)


def _outline(path: Path) -> str:
    """Return a file's size and a hash of its first bytes."""
    with path.open("rb") as file:
        return f"{path.stat().st_size}-{hashlib.sha256(file.read(HEAD)).hexdigest()[:16]}"
