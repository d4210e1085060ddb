"""Conceptual Captions: pictures from the web with their captions, for pretraining.

Sharma et al., "Conceptual Captions", 2018.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import alignkit
from alignkit_tasks.conceptual_captions_layouts import LAYOUTS, Captions
from alignkit_tasks.folders import contents, data_folder
from alignkit_tasks.pictures import File
from alignkit_tasks.records import Record, RecordedTask
from alignkit_tasks.splits import held_out

NAME = "conceptual_captions"
PUBLISHED = {"train": 3318333, "validation": 15840}
TREE = " | ".join(f"({layout.name}) {layout.tree}" for layout in LAYOUTS)
HEAD = 1 << 16


@dataclass(frozen=True)
class ConceptualCaptions(RecordedTask):
    """Pairs of picture and caption. No labels: for pretraining only.

    Many addresses are dead, so pictures that are not there are left out unless told
    otherwise. There is no test split.

    Parameters
    ----------
    root : Path, optional
        The data set's folder; without it ``$ALIGNKIT_DATA/conceptual_captions``.
    splits : str
        ``official``, or ``hash``: a share of the training pairs is held out for
        validation by a hash of their ids.
    shared : str
        What happens to pairs whose picture file also stands beside another caption, as
        where names were taken from addresses and overwrote each other: ``drop`` leaves
        all of them out, as nobody knows which is right, ``keep`` trusts them.
    limit : int, optional
        Take only the first so many training pairs that are listed.
    images : str
        ``skip``, ``error`` or ``blank``: what happens where a picture is missing or broken.
    validation_share : float
        With ``splits=hash``.
    data_seed : int
        Seeds ``splits=hash``.
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
    choices: ClassVar = {"splits": ("official", "hash"), "shared": ("drop", "keep")}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit is not None and self.limit < 1:
            raise alignkit.UsageError(f"{NAME}: limit={self.limit} is not at least 1")

    @property
    def target(self) -> alignkit.Pairs:
        """Nothing is predicted."""
        return alignkit.Pairs()

    @property
    def published(self) -> dict[str, int]:
        """Lines of the two files; addresses that are dead by now are among them."""
        if self.splits == "hash":
            return {"train+validation": self.limit or PUBLISHED["train"]}
        return {**PUBLISHED, **({"train": self.limit} if self.limit else {})}

    def records(self, split: str, notes: Counter[str]) -> list[Record]:
        """Pairs of a split, each once, without those whose picture is another one's too."""
        pairs: dict[str, Record] = {}
        for record in self.all_records(split):
            if pairs.setdefault(record.id, record) is not record:
                notes["listed twice, taken once"] += 1
        found = list(pairs.values())
        if self.shared == "keep":
            return found
        captions = Counter(str(record.picture) for record in found)
        alone = [record for record in found if captions[str(record.picture)] == 1]
        if len(alone) < len(found):
            notes["with a picture that has other captions too, left out"] = len(found) - len(alone)
        return alone

    def all_records(self, split: str) -> list[Record]:
        """Every pair of a split, as listed."""
        if split == "test":
            raise alignkit.UsageError(
                f"{NAME} has no test split: it is for pretraining; use --split validation"
            )
        if self.splits == "hash":
            pairs = list(self._listed("train"))
            ids = [record.id for record in pairs]
            held = held_out(ids, [""] * len(ids), self.validation_share, self.data_seed)
            return [record for record in pairs if (record.id in held) == (split == "validation")]
        pairs = list(self._listed(split))
        if not pairs and split == "validation":
            raise alignkit.DataError(
                f"{NAME}: there are no validation pairs in {self._layout()[0]}; use --task "
                f"{NAME}:splits=hash"
            )
        return pairs

    def fingerprint(self) -> str:
        """Identify the data; shards with pictures, which are large, by size and first bytes."""
        root, layout = self._layout()
        files = [path for part in PUBLISHED for path in layout.files(root, part)]
        first = next(layout.pairs(files[0], root), None)
        if first is None or isinstance(first.picture, File):
            return super().fingerprint()
        content: dict[str, Any] = {"task": NAME, "options": self._options()}
        content["shards"] = {str(path.relative_to(root)): _outline(path) for path in files}
        return alignkit.fingerprint_of(content)

    def _listed(self, part: str) -> Iterator[Record]:
        root, layout = self._layout()
        pairs = (pair for path in layout.files(root, part) for pair in layout.pairs(path, root))
        return islice(pairs, self.limit if part == "train" else None)

    def _layout(self) -> tuple[Path, Captions]:
        root = data_folder(NAME, self.root, TREE)
        for layout in LAYOUTS:
            if layout.files(root, "train"):
                return root, layout
        raise alignkit.DataError(
            f"{NAME}: {root} holds no layout that is known; expected: {TREE}; "
            f"found: {contents(root)}"
        )


def _outline(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path.stat().st_size}-{hashlib.sha256(file.read(HEAD)).hexdigest()[:16]}"
