"""What the four arms have in common: splits, seeds, noise and a fingerprint.

An arm deals *values*: small integers, one for the picture and one for the caption of
every sample, and the label that follows from them. Drawing and writing turn the values
into data. Everything else in a sample (shape, place, size, wording, clutter) is drawn
apart from the label and from the other stream, so what the two streams share is what the
arm deals, and nothing more.
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

# Part of the fingerprint: raise it whenever the same options give other samples.
GENERATION = 1

STREAMS = ("both", "text", "vision")


class Deal(NamedTuple):
    """Labels and the true values, before noise; ``HIDDEN`` where a stream shows none."""

    labels: np.ndarray
    vision: np.ndarray
    text: np.ndarray


@dataclass(frozen=True)
class Arm:
    """A synthetic task. Subclasses deal the values and know the best possible score.

    Parameters
    ----------
    n_train, n_validation, n_test : int
        Samples of the splits. Each split has a random stream of its own, so resizing one
        leaves the others as they are.
    values : int
        Different values that a stream can show.
    noise : float
        Chance that the value a stream shows is replaced by one drawn from all values;
        independent in the two streams. The label stays.
    distractors : int
        Smaller things with random values beside the main one, in both streams.
    data_seed : int
        Seeds the data; the seed of a run does not touch them.
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
            self._require(getattr(self, option) >= 0, option, "0 or more")
        self._require(2 <= self.values <= len(COLOURS), "values", f"2 to {len(COLOURS)}")
        self._require(0 <= self.noise <= 1, "noise", "a probability, 0 to 1")
        self._require(self.distractors <= 4, "distractors", "at most 4")

    @property
    def target(self) -> alignkit.Target:
        """What is predicted."""
        raise NotImplementedError

    def ceiling(self, streams: str = "both") -> float:
        """Best expected primary score of any rule that sees ``both``, ``text`` or ``vision``."""
        raise NotImplementedError

    def deal(self, n: int, rng: np.random.Generator) -> Deal:
        """Give n samples' labels and true values, balanced as evenly as n allows."""
        raise NotImplementedError

    def split(self, name: str) -> alignkit.Split:
        """Make a split.

        Raises
        ------
        alignkit.DataError
            When the split has no samples.
        """
        n, rng = self._size(name), self._stream(name)
        order = rng.permutation(n)
        labels, vision, text = (part[order] for part in self.deal(n, rng))
        vision, text = self._blur(vision, rng), self._blur(text, rng)
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
        """Identify the data: they follow from the options alone."""
        options = {**asdict(self), "noise": float(self.noise)}
        return alignkit.fingerprint_of({"task": self.name, "generation": GENERATION, **options})

    def _blur(self, shown: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        replaced = (rng.random(len(shown)) < self.noise) & (shown != HIDDEN)
        return np.where(replaced, rng.integers(self.values, size=len(shown)), shown)

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

    def _stream(self, split: str) -> np.random.Generator:
        # Philox with plain integers and random(): the parts of numpy that stay put.
        key = [self.data_seed, zlib.crc32(self.name.encode()), zlib.crc32(split.encode())]
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))

    def _require(self, holds: bool, option: str, expected: str) -> None:
        value = getattr(self, option)
        if not holds or (isinstance(value, float) and math.isnan(value)):
            raise alignkit.UsageError(f"{self.name}: {option}={value} is not {expected}")

    def _known_streams(self, streams: str) -> None:
        if streams not in STREAMS:
            raise alignkit.UsageError(
                f"unknown streams '{streams}'; expected one of: {', '.join(STREAMS)}"
            )
