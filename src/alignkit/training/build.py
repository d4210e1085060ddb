"""The objectives and auxiliary losses of a training, made as the configuration names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from alignkit.models.schedule import Schedule
from alignkit.plugins.options import bind
from alignkit.runs.makers import owned_name
from alignkit.runs.training import OBJECTIVES, Weighted, objective_entry
from alignkit.training.auxiliary import AuxiliaryLoss
from alignkit.training.objectives import Parts, Shapes
from alignkit.training.step_objectives import StepObjective


def build_objectives(
    chosen: Sequence[Weighted],
    parts: Parts,
    schedule: Schedule,
    stored: Mapping[str, Any] | None = None,
) -> nn.ModuleDict:
    """Return the objectives of a run by name, their heads initialised by torch's generator.

    Parameters
    ----------
    chosen : sequence of Weighted
    parts : Parts
    schedule : Schedule
    stored : mapping, optional
        The content of a run's ``config.json``, which says whose a name was that several claim.

    Raises
    ------
    UsageError
        For an unknown name or option, or an objective that this model cannot have.
    """
    built: dict[str, nn.Module] = {}
    for spec in chosen:
        entry = objective_entry(owned_name("objectives", spec.name, stored or {}))
        if spec.name not in OBJECTIVES:
            built[spec.key] = StepObjective(spec, entry, schedule, parts.shapes)
            continue
        target = entry.load()
        built[spec.key] = target(parts, **bind(target, spec.options, f"objective '{spec.name}'"))
        built[spec.key].weight = spec.weight  # type: ignore[assignment]
    return nn.ModuleDict(built)


def build_aux(chosen: Sequence[Weighted], schedule: Schedule, shapes: Shapes) -> nn.ModuleDict:
    """Return the auxiliary losses of a run by name."""
    return nn.ModuleDict({spec.key: AuxiliaryLoss(spec, schedule, shapes) for spec in chosen})
