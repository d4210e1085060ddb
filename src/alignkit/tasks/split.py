"""A task and its splits: the interface that task plugins implement."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from alignkit.tasks.target import Target

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One split of a task: parallel lists, with images opened one at a time.

    Attributes
    ----------
    ids : sequence of str
        Unique within the task; they travel with every array made from the split.
    texts : sequence of str
    image : callable
        ``image(i)`` opens the i-th image as an RGB ``PIL.Image`` or as an
        ``(height, width, 3)`` array of ``uint8``.
    targets : ndarray or None
        ``(n,)`` integer classes, or ``(n, n_labels)`` zeros and ones; None if the split is
        distributed without labels.
    notes : mapping of str to int
        What the loader changed, with counts: ``{"image missing, left out": 3}``.
    facts : mapping of str to sequence of str
        Further facts of every sample by name, such as the item that several samples show; they
        are stored with representations, and ``alignkit measure`` can group samples by them.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    image: Callable[[int], Image | np.ndarray]
    targets: np.ndarray | None
    notes: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)


class Task(Protocol):
    """What a task plugin provides. The keywords of its constructor are its options.

    Five further attributes are optional. ``positional``, on the class, names the option that
    may be given without its name, as in ``name:VALUE``; ``reads_own_data``, on the class, is true
    if that option is a folder or table of anyone's own, which ``alignkit compare --data`` then
    takes without the name of the task. ``alias`` is the name of the task in runs and tables if
    its registered name does not tell data sets apart.
    ``split_fingerprint(name)`` returns a hash of what a model sees of one split, or None: with
    it, options that change only the test split may be given after training.
    ``content_digest(name)`` returns a hash of what the files of a split's pictures hold, or None:
    with it, results are made again where pictures have changed that the fingerprint knows by
    their sizes only.
    """

    @property
    def target(self) -> Target:
        """What the task predicts: labels, loss and scores."""

    def split(self, name: str) -> Split:
        """Return the split ``train``, ``validation`` or ``test``."""

    def fingerprint(self) -> str:
        """Return a hash of the content of the data, whatever folder they are in.

        It is part of a run's identity, and asked for often: of files it may know no more than
        their sizes, where ``content_digest`` knows what they hold.
        """


class Inspectable(Task, Protocol):
    """What a task may provide for ``alignkit data``.

    For a task without it, ``alignkit data`` inspects what ``split`` returns; samples that the
    loader left out then appear only in the notes of the split.
    """

    @property
    def published(self) -> Mapping[str, int | tuple[int, int]]:
        """The published number of samples of each split, with these options.

        A pair of numbers is a range, if sources differ. ``"train+validation"`` is the sum of
        the two, if only the sum is published; ``"labels"`` is the number of labels.
        """

    def listed(self, name: str) -> Split:
        """Return a split as listed in the annotations: nothing left out, nothing refused.

        Ids may repeat, a sample without a label has the target -1 (in every column), and
        ``image(i)`` raises ``DataError`` for a broken image and ``MissingError`` for one
        that does not exist.
        """


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """Return a data fingerprint: a hash of plain values such as options, counts, checksums."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_digest_of(task: Task, name: str) -> str:
    """Return the digest of what a split's pictures hold; empty where the task gives none."""
    digest: Callable[[str], str | None] | None = getattr(task, "content_digest", None)
    return (digest(name) or "") if digest is not None else ""
