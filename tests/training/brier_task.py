"""A plugin: a task whose primary score is better the lower it is."""

from dataclasses import dataclass

import numpy as np

import alignkit
from alignkit_toy.match import Match


@dataclass(frozen=True)
class Forecast(alignkit.Binary):
    """Yes or no, judged by the mean squared error of its probabilities."""

    primary: str = "brier"

    def declared_scores(self):
        """Return the Brier score's direction and range."""
        return (alignkit.Score("brier", higher_is_better=False, low=0.0, high=1.0),)

    def scores(self, targets, logits):
        """Return the Brier score beside those of a binary target."""
        probabilities = 1 / (1 + np.exp(-logits[:, 0]))
        return {
            "brier": float(np.mean((probabilities - targets) ** 2)),
            **super().scores(targets, logits),
        }


@dataclass(frozen=True)
class BrierMatch(Match):
    """The toy task of matching colours, judged by the Brier score."""

    @property
    def target(self):
        """Whether picture and caption agree."""
        return Forecast(("mismatch", "match"))


@alignkit.hookimpl
def register_tasks(register):
    """Register the task."""
    register("brier_match", BrierMatch, summary="Matching colours, lower is better")
