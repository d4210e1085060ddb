"""``toy_redundant``: both streams carry the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import alignkit
from alignkit_toy.synthetic import SyntheticTask, TrueValues
from alignkit_toy.values import COLOURS, HIDDEN


@dataclass(frozen=True)
class Redundant(SyntheticTask):
    """The label is a colour that the picture shows and the caption names.

    Parameters
    ----------
    redundancy : float
        Fraction of the samples in which both streams carry the label. The others carry it in
        only one stream, half of them in each; the other stream is grey or says "plain".
    """

    values: int = 8
    noise: float = 0.1
    redundancy: float = 1.0

    name: ClassVar[str] = "toy_redundant"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(0 <= self.redundancy <= 1, "redundancy", "a fraction between 0 and 1")

    @property
    def target(self) -> alignkit.SingleLabel:
        """The colours."""
        return alignkit.SingleLabel(COLOURS[: self.values])

    def ceiling(self, streams: str = "both") -> float:
        """Return the best expected accuracy.

        A second stream with the same noise does not improve it: if the two disagree, neither
        is more likely to be right.
        """
        self._check_streams(streams)
        right = 1 - self.noise + self.noise / self.values
        if streams == "both":
            return right
        carried = (1 + self.redundancy) / 2
        return carried * right + (1 - carried) / self.values

    def true_values(self, n: int, rng: np.random.Generator) -> TrueValues:
        """Return every colour equally often; which streams carry it is independent of it."""
        labels = np.arange(n) % self.values
        rank = rng.permutation(n)
        n_both = round(self.redundancy * n)
        alone = rank >= n_both
        in_picture = (rank - n_both) % 2 == 0
        vision = np.where(alone & ~in_picture, HIDDEN, labels)
        text = np.where(alone & in_picture, HIDDEN, labels)
        return TrueValues(labels, vision, text)
