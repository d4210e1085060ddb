"""What an auxiliary loss provides, as a type. Importing this file imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


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
