"""Targets for users' own data beside those for labels: grades, and numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import alignkit

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Ordinal(alignkit.Target):
    """Grades, which have an order: whether a sample is above each grade but the last.

    One logit for each such question, with binary cross-entropy (Frank and Hall 2001); what is
    predicted is the number of yeses.

    Parameters
    ----------
    labels : sequence of str
        Whole numbers, from the lowest to the highest.
    primary : str
        The score by which training selects the best epoch.

    Raises
    ------
    alignkit.UsageError
        Where labels are not whole numbers in order, or fewer than two.
    """

    labels: Sequence[str]
    primary: Literal["mae", "accuracy"] = "mae"

    def __post_init__(self) -> None:
        try:
            grades = [int(label) for label in self.labels]
        except ValueError:
            raise alignkit.UsageError(
                "the order of grades is that of their numbers; number the labels"
            ) from None
        if len(grades) < 2 or grades != sorted(set(grades)):
            raise alignkit.UsageError("grades are at least two whole numbers, in order")

    @property
    def n_outputs(self) -> int:
        """One logit less than there are grades."""
        return len(self.labels) - 1

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the binary cross-entropy, averaged over samples and questions.

        ``targets`` are ``(batch,)`` indices of grades.
        """
        import torch
        import torch.nn.functional as F

        above = targets[:, None] > torch.arange(self.n_outputs, device=targets.device)
        positive = None if weights is None else weights.to(logits.dtype)
        return F.binary_cross_entropy_with_logits(
            logits, above.to(logits.dtype), pos_weight=positive
        )

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Return the weight of being above each grade: samples below per sample above."""
        import numpy as np
        import torch

        above = (targets[:, None] > np.arange(self.n_outputs)).sum(axis=0)
        below = len(targets) - above
        both = (above > 0) & (below > 0)
        return torch.from_numpy(np.where(both, below / np.maximum(above, 1), 1.0))

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return ``mae``, the mean distance in grades, and ``accuracy``."""
        distance = abs((logits > 0).sum(axis=1) - targets)
        return {"mae": float(distance.mean()), "accuracy": float((distance == 0).mean())}

    def declared_scores(self) -> tuple[alignkit.Score, ...]:
        """Return that a lower distance is better."""
        return (alignkit.Score("mae", higher_is_better=False, high=float(self.n_outputs)),)


@dataclass(frozen=True)
class Regression(alignkit.Target):
    """A number, by its squared error.

    Parameters
    ----------
    labels : sequence of str
        The name of the number.
    primary : str
        The score by which training selects the best epoch.
    centre, scale : float
        What is learnt is ``(number - centre) / scale``; training is best where that lies around 0
        and 1. Scores are of the number itself.

    Raises
    ------
    alignkit.UsageError
        Where the scale is not positive.
    """

    labels: Sequence[str]
    primary: Literal["rmse", "mae", "r2"] = "rmse"
    centre: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf or not math.isfinite(self.centre):
            raise alignkit.UsageError(
                f"scale={self.scale}, centre={self.centre}: expected numbers, the scale above 0"
            )

    def loss(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the mean squared error in units of the scale; ``targets`` are ``(batch,)``."""
        del weights  # of classes, of which there are none
        expected = (targets - self.centre) / self.scale
        return (logits[:, 0] - expected.to(logits.dtype)).square().mean()

    def class_weights(self, targets: np.ndarray) -> torch.Tensor:
        """Raise ``UsageError``: there are no classes to balance."""
        del targets
        raise alignkit.UsageError("a number has no classes that could be balanced")

    def scores(self, targets: np.ndarray, logits: np.ndarray) -> dict[str, float]:
        """Return the root of the mean squared error, the mean absolute error, and R2.

        Raises
        ------
        alignkit.DataError
            Where all numbers are the same, so that R2 is undefined.
        """
        error = logits[:, 0].astype(float) * self.scale + self.centre - targets
        spread = float(targets.astype(float).var())
        if spread == 0:
            raise alignkit.DataError(
                f"every {self.labels[0]} of the split is {targets[0]:g}: R2 is undefined"
            )
        squared = float((error**2).mean())
        return {
            "rmse": math.sqrt(squared),
            "mae": float(abs(error).mean()),
            "r2": 1 - squared / spread,
        }

    def declared_scores(self) -> tuple[alignkit.Score, ...]:
        """Return the directions and ranges: no limit but 1 for R2."""
        return (
            alignkit.Score("rmse", higher_is_better=False, high=math.inf),
            alignkit.Score("mae", higher_is_better=False, high=math.inf),
            alignkit.Score("r2", low=-math.inf),
        )
