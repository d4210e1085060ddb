"""What the four tasks have in common: splits, seeds, noise and a fingerprint.

A task draws *values*: small integers, one for the picture and one for the caption of every
sample, and the label that follows from them. The values are then turned into pictures and
captions. Everything else in a sample (shape, position, size, wording, clutter) is random and
independent of the label and of the other stream, so the two streams share exactly these values.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import asdict, dataclass
from typing import ClassVar, NamedTuple

import numpy as np

import alignkit
from alignkit_toy.captions import write
from alignkit_toy.drawing import Pictures
from alignkit_toy.values import COLOURS, HIDDEN

# Part of the fingerprint; increase it whenever the same options give different samples.
GENERATION = 1

STREAMS = ("both", "text", "vision")


class TrueValues(NamedTuple):
    """Labels and true values before noise, each ``(n,)``; ``HIDDEN`` if a stream shows none."""

    labels: np.ndarray
    vision: np.ndarray
    text: np.ndarray


MOST_SAMPLES = 10_000_000  # of a split, which is generated in memory


@dataclass(frozen=True)
class SyntheticTask:
    """A synthetic task; subclasses define the values and the best possible score.

    Parameters
    ----------
    n_train, n_validation, n_test : int
        Numbers of samples in the splits. Each split has its own random numbers, so resizing one
        leaves the others unchanged.
    values : int
        Number of different values that a stream can show.
    noise : float
        Probability that the value shown by a stream is replaced by a random one,
        independently in the two streams; the label does not change.
    distractors : int
        Number of smaller objects with random values next to the main one, in both streams.
    data_seed : int
        Seed of the data; the seed of a run does not affect them.
    """

    n_train: int = 2048
    n_validation: int = 256
    n_test: int = 512
    values: int = 8
    noise: float = 0.1
    distractors: int = 0
    data_seed: int = 0

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]] = COLOURS

    def __post_init__(self) -> None:
        for option in ("n_train", "n_validation", "n_test", "distractors", "data_seed"):
            self._require(getattr(self, option) >= 0, option, "at least 0")
        for option in ("n_train", "n_validation", "n_test"):
            most = f"at most {MOST_SAMPLES:,}"
            self._require(getattr(self, option) <= MOST_SAMPLES, option, most)
        self._require(2 <= self.values <= len(COLOURS), "values", f"from 2 to {len(COLOURS)}")
        self._require(0 <= self.noise <= 1, "noise", "a probability between 0 and 1")
        self._require(self.distractors <= 4, "distractors", "at most 4")

    @property
    def target(self) -> alignkit.Target:
        """What the task predicts."""
        raise NotImplementedError

    def ceiling(self, streams: str = "both") -> float:
        """Return the best expected primary score from ``both`` streams, ``text`` or ``vision``."""
        raise NotImplementedError

    def true_values(self, n: int, rng: np.random.Generator) -> TrueValues:
        """Return the labels and true values of n samples, as balanced as n allows."""
        raise NotImplementedError

    def split(self, name: str) -> alignkit.Split:
        """Generate a split.

        Raises
        ------
        alignkit.DataError
            If the split has no samples.
        """
        n, rng = self._size(name), self._random(name)
        order = rng.permutation(n)
        labels, vision, text = (part[order] for part in self.true_values(n, rng))
        vision, text = self._with_noise(vision, rng), self._with_noise(text, rng)
        shape = (n, self.distractors)
        captions = write(
            rng, text, rng.integers(self.values, size=shape), self.words[: self.values]
        )
        pictures = Pictures(
            vision, rng.integers(self.values, size=shape), seed=int(rng.integers(2**63))
        )
        ids = [f"{name}-{i:05d}" for i in range(n)]
        return alignkit.Split(ids, captions, pictures, labels)

    def fingerprint(self) -> str:
        """Identify the data, which follow from the options alone."""
        options = {**asdict(self), "noise": float(self.noise)}
        return alignkit.fingerprint_of({"task": self.name, "generation": GENERATION, **options})

    def split_fingerprint(self, name: str) -> str:
        """Identify one split: the sizes of the others do not affect it."""
        sizes = ("n_train", "n_validation", "n_test")
        kept = {
            key: value
            for key, value in asdict(self).items()
            if key not in sizes or key == f"n_{name}"
        }
        kept["noise"] = float(self.noise)
        return alignkit.fingerprint_of({"task": self.name, "generation": GENERATION, **kept})

    def _with_noise(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        replaced = (rng.random(len(values)) < self.noise) & (values != HIDDEN)
        return np.where(replaced, rng.integers(self.values, size=len(values)), values)

    def _size(self, name: str) -> int:
        sizes = {"train": self.n_train, "validation": self.n_validation, "test": self.n_test}
        if name not in sizes:
            raise alignkit.UsageError(
                f"{self.name} has no split '{name}'; it has: {', '.join(sizes)}"
            )
        if not sizes[name]:
            raise alignkit.DataError(
                f"split '{name}' of {self.name} is empty; set {self.name}:n_{name} above 0"
            )
        return sizes[name]

    def _random(self, split: str) -> np.random.Generator:
        # Philox with plain integers and random(): the parts of numpy that never change.
        key = [self.data_seed, zlib.crc32(self.name.encode()), zlib.crc32(split.encode())]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))

    def _require(self, holds: bool, option: str, expected: str) -> None:
        value = getattr(self, option)
        if not holds or (isinstance(value, float) and math.isnan(value)):
            raise alignkit.UsageError(f"{self.name}: {option} is {value}; it must be {expected}")

    def _check_streams(self, streams: str) -> None:
        if streams not in STREAMS:
            raise alignkit.UsageError(
                f"unknown streams '{streams}'; expected one of: {', '.join(STREAMS)}"
            )
