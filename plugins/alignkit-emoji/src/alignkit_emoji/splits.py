"""Splits by concept: seeded, stratified by group, independent of which pictures there are."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from alignkit_emoji.catalogue import Entry


def split_of_concepts(
    entries: Iterable[Entry], validation_share: float, test_share: float, seed: int
) -> dict[str, str]:
    """Return the split of every concept.

    In each group, the concepts are ordered by a hash of the seed and their name, and divided
    into the given fractions. Variants are in the split of their concept, and a concept
    without a picture does not affect the others.

    Parameters
    ----------
    entries : iterable of Entry
    validation_share, test_share : float
        Fractions of the concepts of each group.
    seed : int
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for entry in sorted(entries, key=lambda entry: not entry.neutral):
        # A concept belongs to the group of the neutral emoji.
        if entry.neutral or not any(entry.concept in concepts for concepts in groups.values()):
            groups[entry.group].add(entry.concept)
    splits = {}
    for concepts in groups.values():
        ordered = sorted(concepts, key=lambda concept: _hash(seed, concept))
        n_test = round(test_share * len(ordered))
        n_validation = round(validation_share * len(ordered))
        for rank, concept in enumerate(ordered):
            other = "validation" if rank < n_test + n_validation else "train"
            splits[concept] = "test" if rank < n_test else other
    return splits


def _hash(seed: int, concept: str) -> str:
    return hashlib.sha256(f"{seed}/{concept}".encode()).hexdigest()
