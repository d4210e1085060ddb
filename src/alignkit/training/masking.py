"""What pretraining hides and swaps, from uniform numbers: words, patches, captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignkit.errors import DataError

# Of the chosen words, 80% become the mask, 10% another word, 10% stay (Devlin et al. 2019).
MASKED, REPLACED = 0.8, 0.9
# Hidden patches are mid-grey: no colour of a picture is preferred.
GREY = 128


def choose_share(eligible: np.ndarray, share: float, draws: np.ndarray) -> np.ndarray:
    """Choose a share of the eligible places of every row, at least one where there is any.

    Parameters
    ----------
    eligible : ndarray of bool (n, length)
    share : float
    draws : ndarray (n, length)
        Uniform; the smallest of a row are chosen.

    Returns
    -------
    ndarray of bool (n, length)
    """
    available = eligible.sum(1)
    wanted = np.minimum(available, np.maximum(1, np.round(share * available)))
    order = np.argsort(np.where(eligible, draws, np.inf), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(eligible.shape[1])[None, :], axis=1)
    return eligible & (rank < wanted[:, None])


def mask_words(
    tokens: Sequence[np.ndarray], vocabulary: Any, share: float, draws: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Hide words as BERT does; special tokens are neither chosen nor drawn.

    Parameters
    ----------
    tokens : sequence of ndarray
        Token indices of every row, unpadded.
    vocabulary
        With ``size``, ``mask`` (an index) and ``special`` (a set of indices).
    share : float
        Of the words of a text.
    draws : ndarray (n, longest, 3)
        Uniform: which word, what becomes of it, which word replaces it.

    Returns
    -------
    list of ndarray
        The tokens with words hidden; those given are left as they are.
    ndarray of bool (n, longest)
        Which were chosen.
    """
    lengths = np.array([len(row) for row in tokens])
    padded = np.zeros((len(tokens), lengths.max(initial=0)), dtype=np.int64)
    inside = np.arange(padded.shape[1])[None, :] < lengths[:, None]
    padded[inside] = np.concatenate(tokens)
    special = np.array(sorted({*vocabulary.special, vocabulary.mask}))
    chosen = choose_share(inside & ~np.isin(padded, special), share, draws[..., 0])
    words = np.setdiff1d(np.arange(vocabulary.size), special)
    other = words[(draws[..., 2] * len(words)).astype(np.int64)]
    fate = draws[..., 1]
    padded = np.where(chosen & (fate < MASKED), vocabulary.mask, padded)
    padded = np.where(chosen & (fate >= MASKED) & (fate < REPLACED), other, padded)
    return [row[:length] for row, length in zip(padded, lengths, strict=True)], chosen


@dataclass(frozen=True)
class Grid:
    """The square patches of a picture, row by row, as the vision stream sees them."""

    side: int
    """Patches along an edge."""

    def patches(self, pixels: np.ndarray) -> np.ndarray:
        """Cut ``(n, 3, size, size)`` into ``(n, side * side, 3 * edge * edge)``."""
        n, channels, size, _ = pixels.shape
        edge = size // self.side
        cut = pixels.reshape(n, channels, self.side, edge, self.side, edge)
        return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, self.side**2, -1)

    def hide(self, pixels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Grey out patches; ``chosen`` is ``(n, side * side)``."""
        edge = pixels.shape[-1] // self.side
        places = chosen.reshape(-1, self.side, self.side)
        covered = places.repeat(edge, axis=1).repeat(edge, axis=2)[:, None]
        return np.where(covered, np.array(GREY, dtype=pixels.dtype), pixels)


class Captions:
    """Draws captions that are truly another's: equal captions are no negatives.

    Raises
    ------
    DataError
        When all captions are equal.
    """

    def __init__(self, texts: Sequence[str], split: str) -> None:
        plain = np.array([" ".join(text.lower().split()) for text in texts])
        _, self.group = np.unique(plain, return_inverse=True)
        self.order = np.argsort(self.group, kind="stable")
        self.size = np.bincount(self.group)
        self.start = np.cumsum(self.size) - self.size
        if len(self.size) < 2:
            raise DataError(
                f"every caption of the {split} split is the same; nothing can be "
                "swapped: leave out --objective itm"
            )

    def other(self, rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """For each row another row with another caption, all such rows equally likely."""
        group = self.group[rows]
        position = (draws * (len(self.order) - self.size[group])).astype(np.int64)
        position += np.where(position >= self.start[group], self.size[group], 0)
        return self.order[position]
