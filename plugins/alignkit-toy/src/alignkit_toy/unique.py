"""``toy_unique``: each stream carries the part of the label that the other lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.synthetic import SyntheticTask, TrueValues
from alignkit_toy.values import COLOURS, MATERIALS


@dataclass(frozen=True)
class Unique(SyntheticTask):
    """The label is a colour and a material, such as "red glass".

    Only the picture shows the colour, and only the caption names the material; there are
    ``values`` of each, which makes ``values ** 2`` classes.
    """

    values: int = 4
    noise: float = 0.1

    name: ClassVar[str] = "toy_unique"
    words: ClassVar[tuple[str, ...]] = MATERIALS

    @property
    def target(self) -> alignkit.SingleLabel:
        """All pairs of colour and material, sorted by colour first."""
        materials = MATERIALS[: self.values]
        return alignkit.SingleLabel(
            tuple(
                f"{colour} {material}"
                for colour in COLOURS[: self.values]
                for material in materials
            )
        )

    def ceiling(self, streams: str = "both") -> float:
        """Return the best expected accuracy: both parts right, or one right and one guessed."""
        self._check_streams(streams)
        right = 1 - self.noise + self.noise / self.values
        return right**2 if streams == "both" else right / self.values

    def true_values(self, n: int, rng: np.random.Generator) -> TrueValues:
        """Return every pair of colour and material equally often."""
        del rng  # the order is shuffled later
        labels = np.arange(n) % self.values**2
        return TrueValues(labels, labels // self.values, labels % self.values)
