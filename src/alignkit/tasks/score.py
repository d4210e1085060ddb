"""Scores: which direction is better, and the range of values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# A score whose name contains one of these words is better the lower it is, unless declared.
LOSS_WORDS = frozenset({"loss", "losses", "error", "errors", "perplexity", "nll"})
ROUNDING = 1e-9  # how far rounding may take a score out of its range


@dataclass(frozen=True)
class Score:
    """A performance number of a task, as its target declares it.

    Attributes
    ----------
    name : str
        The key under which ``Target.scores`` returns it.
    higher_is_better : bool
    low, high : float
        The range of its values, both ends included; infinite if there is no limit.
    """

    name: str
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def undeclared(cls, name: str) -> Score:
        """Return what is assumed of a score that its target does not declare.

        It lies in [0, 1] and higher is better, unless its name contains a word such as loss
        or error: then lower is better, and there is no upper limit.
        """
        if named_like_a_loss(name):
            return cls(name, higher_is_better=False, high=math.inf)
        return cls(name)

    def allows(self, value: float) -> bool:
        """Return whether a value is in the range, but for rounding; NaN is not."""
        return self.low - ROUNDING <= value <= self.high + ROUNDING

    def is_better(self, value: float, than: float) -> bool:
        """Return whether a value is strictly better than another; any is better than NaN."""
        if math.isnan(than):
            return not math.isnan(value)
        return value > than if self.higher_is_better else value < than


def named_like_a_loss(name: str) -> bool:
    """Return whether a name contains a word such as loss or error, so that lower is better."""
    words = re.split(r"[^a-z]+", name.lower())
    return "loss" in name.lower() or not LOSS_WORDS.isdisjoint(words)


def stored_directions(scores: tuple[Score, ...]) -> dict[str, bool]:
    """Return the directions that a run must store, by name of the score.

    The direction of a score is left out if higher is better and its name does not suggest
    otherwise, because readers assume that anyway.
    """
    return {
        score.name: score.higher_is_better
        for score in scores
        if not score.higher_is_better or named_like_a_loss(score.name)
    }
