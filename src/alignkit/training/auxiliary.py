"""Auxiliary losses: registered functions of the two streams' representations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from alignkit.contracts.loss import check_loss_once, check_scalar
from alignkit.errors import UsageError
from alignkit.models.pairs import SelectionError, select_pairs
from alignkit.models.schedule import Schedule
from alignkit.plugins import registry
from alignkit.plugins.calls import PluginCall
from alignkit.plugins.options import bind
from alignkit.runs.training import Weighted
from alignkit.training.objectives import Outputs, Shapes

# A similarity over fewer samples is meaningless: a smaller last group of an epoch is left out.
MIN_SAMPLES = 8
COMMON = ("layer", "pool", "projection")


class AuxiliaryLoss(nn.Module):
    """One auxiliary loss, at one pair of sites.

    Parameters
    ----------
    spec : Weighted
        The registered name, the weight, and options: ``layer`` (``last``, an index, or two
        sites as ``t.f0+v.f0``), ``pool`` (``cls`` or ``mean``), ``projection`` (the width of
        learned projections of both streams; 0 compares the representations themselves), and
        those of the registered function.
    schedule : Schedule
    shapes : Shapes

    Raises
    ------
    UsageError
        For an unknown name or option, or a layer that is not a single pair of sites.
    """

    def __init__(self, spec: Weighted, schedule: Schedule, shapes: Shapes) -> None:
        super().__init__()
        given = dict(spec.options)
        entry = registry().get("losses", spec.name)
        self.name, self.weight = spec.name, spec.weight
        self.widths = (shapes.text_width, shapes.vision_width)
        self.text_site, self.vision_site = _pair_of_sites(
            schedule, given.pop("layer", "last"), spec
        )
        self.pool = given.pop("pool", "cls")
        if self.pool not in ("cls", "mean"):
            raise UsageError(f"`aux={spec}`: pool={self.pool} must be cls or mean")
        width = _projection_width(given.pop("projection", "0"), spec)
        self.function = entry.load()
        self.call = PluginCall(entry, "its value", "a tensor that holds one floating-point number")
        self.options = _bound_options(self.function, given, spec)
        self.is_checked = False
        self.maximise = bool(entry.declarations.get("maximise", False))
        self.text: nn.Module = nn.Identity()
        self.vision: nn.Module = nn.Identity()
        if width:
            self.text = nn.Linear(shapes.text_width, width, bias=False)
            self.vision = nn.Linear(shapes.vision_width, width, bias=False)

    @property
    def sites(self) -> tuple[str, str]:
        """The sites whose states the loss reads: text, then vision."""
        return self.text_site, self.vision_site

    def representations(self, outputs: Outputs, pairs: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return both streams' representations, ``(n, width)``, without swapped captions.

        Parameters
        ----------
        outputs : Outputs
        pairs : Tensor of bool (batch,) or None
            Which samples have their own caption; None if all have.
        """
        text, vision = (outputs.states[site].pooled(self.pool).float() for site in self.sites)
        return (text, vision) if pairs is None else (text[pairs], vision[pairs])

    def forward(self, text: Tensor, vision: Tensor) -> Tensor:
        """Return the value to minimise, a scalar."""
        sides = self.text(text), self.vision(vision)
        if not self.is_checked:
            check_loss_once(self.call, partial(self.function, **self.options), *sides)
            self.is_checked = True
        with self.call:
            value = self.function(*sides, **self.options)
        value = check_scalar(self.call, value, *sides)
        return 1 - value if self.maximise else value


def _bound_options(
    function: Callable[..., Tensor], given: dict[str, str], spec: Weighted
) -> dict[str, Any]:
    try:
        return bind(function, given, f"loss '{spec.name}'")
    except UsageError as error:
        raise UsageError(f"{error}; every loss has: {', '.join(COMMON)}") from None


def _pair_of_sites(schedule: Schedule, layer: str, spec: Weighted) -> tuple[str, str]:
    try:
        pairs = select_pairs(schedule, layer.replace("+", ","))
    except SelectionError as error:  # its message names the parameter of another function
        raise UsageError(f"`aux={spec}`: {error.reason}") from None
    if len(pairs) != 1:
        raise UsageError(
            f"`aux={spec}`: layer={layer} selects {len(pairs)} pairs of sites; select one: last, "
            "an index, or two sites as t.f0+v.f0"
        )
    return pairs[0]


def _projection_width(text: str, spec: Weighted) -> int:
    if not text.isdigit():
        raise UsageError(f"`aux={spec}`: projection={text} must be a whole number, at least 0")
    return int(text)
