"""``toy_match``: the label depends on comparing the two streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.synthetic import SyntheticTask, TrueValues


@dataclass(frozen=True)
class Match(SyntheticTask):
    """The label tells whether the caption names the colour that the picture shows.

    Half of the captions match; the others name each of the other colours equally often.
    """

    values: int = 8
    noise: float = 0.05

    name: ClassVar[str] = "toy_match"

    @property
    def target(self) -> alignkit.Binary:
        """Whether picture and caption agree."""
        return alignkit.Binary(("mismatch", "match"))

    def ceiling(self, streams: str = "both") -> float:
        """Return the best expected AUROC, which equals the accuracy for a binary decision rule."""
        self._check_streams(streams)
        return (1 + (1 - self.noise) ** 2) / 2 if streams == "both" else 0.5

    def true_values(self, n: int, rng: np.random.Generator) -> TrueValues:
        """Return every colour equally often in each stream, among matches and mismatches alike."""
        del rng  # the order is shuffled later
        i = np.arange(n)
        labels, vision = i % 2, i // 2 % self.values
        # One shift per round of colours keeps the colours of the captions balanced, too.
        rounds = i // (2 * self.values)
        shift = np.where(labels == 1, 0, 1 + rounds % (self.values - 1))
        return TrueValues(labels, vision, (vision + shift) % self.values)
