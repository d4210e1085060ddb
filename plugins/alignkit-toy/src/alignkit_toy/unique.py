"""``toy_unique``: each stream carries a part of the label that the other lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.arm import Arm, Deal
from alignkit_toy.values import COLOURS, MATERIALS


@dataclass(frozen=True)
class Unique(Arm):
    """The label is a colour and a material, such as "red glass".

    Only the picture shows the colour, only the caption names the material; ``values``
    of each make ``values ** 2`` classes.
    """

    values: int = 4
    noise: float = 0.1

    name: ClassVar[str] = "toy_unique"
    words: ClassVar[tuple[str, ...]] = MATERIALS

    @property
    def target(self) -> alignkit.SingleLabel:
        """Colour and material, materials running faster."""
        materials = MATERIALS[: self.values]
        return alignkit.SingleLabel(
            tuple(
                f"{colour} {material}"
                for colour in COLOURS[: self.values]
                for material in materials
            )
        )

    def ceiling(self, streams: str = "both") -> float:
        """Best expected accuracy: both parts right, or one right and one guessed."""
        self._known_streams(streams)
        right = 1 - self.noise + self.noise / self.values
        return right**2 if streams == "both" else right / self.values

    def deal(self, n: int, rng: np.random.Generator) -> Deal:
        """Every pair of colour and material equally often."""
        labels = np.arange(n) % self.values**2
        return Deal(labels, labels // self.values, labels % self.values)
