"""alignkit's own objectives: the task's loss, and three that need no labels.

Each is a mean over the samples, words or patches of a batch. The heads of the objectives belong to
them, not to the architecture: they read the streams' last states, whose widths are all that core
has to know. They are stored apart from the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alignkit.contracts.model import run_model
from alignkit.data.encoded import EncodedSplit
from alignkit.errors import UsageError
from alignkit.models.schedule import Schedule, head_site
from alignkit.models.walk import StreamState
from alignkit.tasks import Target
from alignkit.training.masking import PatchGrid

# The temperature of the contrast between patches, on cosines (Oord et al. 2018).
TEMPERATURE = 0.1


@dataclass(frozen=True)
class Outputs:
    """The result of a forward pass.

    Attributes
    ----------
    logits : Tensor (batch, n_outputs)
    states : dict of str to StreamState
        The states at the sites that objectives and auxiliary losses read.
    """

    logits: Tensor
    states: dict[str, StreamState]


@dataclass(frozen=True)
class Shapes:
    """The shapes of a model's streams.

    Attributes
    ----------
    text_width, vision_width : int
        The widths of the last states.
    grid : PatchGrid or None
        The grid of image patches; None if the vision stream has none.
    text_site, vision_site : str
        The sites of the last states, which the heads read.
    """

    text_width: int
    vision_width: int
    grid: PatchGrid | None
    text_site: str
    vision_site: str


def probe_shapes(model: nn.Module, schedule: Schedule, data: EncodedSplit) -> Shapes:
    """Return the shapes of a model, from a forward pass of one sample without randomness."""
    sites = {stream: head_site(schedule, stream) for stream in ("text", "vision")}
    states: dict[str, StreamState] = {}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        run_model(
            model, schedule, data.batch([0]), lambda site, state: states.update({site: state})
        )
    model.train(was_training)
    text, vision = states[sites["text"]], states[sites["vision"]]
    patches = int(vision.content[0].sum())
    side, size = math.isqrt(patches), data.pixels([0]).shape[-1]
    square = side > 0 and side**2 == patches and size % side == 0
    return Shapes(
        text.tokens.shape[-1],
        vision.tokens.shape[-1],
        PatchGrid(side) if square else None,
        sites["text"],
        sites["vision"],
    )


@dataclass(frozen=True)
class Parts:
    """What the objectives of a training are made for.

    Attributes
    ----------
    shapes : Shapes
    data : EncodedSplit
    target : Target or None
        Needed by ``task``.
    class_weights : Tensor or None
        Weights of the labels in the task's loss.
    """

    shapes: Shapes
    data: EncodedSplit
    target: Target | None = None
    class_weights: Tensor | None = None


class BatchObjective(nn.Module):
    """A term of the training loss that is a mean over the samples, words or patches of a batch.

    Attributes
    ----------
    weight : float
    sites : tuple of str
        The sites whose states it reads.
    """

    weight: float = 1.0
    sites: tuple[str, ...] = ()

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the mean loss over the batch, and the number of correct predictions.

        Parameters
        ----------
        outputs : Outputs
        labels : dict of str to Tensor
            What a ``Collator`` prepared for this objective.
        """
        raise NotImplementedError


class TaskLoss(BatchObjective):
    """The task's own loss, on the samples that have their own caption."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        assert parts.target is not None
        self.target, self.class_weights = parts.target, parts.class_weights

    def forward(
        self, outputs: Outputs, labels: dict[str, Tensor], pairs: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the mean loss, and zero: correct predictions are not counted here."""
        logits = outputs.logits.float()
        if pairs is not None:
            logits = logits[pairs]
        more = () if self.class_weights is None else (self.class_weights.to(logits.device),)
        return self.target.loss(logits, labels["target"], *more), logits.new_zeros(())


class MaskedWords(BatchObjective):
    """Masked language modelling: predict the original word (Devlin et al. 2019).

    Of the words that are selected, 80 % are replaced by the mask token, 10 % by another word, and
    10 % are left unchanged.

    Parameters
    ----------
    share : float
        The fraction of the words of a text to select, above 0 and below 1; at least one word.
    """

    def __init__(self, parts: Parts, share: float = 0.15) -> None:
        super().__init__()
        self.share = _share(share, "mlm")
        if parts.data.vocabulary is None:
            raise UsageError(
                "`objectives=mlm` needs a vocabulary with a mask token, which the inputs of "
                "this architecture lack; leave it out"
            )
        width, words = parts.shapes.text_width, parts.data.vocabulary.size
        self.sites = (parts.shapes.text_site,)
        self.read = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, words))

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy over chosen words, and the number predicted correctly."""
        tokens = outputs.states[self.sites[0]].tokens[labels["row"], labels["column"]]
        logits = self.read(tokens).float()
        correct = (logits.argmax(1) == labels["token"]).sum()
        return F.cross_entropy(logits, labels["token"]), correct


class MaskedPatches(BatchObjective):
    """Masked image contrast: identify the patch that was masked.

    The state at a masked place is compared with the original patch there; the other masked
    patches of the batch are the negatives. Patches with equal pixels count as one candidate.

    Parameters
    ----------
    share : float
        The fraction of the patches of a picture to grey out, above 0 and below 1.
    """

    def __init__(self, parts: Parts, share: float = 0.3) -> None:
        super().__init__()
        self.share, shapes = _share(share, "mim"), parts.shapes
        if shapes.grid is None:
            raise UsageError(
                "`objectives=mim` needs a square grid of patches, which the vision stream of "
                "this architecture lacks; leave it out"
            )
        self.grid = shapes.grid
        pixels = self.grid.patches(parts.data.pixels([0])).shape[-1]
        width = min(shapes.vision_width, 256)
        self.sites = (shapes.vision_site,)
        self.read = nn.Sequential(
            nn.LayerNorm(shapes.vision_width), nn.Linear(shapes.vision_width, width)
        )
        self.embed = nn.Linear(pixels, width)

    def forward(self, outputs: Outputs, labels: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy over masked patches, and the number identified."""
        state = outputs.states[self.sites[0]]
        places = state.content[0].nonzero()[:, 0]
        hidden = state.tokens[labels["row"], places[labels["patch"]]]
        candidates, label = torch.unique(labels["pixels"], dim=0, return_inverse=True)
        queries = F.normalize(self.read(hidden).float(), dim=1)
        keys = F.normalize(self.embed(candidates.float() / 127.5 - 1).float(), dim=1)
        logits = queries @ keys.T / TEMPERATURE
        return F.cross_entropy(logits, label), (logits.argmax(1) == label).sum()


class Matching(BatchObjective):
    """Alignment prediction: whether a caption is the image's own (Lu et al. 2019).

    Parameters
    ----------
    share : float
        The fraction of the samples, above 0 and below 1, that are given a caption of the same
        split that differs from their own.
    """

    def __init__(self, parts: Parts, share: float = 0.5) -> None:
        super().__init__()
        self.share, shapes = _share(share, "itm"), parts.shapes
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
        """Return the mean binary cross-entropy, and the number classified correctly."""
        text, vision = (outputs.states[site].pooled("cls") for site in self.sites)
        logits = self.decide(self.text(text) * self.vision(vision))[:, 0].float()
        correct = ((logits > 0) == (labels["match"] > 0.5)).sum()
        return F.binary_cross_entropy_with_logits(logits, labels["match"]), correct


def _share(share: float, name: str) -> float:
    if not 0 < share < 1:
        raise UsageError(f"`objectives={name}`: share={share:g} must be above 0 and below 1")
    return share
