"""Dividing what was distributed undivided: a function of ids, or the study's draw."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

# The study shuffled with this seed and kept the first four fifths for training.
STUDY_SEED, STUDY_SHARE = 42, 0.8


def held_out(
    ids: Sequence[str], strata: Sequence[Hashable], share: float, seed: int
) -> frozenset[str]:
    """Choose the ids to hold out: the same share of every stratum, by a hash of seed and id.

    The order of the rows does not matter, and a sample that is absent moves no other one
    by more than a place.
    """
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for identity, stratum in zip(ids, strata, strict=True):
        groups[stratum].append(identity)
    chosen: list[str] = []
    for members in groups.values():
        ordered = sorted(set(members), key=lambda identity: _hash(seed, identity))
        chosen += ordered[: round(share * len(ordered))]
    return frozenset(chosen)


def study_rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the study's training and validation: shuffled as pandas' ``sample`` does."""
    legacy = np.random.RandomState(STUDY_SEED)
    order = legacy.choice(n, size=n, replace=False)
    cut = int(STUDY_SHARE * n)
    return order[:cut], order[cut:]


def _hash(seed: int, identity: str) -> str:
    return hashlib.sha256(f"{seed}/{identity}".encode()).hexdigest()
