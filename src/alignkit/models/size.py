"""The size of a model, from which time and disk space are estimated before it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSize:
    """What an architecture may say about a model that is not built yet.

    Attributes
    ----------
    parameters : int
        Number of weights.
    flops : float
        Floating-point operations of one forward pass of one sample, roughly: two for each weight
        and token that it is applied to.
    sites, widths : mapping of str to int
        Number and width of the representations of each stream.
    """

    parameters: int
    flops: float
    sites: Mapping[str, int]
    widths: Mapping[str, int]
