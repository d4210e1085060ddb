"""Image-text contrast: a training objective with heads and a learned temperature of its own."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import alignkit
from alignkit_losses.retrieval import both_ways, recall_both_ways

# As in CLIP: similarities are multiplied by at most 100.
LOWEST_TEMPERATURE = 0.01


class ImageTextContrast(nn.Module):
    """Tell each text's picture, and each picture's text, from all others of an optimiser step.

    Both representations are projected to one width and normalised; their cosines are divided by a
    temperature that is learned (Radford et al. 2021; Li et al. 2021). Where a text belongs to
    several pictures of the step, or a picture to several texts, any of them is right.

    The scores are the recall of retrieval on the whole split: the fraction of texts whose picture
    is among the 1, 5 or 10 that are most similar to it, and of pictures whose text is. Equal
    pictures are one candidate, and so are equal texts. Candidates that are equally similar count
    as they would in random order, so that a model which tells nothing apart is at chance.

    Parameters
    ----------
    width : int
        The width of the projections, at least 1.
    temperature : float
        The temperature at the start, from 0.01.
    """

    def __init__(
        self, context: alignkit.ObjectiveContext, width: int = 256, temperature: float = 0.07
    ) -> None:
        super().__init__()
        if width < 1 or not LOWEST_TEMPERATURE <= temperature < math.inf:
            raise alignkit.UsageError(
                f"objective 'itc': width is {width} and temperature is {temperature}; they must be "
                f"at least 1 and {LOWEST_TEMPERATURE}"
            )
        self.text = _head(context.text_width, width)
        self.vision = _head(context.vision_width, width)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, text: Tensor, vision: Tensor, samples: alignkit.ObjectiveSamples) -> Tensor:
        """Return the mean of the cross-entropies of both ways, at least 0."""
        if self.training:
            with torch.no_grad():
                self.log_scale.clamp_(max=-math.log(LOWEST_TEMPERATURE))
        queries, keys = self._projected(text, vision)
        logits = queries @ keys.T * self.log_scale.exp()
        right = both_ways(samples)
        return (_missed(logits, right) + _missed(logits.T, right.T)) / 2

    def scores(
        self, text: Tensor, vision: Tensor, samples: alignkit.ObjectiveSamples
    ) -> dict[str, float]:
        """Return the recall both ways, and as accuracy the mean of both at 1."""
        recall = recall_both_ways(*self._projected(text, vision), samples)
        accuracy = (recall["text_to_image_recall_at_1"] + recall["image_to_text_recall_at_1"]) / 2
        return {"accuracy": accuracy, **recall}

    def _projected(self, text: Tensor, vision: Tensor) -> tuple[Tensor, Tensor]:
        return F.normalize(self.text(text), dim=1), F.normalize(self.vision(vision), dim=1)


def _head(width: int, projected: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, projected, bias=False))


def _missed(logits: Tensor, right: Tensor) -> Tensor:
    """Return the mean of minus the log probability that a right candidate is chosen."""
    own = logits.masked_fill(~right, -math.inf).logsumexp(1)
    return (logits.logsumexp(1) - own).mean()
