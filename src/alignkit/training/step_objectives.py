"""Objectives of plugins: torch modules that see all samples of an optimiser step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alignkit.contracts.objective import (
    check_objective_loss,
    check_objective_once,
    check_objective_scores,
    require_objective,
)
from alignkit.models.schedule import Schedule
from alignkit.plugins import Entry
from alignkit.plugins.calls import PluginCall
from alignkit.runs.terms import bind_own
from alignkit.runs.training import Weighted
from alignkit.training.objectives import Shapes
from alignkit.training.protocols import ObjectiveContext, ObjectiveSamples
from alignkit.training.step_terms import UNFUSED, StepTerm


class StepObjective(StepTerm):
    """An objective of a plugin, at one pair of sites.

    Parameters
    ----------
    spec : Weighted
        The registered name, the weight, and options: those of ``StepTerm``, and those of the
        registered class. By default it reads the states before the first fusion, where no text
        has seen its own picture.
    entry : Entry
        Whose objective it is.
    schedule : Schedule
    shapes : Shapes

    Raises
    ------
    UsageError
        For an unknown option, or a layer that is not a single pair of sites.
    PluginError
        If what the plugin makes is no objective.
    """

    min_samples = 2  # one sample can be told from no other

    def __init__(self, spec: Weighted, entry: Entry, schedule: Schedule, shapes: Shapes) -> None:
        super().__init__(spec, "objectives", UNFUSED, schedule, shapes)
        self.entry = entry
        self.declared = tuple(entry.declarations.get("scores", ()))
        self.own = make_objective(
            entry, self.options, ObjectiveContext(shapes.text_width, shapes.vision_width)
        )
        self.is_checked = False

    def forward(self, text: Tensor, vision: Tensor, samples: ObjectiveSamples, /) -> Tensor:
        """Return the loss, a scalar."""
        if not self.is_checked and torch.is_grad_enabled():
            check_objective_once(self.entry, self.own, text, vision, samples)
            self.is_checked = True
        with PluginCall(self.entry, "its loss"):
            value = self.own(text, vision, samples)
        return check_objective_loss(self.entry, value, text, vision)

    def scores(self, text: Tensor, vision: Tensor, samples: ObjectiveSamples) -> dict[str, float]:
        """Return the scores on the representations of a whole split, ``accuracy`` first."""
        with PluginCall(self.entry, "its scores"):
            given = self.own.scores(text, vision, samples)  # type: ignore[operator]
        return check_objective_scores(self.entry, given, self.declared)


def make_objective(entry: Entry, given: dict[str, str], context: ObjectiveContext) -> nn.Module:
    """Return the objective that a plugin makes with these options.

    Raises
    ------
    UsageError
        For an unknown option.
    PluginError
        If it is no objective.
    """
    target = entry.load()
    options = bind_own(target, given, "objectives", entry.name)
    with PluginCall(entry, "an objective with its options"):
        made = target(context, **options)
    return require_objective(made, entry)
