"""Auxiliary losses: registered functions of the two streams' representations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from alignkit.errors import UsageError
from alignkit.models.pairs import SelectionError, select_pairs
from alignkit.models.schedule import Schedule
from alignkit.plugins import registry
from alignkit.plugins.options import bind
from alignkit.runs.training import Weighted
from alignkit.training.objectives import Outputs, Shapes

# A similarity of fewer samples says nothing: a smaller group at the end of an epoch is left out.
FEWEST = 8
COMMON = ("layer", "pool", "projection")


class Auxiliary(nn.Module):
    """One auxiliary loss, at one pair of sites.

    Parameters
    ----------
    spec : Weighted
        Its options: ``layer`` (``last``, an index, or two sites such as ``t.f0,v.f0`` written
        ``t.f0+v.f0``), ``pool`` (``cls`` or ``mean``), ``projection`` (width of learned
        projections of both streams; 0 compares the representations themselves), and those
        of the registered function.
    schedule : Schedule
    shapes : Shapes

    Raises
    ------
    UsageError
        For an unknown name or option, or a layer that is no single pair of sites.
    """

    def __init__(self, spec: Weighted, schedule: Schedule, shapes: Shapes) -> None:
        super().__init__()
        given = dict(spec.options)
        entry = registry().get("losses", spec.name)
        self.name, self.weight = spec.name, spec.weight
        self.widths = (shapes.text_width, shapes.vision_width)
        self.text_site, self.vision_site = _one_pair(schedule, given.pop("layer", "last"), spec)
        self.pool = given.pop("pool", "cls")
        if self.pool not in ("cls", "mean"):
            raise UsageError(f"`aux={spec}`: pool is cls or mean")
        width = _width(given.pop("projection", "0"), spec)
        self.function = entry.load()
        self.options = _own_options(self.function, given, spec)
        self.maximise = bool(entry.declarations.get("maximise", False))
        self.text: nn.Module = nn.Identity()
        self.vision: nn.Module = nn.Identity()
        if width:
            self.text = nn.Linear(shapes.text_width, width, bias=False)
            self.vision = nn.Linear(shapes.vision_width, width, bias=False)

    @property
    def sites(self) -> tuple[str, str]:
        """The sites whose states it reads."""
        return self.text_site, self.vision_site

    def representations(self, outputs: Outputs, pairs: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both streams' ``(n, width)``, of the samples that have their own caption."""
        text, vision = (outputs.states[site].pooled(self.pool).float() for site in self.sites)
        return (text, vision) if pairs is None else (text[pairs], vision[pairs])

    def forward(self, text: Tensor, vision: Tensor) -> Tensor:
        """The value to minimise."""
        value = self.function(self.text(text), self.vision(vision), **self.options)
        return 1 - value if self.maximise else value


def _own_options(function: Callable[..., Tensor], given: dict[str, str], spec: Weighted) -> Any:
    try:
        return bind(function, given, f"loss '{spec.name}'")
    except UsageError as error:
        raise UsageError(f"{error}; every loss has: {', '.join(COMMON)}") from None


def _one_pair(schedule: Schedule, layer: str, spec: Weighted) -> tuple[str, str]:
    try:
        pairs = select_pairs(schedule, layer.replace("+", ","))
    except SelectionError as error:  # its message names the parameter of another function
        raise UsageError(f"`aux={spec}`: {error.reason}") from None
    if len(pairs) != 1:
        raise UsageError(
            f"`aux={spec}`: layer={layer} is {len(pairs)} pairs of sites; name one: last, an "
            "index, or t.f0+v.f0"
        )
    return pairs[0]


def _width(text: str, spec: Weighted) -> int:
    if not text.isdigit():
        raise UsageError(f"`aux={spec}`: projection={text} is not a whole number from 0")
    return int(text)
