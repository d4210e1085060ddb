"""What a model is trained for: the task's own loss, and three that need no labels.

Heads belong to the objectives, not to the architecture: linear readers of the streams' last
states, whose widths are all that core has to know. They are stored apart from the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alignkit.data.encoded import Encoded
from alignkit.models.schedule import Schedule, head_site
from alignkit.models.walk import StreamState, walk
from alignkit.runs.training import Weighted
from alignkit.tasks import Target
from alignkit.training.masking import Grid

# Of the contrast between patches; similarities are cosines (Oord et al. 2018).
TEMPERATURE = 0.1


@dataclass(frozen=True)
class Outputs:
    """What a forward pass gave: logits, and the state at every site that was asked for."""

    logits: Tensor
    states: dict[str, StreamState]


@dataclass(frozen=True)
class Shapes:
    """Widths of the streams, the grid of patches, and the sites that heads read."""

    text_width: int
    vision_width: int
    grid: Grid | None
    text_site: str
    vision_site: str


def probe(model: Any, schedule: Schedule, data: Encoded) -> Shapes:
    """Learn the shapes of a model from one sample; nothing random is drawn."""
    sites = {stream: head_site(schedule, stream) for stream in ("text", "vision")}
    states: dict[str, StreamState] = {}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        walk(model, schedule, data.batch([0]), lambda site, state: states.update({site: state}))
    model.train(was_training)
    text, vision = states[sites["text"]], states[sites["vision"]]
    patches = int(vision.content[0].sum())
    side, size = math.isqrt(patches), data.pixels([0]).shape[-1]
    square = side > 0 and side**2 == patches and size % side == 0
    return Shapes(
        text.tokens.shape[-1],
        vision.tokens.shape[-1],
        Grid(side) if square else None,
        sites["text"],
        sites["vision"],
    )


class Objective(nn.Module):
    """One term of the loss: its mean over a batch, and how much of the batch was right.

    Attributes
    ----------
    name : str
    weight : float
    sites : tuple of str
        Whose states it reads.
    """

    sites: tuple[str, ...] = ()

    def __init__(self, name: str, weight: float) -> None:
        super().__init__()
        self.name, self.weight = name, weight

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean loss over the batch, and the number of right answers."""
        raise NotImplementedError


class TaskLoss(Objective):
    """The task's own loss, on samples with their own caption."""

    def __init__(self, weight: float, target: Target, class_weights: Any = None) -> None:
        super().__init__("task", weight)
        self.target = target
        self.class_weights = class_weights

    def forward(
        self, outputs: Outputs, labels: dict[str, Tensor], pairs: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        logits = outputs.logits.float()
        if pairs is not None:
            logits = logits[pairs]
        more = () if self.class_weights is None else (self.class_weights.to(logits.device),)
        return self.target.loss(logits, labels["target"], *more), logits.new_zeros(())


class MaskedWords(Objective):
    """Masked language modelling: which word stood there (Devlin et al. 2019)."""

    def __init__(self, weight: float, shapes: Shapes, vocabulary: int) -> None:
        super().__init__("mlm", weight)
        self.sites = (shapes.text_site,)
        self.read = nn.Sequential(
            nn.LayerNorm(shapes.text_width), nn.Linear(shapes.text_width, vocabulary)
        )

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        tokens = outputs.states[self.sites[0]].tokens[labels["row"], labels["column"]]
        logits = self.read(tokens).float()
        right = (logits.argmax(1) == labels["token"]).sum()
        return F.cross_entropy(logits, labels["token"]), right


class MaskedPatches(Objective):
    """Masked image contrast: which patch of the whole picture was hidden here.

    The masked view's state at a place is held against the unmasked view's patch at the same
    place; the other hidden patches of the batch are the negatives. Patches with equal pixels
    are one candidate.
    """

    def __init__(self, weight: float, shapes: Shapes, pixels: int) -> None:
        super().__init__("mim", weight)
        width = min(shapes.vision_width, 256)
        self.sites = (shapes.vision_site,)
        self.read = nn.Sequential(
            nn.LayerNorm(shapes.vision_width), nn.Linear(shapes.vision_width, width)
        )
        self.embed = nn.Linear(pixels, width)

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        state = outputs.states[self.sites[0]]
        places = state.content[0].nonzero()[:, 0]
        hidden = state.tokens[labels["row"], places[labels["patch"]]]
        candidates, label = torch.unique(labels["pixels"], dim=0, return_inverse=True)
        asked = F.normalize(self.read(hidden).float(), dim=1)
        offered = F.normalize(self.embed(candidates.float() / 127.5 - 1).float(), dim=1)
        logits = asked @ offered.T / TEMPERATURE
        return F.cross_entropy(logits, label), (logits.argmax(1) == label).sum()


class Matching(Objective):
    """Alignment prediction: is this the picture's own caption (Lu et al. 2019)."""

    def __init__(self, weight: float, shapes: Shapes) -> None:
        super().__init__("itm", weight)
        width = min(shapes.text_width, shapes.vision_width)
        self.sites = (shapes.text_site, shapes.vision_site)
        self.text = nn.Sequential(
            nn.LayerNorm(shapes.text_width), nn.Linear(shapes.text_width, width)
        )
        self.vision = nn.Sequential(
            nn.LayerNorm(shapes.vision_width), nn.Linear(shapes.vision_width, width)
        )
        self.decide = nn.Linear(width, 1)

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        text, vision = (outputs.states[site].pooled("cls") for site in self.sites)
        logits = self.decide(self.text(text) * self.vision(vision))[:, 0].float()
        right = ((logits > 0) == (labels["match"] > 0.5)).sum()
        return F.binary_cross_entropy_with_logits(logits, labels["match"]), right


def build_objectives(
    chosen: Sequence[Weighted],
    target: Target | None,
    shapes: Shapes,
    data: Encoded,
    class_weights: Any = None,
) -> nn.ModuleDict:
    """Build the objectives of a run, with fresh heads from torch's generator, in order."""
    built: dict[str, Objective] = {}
    for one in chosen:
        if one.name == "task":
            assert target is not None
            built["task"] = TaskLoss(one.weight, target, class_weights)
        if one.name == "mlm":
            built["mlm"] = MaskedWords(one.weight, shapes, data.inputs.vocabulary.size)
        if one.name == "mim":
            assert shapes.grid is not None
            pixels = shapes.grid.patches(data.pixels([0])).shape[-1]
            built["mim"] = MaskedPatches(one.weight, shapes, pixels)
        if one.name == "itm":
            built["itm"] = Matching(one.weight, shapes)
    return nn.ModuleDict(built)
