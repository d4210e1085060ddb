"""From the catalogue to samples: drawn, deduplicated and split; those left out are counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

import alignkit
from alignkit_emoji.catalogue import Entry, catalogue
from alignkit_emoji.sources import Pictures, Source
from alignkit_emoji.splits import split_of_concepts
from alignkit_emoji.texts import text_of

NO_PICTURE = "without a picture, left out"
SAME_PICTURE = "with the same picture as another, left out"
NO_TEXT = "with a text that reveals the group, left out"
SMALL_GROUP = "in a group too small to stratify, left out"


@dataclass(frozen=True)
class Choices:
    """The options that determine the samples."""

    size: int
    text: str
    giveaway: str
    variants: bool
    min_group: int
    validation_share: float
    test_share: float
    data_seed: int


@dataclass(frozen=True)
class Samples:
    """All samples of all splits, in Unicode's order, and counts of those left out.

    Attributes
    ----------
    splits : ndarray of str
        The split of each sample.
    pixels : ndarray (n, size, size, 3)
    notes : mapping of str to Counter
        For each split, the number of emoji left out, by reason.
    """

    entries: tuple[Entry, ...]
    texts: tuple[str, ...]
    splits: np.ndarray
    pixels: np.ndarray
    groups: tuple[str, ...]
    notes: dict[str, Counter[str]]


@cache
def gather(source: Source, choices: Choices) -> Samples:
    """Draw and select the samples, once per process, as drawing takes seconds."""
    candidates = [entry for entry in catalogue() if choices.variants or entry.neutral]
    splits = split_of_concepts(
        catalogue(), choices.validation_share, choices.test_share, choices.data_seed
    )
    notes: dict[str, Counter[str]] = defaultdict(Counter)

    def leave_out(entry: Entry, reason: str) -> None:
        notes[splits[entry.concept]][reason] += 1

    texts = {entry: text_of(entry, choices.text, choices.giveaway) for entry in candidates}
    for entry in candidates:
        if not texts[entry]:
            leave_out(entry, NO_TEXT)
    pictures = _draw(source.open(), [e for e in candidates if texts[e]], choices.size, leave_out)
    groups = _large_groups(pictures, splits, choices.min_group)
    for entry in pictures:
        if entry.group not in groups:
            leave_out(entry, f"{SMALL_GROUP}: {entry.group}")
    kept = tuple(entry for entry in pictures if entry.group in groups)
    if not kept:
        raise alignkit.DataError(f"no emoji group is left with {source.name}: {_described(notes)}")
    return Samples(
        kept,
        tuple(texts[entry] for entry in kept),
        np.array([splits[entry.concept] for entry in kept]),
        np.stack([pictures[entry] for entry in kept]),
        groups,
        notes,
    )


def _draw(
    pictures_of: Pictures, entries: list[Entry], size: int, leave_out: Callable[[Entry, str], None]
) -> dict[Entry, np.ndarray]:
    """Draw the emoji that have a picture; of those that look alike, keep the shortest name."""
    first_with: dict[bytes, Entry] = {}
    pictures: dict[Entry, np.ndarray] = {}
    for entry in sorted(entries, key=lambda e: (not e.neutral, len(e.name))):
        picture = pictures_of.draw(entry.characters)
        if picture is None:
            leave_out(entry, NO_PICTURE)
            continue
        pixels = np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS))
        if first_with.setdefault(pixels.tobytes(), entry) is entry:
            pictures[entry] = pixels
        else:
            leave_out(entry, SAME_PICTURE)
    return {entry: pictures[entry] for entry in entries if entry in pictures}


def _large_groups(
    pictures: Iterable[Entry], splits: dict[str, str], minimum: int
) -> tuple[str, ...]:
    """Return the groups with enough emoji and some in every split, in Unicode's order."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in pictures:
        counts[entry.group][splits[entry.concept]] += 1
    return tuple(
        group for group, sizes in counts.items() if sizes.total() >= minimum and len(sizes) == 3
    )


def _described(notes: dict[str, Counter[str]]) -> str:
    total = sum(notes.values(), Counter())
    return "; ".join(f"{reason}: {count}" for reason, count in total.items())
