"""Scores that plugins add to those of a task's target."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from alignkit.errors import AlignkitError, UsageError
from alignkit.plugins import Entry, registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.options import format_spec
from alignkit.runs.config import choose
from alignkit.statistics.scores import ScoreError, bootstrap_errors
from alignkit.tasks import Predictions, Score, Target

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ExtraScore:
    """A registered score with its options.

    Attributes
    ----------
    entry : Entry
    options : dict of str to object
    name : str
        As it is stored: with the options that differ from their defaults.
    """

    entry: Entry
    options: dict[str, Any]
    name: str

    @cached_property
    def declaration(self) -> Score:
        """The direction and the range of its values."""
        stated = self.entry.declarations
        low, high = stated.get("range", (0.0, 1.0))
        return Score(self.name, bool(stated.get("higher_is_better", True)), low, high)

    @property
    def targets(self) -> Sequence[str]:
        """The names of the classes of targets that it is for."""
        stated: Sequence[str] = self.entry.declarations.get("targets", ("Target",))
        return stated

    def fits(self, target: Target) -> bool:
        """Return whether the score is for a target of this class, or one that it inherits from."""
        return not {each.__name__ for each in target.__class__.__mro__}.isdisjoint(self.targets)

    def check_target(self, target: Target) -> None:
        """Refuse a target that the score is not for.

        Raises
        ------
        UsageError
        """
        if not self.fits(target):
            raise UsageError(
                f"score '{self.name}' is for a target {' or '.join(self.targets)}; that of the "
                f"task is {target.__class__.__name__}"
            )

    def of(self, predictions: Predictions) -> float:
        """Return the score of predictions.

        Raises
        ------
        AlignkitError
            When the score is undefined on them.
        PluginError
            When it is no finite number, or outside the range that it declares.
        """
        low, high = self.declaration.low, self.declaration.high
        call = PluginCall(
            self.entry, "the score of predictions", f"a number in [{low:g}, {high:g}]"
        )
        with call:
            value = self.entry.load()(predictions, **self.options)
            number = float(value)
        if not math.isfinite(number) or not self.declaration.allows(number):
            raise call.gave(value)
        return number


def choose_score(spec: str) -> ExtraScore:
    """Resolve ``name:key=value`` to a registered score.

    Raises
    ------
    UsageError
        For an unknown name or option.
    """
    chosen = choose("scores", spec)
    return ExtraScore(
        registry().get("scores", chosen.name),
        dict(chosen.options),
        format_spec(chosen.name, chosen.changed),
    )


def is_extra_score(name: str) -> bool:
    """Return whether the name of an outcome, with its options, is that of a registered score."""
    return name.partition(":")[0].strip() in registry().names("scores")


def scores_of(wanted: Mapping[str, ExtraScore], predictions: Predictions) -> dict[str, float]:
    """Return scores of predictions by name."""
    return {name: each.of(predictions) for name, each in wanted.items()}


def errors_of(
    wanted: Mapping[str, ExtraScore], predictions: Predictions
) -> dict[str, dict[str, Any]]:
    """Return standard errors and intervals of scores, from samples drawn with replacement.

    Draws in which a score is undefined, such as for want of a label in a group, are left out.

    Returns
    -------
    dict of str to dict
        ``se``, ``low``, ``high`` and ``method``, as ``score_errors`` of the target's own; without
        a score that is undefined in all draws but one.
    """

    def on(score: ExtraScore, rows: np.ndarray) -> dict[str, float]:
        try:
            return {score.name: score.of(predictions.rows(rows))}
        except AlignkitError as error:  # on all samples, it is defined
            raise ValueError(str(error)) from None

    errors: dict[str, ScoreError] = {}
    for score in wanted.values():  # one by one, as a draw may be without one of them only
        errors |= bootstrap_errors(partial(on, score), len(predictions))
    return {name: error.to_json() for name, error in errors.items()}


def choose_scores(specs: Sequence[str]) -> dict[str, ExtraScore]:
    """Return registered scores by the name under which they are stored, each once."""
    return {score.name: score for score in map(choose_score, specs)}
