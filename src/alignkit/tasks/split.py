"""A task and its splits, as the chain sees them."""

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
    """One split: parallel lists, with pictures opened one at a time.

    Attributes
    ----------
    ids : sequence of str
        Unique within the task; they travel with every array made from the split.
    texts : sequence of str
    image : callable
        ``image(i)`` opens the i-th picture as an RGB ``PIL.Image``, or gives an
        ``(height, width, 3)`` array of ``uint8``.
    targets : ndarray or None
        ``(n,)`` integer classes, or ``(n, n_labels)`` zeros and ones; None where the
        split was distributed without labels.
    notes : mapping of str to int
        What the loader did to the data, counted: ``{"image missing, left out": 3}``.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    image: Callable[[int], Image | np.ndarray]
    targets: np.ndarray | None
    notes: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


class Task(Protocol):
    """What a task plugin provides. Its constructor's keywords are its options.

    Two further attributes are optional. ``positional``, on the class, names the option that
    may be given without its name, as in ``name:VALUE``. ``alias`` is what runs and tables
    call the task where its registered name does not tell data sets apart.
    """

    @property
    def target(self) -> Target:
        """What is predicted: labels, loss and scores."""

    def split(self, name: str) -> Split:
        """Give the split ``train``, ``validation`` or ``test``."""

    def fingerprint(self) -> str:
        """Identify the data by content, whatever folder they lie in."""


class Inspectable(Task, Protocol):
    """What ``alignkit data`` uses of a task, where the task provides it.

    Without it, ``split`` is looked at: what the loader left out is then only in its notes.
    """

    @property
    def published(self) -> Mapping[str, int | tuple[int, int]]:
        """How many samples a split has, as published, with these options.

        A pair of numbers is a range, where sources differ. ``"train+validation"`` stands
        for the two together, where only the rest is fixed; ``"labels"`` for their number.
        """

    def listed(self, name: str) -> Split:
        """Give a split as it is listed, with nothing left out and nothing refused.

        Ids may repeat; a sample without label has the target -1 (in every column); and
        ``image(i)`` raises ``DataError`` where a picture is broken, ``MissingError`` where
        it is not there.
        """


def fingerprint_of(content: Mapping[str, Any]) -> str:
    """Hash plain values (options, counts, checksums) into a data fingerprint."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
