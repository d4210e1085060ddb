"""Metrics of Gram matrices."""

from __future__ import annotations

import torch

from alignkit import Representation


def cka(x: Representation, y: Representation) -> float:
    """Linear centred kernel alignment, biased.

    <K, L> / (|K| |L|) of the centred Gram matrices K and L, in Frobenius norm
    (Kornblith et al. 2019). In [0, 1], up is more aligned. It is far above 0 on unrelated
    data where samples are few for the width: see the chance level beside it.

    Raises
    ------
    alignkit.UndefinedError
        When a representation is constant.
    """
    return _inner(x, y) / (x.gram_norm * y.gram_norm)


def cka_chance(x: Representation, y: Representation) -> float:
    """Mean of ``cka`` over all permutations of rows: tr K tr L / ((n - 1) |K| |L|)."""
    return (x.norm * y.norm) ** 2 / ((x.n - 1) * x.gram_norm * y.gram_norm)


def _inner(x: Representation, y: Representation) -> float:
    """<K, L>: from Gram matrices, or from columns where those are fewer than samples."""
    if x.n <= max(x.width, y.width):
        return float(torch.vdot(x.gram.flatten(), y.gram.flatten()))
    return float((x.centred.T @ y.centred).square().sum())
