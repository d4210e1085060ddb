"""Splits by concept: seeded, stratified by group, the same whatever the font can draw."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from alignkit_emoji.catalogue import Entry


def split_of_concepts(
    entries: Iterable[Entry], validation_share: float, test_share: float, seed: int
) -> dict[str, str]:
    """Give every concept its split.

    In each group the concepts are ordered by a hash of the seed and their name, and cut at
    the shares. A concept is placed by itself, so variants follow it and a font that lacks
    it moves no other.
    """
    groups: dict[str, set[str]] = defaultdict(set)
    for entry in sorted(entries, key=lambda entry: not entry.neutral):
        # A concept belongs to the group of the emoji that stands for it.
        if entry.neutral or not any(entry.concept in found for found in groups.values()):
            groups[entry.group].add(entry.concept)
    splits = {}
    for concepts in groups.values():
        ordered = sorted(concepts, key=lambda concept: _hash(seed, concept))
        n_test = round(test_share * len(ordered))
        n_validation = round(validation_share * len(ordered))
        for place, concept in enumerate(ordered):
            later = "validation" if place < n_test + n_validation else "train"
            splits[concept] = "test" if place < n_test else later
    return splits


def _hash(seed: int, concept: str) -> str:
    return hashlib.sha256(f"{seed}/{concept}".encode()).hexdigest()
