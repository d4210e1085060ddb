"""Random numbers about samples, as functions of seed, epoch and sample id alone.

Which words of a sample are masked, or which caption replaces its own, must depend neither on
the batch that the sample is in nor on whether training was interrupted. So there is no
generator with a state: each number is a hash of its purpose (SplitMix64 of Steele et al.
2014, vectorised).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def sample_keys(ids: Iterable[str]) -> np.ndarray:
    """Return a 64-bit key per sample id, ``(n,)`` of ``uint64``."""
    digests = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8).digest() for i in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def uniforms(keys: np.ndarray, seed: int, epoch: int, purpose: str, columns: int = 1) -> np.ndarray:
    """Return uniform random numbers in [0, 1), ``(n, columns)``.

    Parameters
    ----------
    keys : ndarray (n,)
        The keys of the samples, from ``sample_keys``.
    seed, epoch : int
    purpose : str
        Numbers for different purposes are independent.
    columns : int
        Numbers per sample. The first columns do not depend on how many there are.
    """
    name = hashlib.blake2b(f"{seed}/{epoch}/{purpose}".encode(), digest_size=8).digest()
    start = _mixed(keys ^ np.frombuffer(name, dtype="<u8").astype(np.uint64))
    counter = np.arange(1, columns + 1, dtype=np.uint64) * _STEP
    bits = _mixed(start[:, None] + counter[None, :])
    numbers: np.ndarray = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return numbers


def _mixed(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
