"""``toy_synergy``: only the two streams together carry the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.synthetic import SyntheticTask, TrueValues
from alignkit_toy.values import MATERIALS


@dataclass(frozen=True)
class Synergy(SyntheticTask):
    """The label is the XOR of a bit shown by the picture and a bit named by the caption.

    A stream's bit is the parity of its value. With two values, the value is the bit; with more,
    several colours or materials represent the same bit.
    """

    values: int = 2
    noise: float = 0.05

    name: ClassVar[str] = "toy_synergy"
    words: ClassVar[tuple[str, ...]] = MATERIALS

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            self.values % 2 == 0, "values", "even, so that both bits are equally frequent"
        )

    @property
    def target(self) -> alignkit.Binary:
        """Whether the two bits differ."""
        return alignkit.Binary(("same", "different"))

    def ceiling(self, streams: str = "both") -> float:
        """Return the best expected AUROC, which equals the accuracy for a binary decision rule."""
        self._check_streams(streams)
        return (1 + (1 - self.noise) ** 2) / 2 if streams == "both" else 0.5

    def true_values(self, n: int, rng: np.random.Generator) -> TrueValues:
        """Return every pair of values equally often, so that each alone is uninformative."""
        del rng  # the order is shuffled later
        cell = np.arange(n) % self.values**2
        vision, text = cell // self.values, cell % self.values
        return TrueValues((vision + text) % 2, vision, text)
