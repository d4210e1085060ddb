"""Auxiliary losses: registered functions of the two streams' representations."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from alignkit.contracts.loss import check_loss_once, check_scalar
from alignkit.errors import UsageError
from alignkit.models.schedule import Schedule
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.runs.terms import bind_own
from alignkit.runs.training import Weighted
from alignkit.training.objectives import Shapes
from alignkit.training.protocols import ObjectiveSamples
from alignkit.training.step_terms import StepTerm


class AuxiliaryLoss(StepTerm):
    """One auxiliary loss, at one pair of sites.

    Parameters
    ----------
    spec : Weighted
        The registered name, the weight, and options: those of ``StepTerm``, ``projection`` (the
        width of learned projections of both streams; 0 compares the representations
        themselves), and those of the registered function.
    schedule : Schedule
    shapes : Shapes

    Raises
    ------
    UsageError
        For an unknown name or option, or a layer that is not a single pair of sites.
    """

    # A similarity over fewer samples is meaningless: a smaller last group of an epoch is left out.
    min_samples = 8

    def __init__(self, spec: Weighted, schedule: Schedule, shapes: Shapes) -> None:
        entry = registry().get("losses", spec.name)
        super().__init__(spec, "aux", "last", schedule, shapes)
        width = _projection_width(self.options.pop("projection", "0"), spec)
        self.function = entry.load()
        self.call = PluginCall(entry, "its value", "a tensor that holds one floating-point number")
        self.given = bind_own(self.function, self.options, "losses", spec.name)
        self.is_checked = False
        self.maximise = bool(entry.declarations.get("maximise", False))
        self.text: nn.Module = nn.Identity()
        self.vision: nn.Module = nn.Identity()
        if width:
            self.text = nn.Linear(shapes.text_width, width, bias=False)
            self.vision = nn.Linear(shapes.vision_width, width, bias=False)

    def forward(
        self, text: Tensor, vision: Tensor, _samples: ObjectiveSamples | None = None, /
    ) -> Tensor:
        """Return the value to minimise, a scalar."""
        sides = self.text(text), self.vision(vision)
        if not self.is_checked:
            check_loss_once(self.call, partial(self.function, **self.given), *sides)
            self.is_checked = True
        with self.call:
            value = self.function(*sides, **self.given)
        value = check_scalar(self.call, value, *sides)
        return 1 - value if self.maximise else value


def _projection_width(text: str, spec: Weighted) -> int:
    if not text.isdigit():
        raise UsageError(f"`aux={spec}`: projection={text} must be a whole number, at least 0")
    return int(text)
