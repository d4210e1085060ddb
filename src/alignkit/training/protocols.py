"""What auxiliary losses and objectives provide, as types. Importing this file imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter


class Loss(Protocol):
    """A function of both streams' representations of a batch; further parameters are options."""

    def __call__(self, text: Tensor, vision: Tensor, /) -> Tensor:
        """Return a scalar with a gradient, to be minimised.

        With ``maximise=True`` it is instead a similarity, at most 1.

        Parameters
        ----------
        text, vision : Tensor (n, width)
            In float32 and with gradients; row i of both is the same sample. The widths differ
            unless the loss is used with a ``projection``.
        """


@dataclass(frozen=True)
class ObjectiveContext:
    """What an objective is made for.

    Attributes
    ----------
    text_width, vision_width : int
        The widths of both streams' representations.
    """

    text_width: int
    vision_width: int


@dataclass(frozen=True)
class ObjectiveSamples:
    """Which samples have the same text or the same picture, so that none is taken for a wrong one.

    Attributes
    ----------
    texts, images : Tensor (n,) of int64
        Equal numbers stand for equal texts, but for case and spacing, and for equal pictures.
    """

    texts: Tensor
    images: Tensor


class Objective(Protocol):
    """A ``torch.nn.Module`` that computes a loss over all samples of an optimiser step.

    Its parameters are trained with the model and stored with the run. It draws no random numbers,
    so that it has no dropout: a step may be computed in parts, and again after an interruption.
    """

    def forward(self, text: Tensor, vision: Tensor, samples: ObjectiveSamples, /) -> Tensor:
        """Return a scalar with a gradient, to be minimised.

        Parameters
        ----------
        text, vision : Tensor (n, width)
            Representations of the samples of a whole step, however it is divided into batches and
            processes; at least 2 samples, in float32 and with gradients. Row i of both is the
            same sample.
        samples : ObjectiveSamples
            Of the same n samples.
        """

    def scores(
        self, text: Tensor, vision: Tensor, samples: ObjectiveSamples, /
    ) -> Mapping[str, float]:
        """Return the scores on a whole split, all in [0, 1], where higher is better.

        Parameters
        ----------
        text, vision : Tensor (n, width)
            Representations of all n samples, in float32 and without gradients.
        samples : ObjectiveSamples

        Returns
        -------
        mapping of str to float
            ``accuracy``, by which a run without labels selects its best epoch, and the scores
            that the objective declares.
        """

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, as every ``torch.nn.Module`` does."""
