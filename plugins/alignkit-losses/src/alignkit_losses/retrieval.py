"""Retrieval of pictures by texts and of texts by pictures, with ties in random order."""

from __future__ import annotations

import torch
from torch import Tensor

import alignkit
from alignkit_losses.plugin import RECALLS

AT = (1, 5, 10)
# Cosines that differ by less than this, which is rounding in float32, are equal.
TIE = 1e-6
ROWS = 256  # queries at once


def both_ways(samples: alignkit.ObjectiveSamples) -> Tensor:
    """Return which pictures of some samples belong to which of their texts.

    Returns
    -------
    Tensor of bool (n, n)
        Whether the text of the sample in the row occurs with the picture of the one in the column.
    """
    same_text = samples.texts[:, None] == samples.texts
    same_image = samples.images[:, None] == samples.images
    return (same_text.float() @ same_image.float()) > 0


def recall_both_ways(
    text: Tensor, vision: Tensor, samples: alignkit.ObjectiveSamples
) -> dict[str, float]:
    """Return the recall at 1, 5 and 10 of retrieving pictures by texts, and texts by pictures.

    Parameters
    ----------
    text, vision : Tensor (n, width)
        Rows of length 1, compared by their products.
    samples : ObjectiveSamples

    Returns
    -------
    dict of str to float
        By the names in ``RECALLS``; in [0, 1].
    """
    text, vision = text.double(), vision.double()
    found = recall(text, vision, samples.texts, samples.images)
    found += recall(vision, text, samples.images, samples.texts)
    return dict(zip(RECALLS, found, strict=True))


def recall(queries: Tensor, keys: Tensor, asked: Tensor, offered: Tensor) -> list[float]:
    """Return the expected fraction of queries with a right candidate among the first k.

    Parameters
    ----------
    queries, keys : Tensor (n, width)
        Row i of both is the same sample.
    asked, offered : Tensor (n,) of int64
        Equal numbers stand for equal queries, and for keys that are one candidate, whose
        similarity is the highest of its rows. A candidate is right for a query if they occur
        together in any sample.

    Returns
    -------
    list of float
        For every k in ``AT``.
    """
    candidates, of_row = torch.unique(offered, return_inverse=True)
    hits = torch.zeros(len(AT), dtype=torch.float64, device=queries.device)
    for start in range(0, len(queries), ROWS):
        part = slice(start, start + ROWS)
        similar = queries[part] @ keys.T
        columns = of_row.expand(len(similar), -1)
        lowest = similar.new_full((len(similar), len(candidates)), -torch.inf)
        similar = lowest.scatter_reduce(1, columns, similar, "amax")
        together = asked[part, None] == asked
        right = torch.zeros_like(similar).scatter_reduce(1, columns, together.double(), "amax") > 0
        hits += _found(similar, right)
    return (hits / len(queries)).tolist()


def _found(similar: Tensor, right: Tensor) -> Tensor:
    """Return for every k how many queries find a right candidate, ties being in random order.

    Of t wrong and r right candidates that tie for the best right one, behind a better wrong
    ones, the first k - a hold no right one with probability
    (t / (t + r)) ((t - 1) / (t + r - 1)) ..., a product of k - a factors.
    """
    best = similar.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
    above = ((similar > best + TIE) & ~right).sum(1)
    ties = similar >= best - TIE
    wrong, own = (ties & ~right).sum(1) - above, (ties & right).sum(1).double()
    hits = []
    for k in AT:
        missed = torch.ones(len(similar), dtype=torch.float64, device=similar.device)
        for place in range(k):
            factor = (wrong - place).clamp(min=0) / (wrong + own - place).clamp(min=1)
            missed = torch.where(place < k - above, missed * factor, missed)
        hits.append((1 - missed).sum())
    return torch.stack(hits)
