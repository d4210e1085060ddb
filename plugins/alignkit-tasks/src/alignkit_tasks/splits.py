"""Splits of data that were distributed unsplit: by a hash of the ids, or as in the study."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

Sample = TypeVar("Sample")

# The study shuffled with this seed and used the first four fifths for training.
STUDY_SEED, STUDY_SHARE = 42, 0.8


def held_out(
    ids: Sequence[str], strata: Sequence[Hashable], share: float, seed: int
) -> frozenset[str]:
    """Choose the ids to hold out: the same fraction of every stratum, by a hash of seed and id.

    The order of the rows does not matter, and leaving out a sample hardly affects the others.

    Parameters
    ----------
    ids : sequence of str
    strata : sequence
        The stratum of each id.
    share : float
        Fraction of each stratum to hold out.
    seed : int
    """
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for identity, stratum in zip(ids, strata, strict=True):
        groups[stratum].append(identity)
    chosen: list[str] = []
    for members in groups.values():
        ordered = sorted(set(members), key=lambda identity: _hash(seed, identity))
        chosen += ordered[: round(share * len(ordered))]
    return frozenset(chosen)


def study_split(samples: Sequence[Sample], split: str) -> list[Sample]:
    """Return the study's training or validation samples, shuffled as by pandas' ``sample``."""
    n = len(samples)
    order = np.random.RandomState(STUDY_SEED).choice(n, size=n, replace=False)
    cut = int(STUDY_SHARE * n)
    return [samples[row] for row in (order[cut:] if split == "validation" else order[:cut])]


def _hash(seed: int, identity: str) -> str:
    return hashlib.sha256(f"{seed}/{identity}".encode()).hexdigest()
