"""Terms of the loss that see all samples of an optimiser step: how they read both streams."""

from __future__ import annotations

from abc import abstractmethod
from itertools import takewhile

import torch
from torch import Tensor, nn

from alignkit.contracts.pooling import pooled, require_pooling
from alignkit.errors import UsageError
from alignkit.models.pairs import SelectionError, select_pairs
from alignkit.models.schedule import Fuse, Schedule, head_site, sites
from alignkit.runs.training import Weighted
from alignkit.training.objectives import Outputs, Shapes
from alignkit.training.protocols import ObjectiveSamples

UNFUSED = "unfused"


class StepTerm(nn.Module):
    """A weighted term that reads the representations of both streams at one pair of sites.

    Parameters
    ----------
    spec : Weighted
        With the options ``layer`` (``last``, ``unfused``, an index, or two sites as
        ``t.f0+v.f0``) and ``pool`` (``cls``, ``mean`` or another registered one).
    parameter : str
        The parameter that holds the spec, for messages.
    layer : str
        The layer that it reads by default.
    schedule : Schedule
    shapes : Shapes

    Attributes
    ----------
    options : dict of str to str
        The other options of the spec.
    min_samples : int
        Steps of fewer samples are left out.

    Raises
    ------
    UsageError
        For a layer that is not a single pair of sites, or an unknown pooling.
    """

    min_samples = 1

    def __init__(
        self, spec: Weighted, parameter: str, layer: str, schedule: Schedule, shapes: Shapes
    ) -> None:
        super().__init__()
        self.name, self.weight = spec.name, spec.weight
        self.options = dict(spec.options)
        self.widths = (shapes.text_width, shapes.vision_width)
        where = f"`{parameter}={spec}`"
        self.text_site, self.vision_site = _pair_of_sites(
            schedule, self.options.pop("layer", layer), where
        )
        self._last = tuple(head_site(schedule, stream) for stream in ("text", "vision"))
        self._is_fused = not set(self.sites) <= set(sites(_before_fusions(schedule)))
        self.pool = self.options.pop("pool", "cls")
        require_pooling(self.pool, where)

    @property
    def where(self) -> str:
        """What is read and what that means, as a clause; empty for the last, unfused states."""
        compared = f"compares {self.text_site} with {self.vision_site}"
        if self._is_fused:
            return (
                f"{compared}, where every text has seen its own picture: its scores do not show "
                "retrieval"
            )
        if self.sites != self._last:
            return f"{compared}, before the first fusion; it trains nothing after them"
        return ""

    @property
    def sites(self) -> tuple[str, str]:
        """The sites whose states are read: text, then vision."""
        return self.text_site, self.vision_site

    def representations(self, outputs: Outputs, pairs: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return both streams' representations, ``(n, width)``, without swapped captions.

        Parameters
        ----------
        outputs : Outputs
        pairs : Tensor of bool (batch,) or None
            Which samples have their own caption; None if all have.
        """
        text, vision = (pooled(outputs.states[site], self.pool).float() for site in self.sites)
        return (text, vision) if pairs is None else (text[pairs], vision[pairs])

    @abstractmethod
    def forward(self, text: Tensor, vision: Tensor, samples: ObjectiveSamples, /) -> Tensor:
        """Return the value to minimise, a scalar."""


def own_captions(samples: ObjectiveSamples, pairs: Tensor | None) -> ObjectiveSamples:
    """Return the samples that have their own caption."""
    return (
        samples if pairs is None else ObjectiveSamples(samples.texts[pairs], samples.images[pairs])
    )


def joined(parts: list[ObjectiveSamples], device: torch.device) -> ObjectiveSamples:
    """Return the samples of several batches, perhaps none, as those of one."""
    empty = torch.zeros(0, dtype=torch.int64, device=device)
    return ObjectiveSamples(
        torch.cat([empty, *(part.texts for part in parts)]),
        torch.cat([empty, *(part.images for part in parts)]),
    )


def _before_fusions(schedule: Schedule) -> Schedule:
    return list(takewhile(lambda step: not isinstance(step, Fuse), schedule))


def _pair_of_sites(schedule: Schedule, layer: str, where: str) -> tuple[str, str]:
    if layer == UNFUSED:
        return _unfused(schedule, where)
    try:
        pairs = select_pairs(schedule, layer.replace("+", ","))
    except SelectionError as error:  # its message names the parameter of another function
        raise UsageError(f"{where}: {error.reason}") from None
    if len(pairs) != 1:
        raise UsageError(
            f"{where}: layer={layer} selects {len(pairs)} pairs of sites; select one: last, "
            "unfused, an index, or two sites as t.f0+v.f0"
        )
    return pairs[0]


def _unfused(schedule: Schedule, where: str) -> tuple[str, str]:
    """Return the last sites that have seen nothing of the other stream."""
    if not any(isinstance(step, Fuse) for step in schedule):
        return select_pairs(schedule, "last")[0]
    pair = select_pairs(schedule, "before")[0]
    if any(site.endswith(".in") for site in pair):
        raise UsageError(
            f"{where}: layer=unfused has no layer to read, since this placement fuses before the "
            "first one; choose another placement, or layer=last, where every text has seen its "
            "own picture"
        )
    return pair
