"""``toy_synergy``: only both streams together carry the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.arm import Arm, Deal
from alignkit_toy.values import MATERIALS


@dataclass(frozen=True)
class Synergy(Arm):
    """The label is the XOR of a bit that the picture shows and a bit that the caption names.

    A stream's bit is whether its value stands at an odd place in the list of values. With
    two values the value is the bit; with more, several colours stand for one bit.
    """

    values: int = 2
    noise: float = 0.05

    name: ClassVar[str] = "toy_synergy"
    words: ClassVar[tuple[str, ...]] = MATERIALS

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.values % 2 == 0, "values", "even (as many for either bit)")

    @property
    def target(self) -> alignkit.Binary:
        """Whether the two bits differ."""
        return alignkit.Binary(("same", "different"))

    def ceiling(self, streams: str = "both") -> float:
        """Best expected AUROC, and accuracy: they agree for a rule with two answers."""
        self._known_streams(streams)
        return (1 + (1 - self.noise) ** 2) / 2 if streams == "both" else 0.5

    def deal(self, n: int, rng: np.random.Generator) -> Deal:
        """Every pair of values equally often, so that either alone says nothing."""
        cell = np.arange(n) % self.values**2
        vision, text = cell // self.values, cell % self.values
        return Deal((vision + text) % 2, vision, text)
