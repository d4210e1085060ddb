"""What is known of every sample of a run: its label, its text, its picture, facts of the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.runs import Run
from alignkit.runs.data import open_split
from alignkit.runs.encoders import EncoderStore
from alignkit.runs.representations import RepresentationStore
from alignkit.tasks import are_labels

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from alignkit.tasks import Split, Task

FILE = "samples.csv"
# Stored by encoders that see the pictures; otherwise they are opened where this is asked for.
PICTURE = "image"
NO_LABELS = "(none)"
_HOW_TO_STORE = {
    PICTURE: "; which pictures are the same is stored with encoders of vision: alignkit extract "
    "--encoder SPEC --task TASK, with --force if one was stored by an earlier version"
}


def facts_of(task: Task, split: Split) -> dict[str, list[str]]:
    """Return the facts of the samples of a split that are stored with representations.

    Returns
    -------
    dict of str to list of str
        ``label``, of several labels the whole set (``drama|war``), absent where the targets of the
        split are no labels; ``text``, the same for equal texts; and the facts that the task gives.
    """
    facts = {"text": [_digest(text.encode()) for text in split.texts]}
    if split.targets is not None and are_labels(task.target, split.targets):
        facts = {"label": label_texts(split.targets, task.target.labels)} | facts
    return facts | {name: [str(value) for value in column] for name, column in split.facts.items()}


def sample_fact(run: Run, split: str, column: str) -> list[str]:
    """Return a fact of every sample of a run's representations, in their order.

    Facts come from ``samples.csv`` beside the representations; where that lacks the column,
    since it is older or the fact is the picture, from the data of the task.

    Parameters
    ----------
    run : Run
    split : str
        A split whose representations are stored.
    column : str
        ``label``, ``text``, ``image`` or a fact that the task gives.

    Raises
    ------
    UsageError
        When neither knows the column.
    DataError
        When the data cannot be read, or are not those of the representations.
    """
    known = _stored_facts(run, split)
    if column in known:
        return known[column]
    try:
        facts, picture = _from_task(run, split, run.ids(split))
    except DataError as error:
        if column == PICTURE or not known:
            raise
        raise UsageError(f"{_unknown(run, column, [*known, PICTURE])} ({error})") from None
    if column == PICTURE:
        return picture()
    if column not in facts:
        raise UsageError(_unknown(run, column, [*known, *facts, PICTURE]))
    return facts[column]


def encoder_fact(stores: Sequence[EncoderStore], split: str, column: str) -> list[str]:
    """Return a fact of every sample of encoders on the same data, in the order of the first.

    It is looked for in each of them, then in other encoders on these data: pictures are known
    to encoders of vision only.

    Raises
    ------
    UsageError
        When none of them stores it.
    """
    first, known = stores[0], dict[str, None]()
    for store in (*stores, *first.beside(split)):
        facts = _stored_facts(store, split)
        if column in facts:
            at = {sample: row for row, sample in enumerate(store.ids(split))}
            if all(sample in at for sample in first.ids(split)):
                return [facts[column][at[sample]] for sample in first.ids(split)]
        known |= dict.fromkeys(facts)
    raise UsageError(_unknown(first, column, [*known]) + _HOW_TO_STORE.get(column, ""))


def _stored_facts(store: RepresentationStore, split: str) -> dict[str, list[str]]:
    import pandas as pd

    file, ids = store.representations_folder(split) / FILE, store.ids(split)
    if not file.is_file():
        return {}
    table = pd.read_csv(store.split_file(split, FILE), dtype=str, keep_default_na=False)
    if len(table) != len(ids):
        raise DataError(f"{file} has {len(table)} rows for {len(ids)} sample ids")
    return {str(name): [str(value) for value in table[name]] for name in table if name != "id"}


def _from_task(
    run: Run, split: str, ids: Sequence[str]
) -> tuple[Mapping[str, list[str]], Callable[[], list[str]]]:
    try:
        task, data = open_split(run, split)
    except AlignkitError as error:
        raise DataError(
            f"{run.path} stores no such fact of its samples, and the data of its task cannot be "
            f"read: {error}"
        ) from None
    if list(data.ids) != list(ids):
        raise DataError(
            f"the {split} split of the task of {run.path} holds other samples than its "
            f"representations; extract them again: alignkit extract {run.path} --split {split} "
            "--force"
        )

    def picture() -> list[str]:
        return [picture_fact(data.image(i)) for i in range(len(data))]

    return facts_of(task, data), picture


def picture_fact(image: Image | np.ndarray) -> str:
    """Return a text that is the same for pictures of the same pixels."""
    import numpy as np

    return _digest(np.asarray(image).tobytes())


def label_texts(targets: np.ndarray, names: Sequence[str] = ()) -> list[str]:
    """Return the label of every sample as a text; of several labels the whole set.

    Parameters
    ----------
    targets : ndarray (n,) of int, or (n, labels) of zeros and ones
    names : sequence of str
        The names of the labels; a label without one is a number.
    """

    def name(label: int) -> str:
        return str(names[label]) if 0 <= label < len(names) else str(label)

    if targets.ndim == 1:
        return [name(int(label)) for label in targets]
    return ["|".join(name(int(at)) for at in row.nonzero()[0]) or NO_LABELS for row in targets]


def label_set(text: str) -> list[str]:
    """Return the labels of a text as by ``label_texts``."""
    return [] if text in ("", NO_LABELS) else text.split("|")


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=8).hexdigest()


def _unknown(store: RepresentationStore, column: str, known: Sequence[str]) -> str:
    return (
        f"{store.path} stores no fact '{column}' of its samples; known: "
        f"{', '.join(dict.fromkeys(known)) or 'none'}; or name a file with a column of ids, as in "
        "facts.csv/COLUMN"
    )
