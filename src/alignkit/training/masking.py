"""Masked words, masked patches and swapped captions, from given uniform random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alignkit.errors import DataError
from alignkit.models.protocols import Vocabulary

# Of the chosen words, 80% are masked, 10% replaced, 10% left unchanged (Devlin et al. 2019).
MASKED, REPLACED = 0.8, 0.9
# Masked patches are mid-grey, which favours no colour.
GREY = 128


def choose_share(eligible: np.ndarray, share: float, draws: np.ndarray) -> np.ndarray:
    """Choose a fraction of the eligible places of every row, at least one if there are any.

    Parameters
    ----------
    eligible : ndarray of bool (n, length)
    share : float
        The fraction, in (0, 1).
    draws : ndarray (n, length)
        Uniform random numbers; the eligible places with the smallest ones are chosen.

    Returns
    -------
    ndarray of bool (n, length)
    """
    available = eligible.sum(1)
    wanted = np.minimum(available, np.maximum(1, np.round(share * available)))
    order = np.argsort(np.where(eligible, draws, np.inf), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(eligible.shape[1])[None, :], axis=1)
    chosen: np.ndarray = eligible & (rank < wanted[:, None])
    return chosen


def mask_words(
    tokens: Sequence[np.ndarray], vocabulary: Vocabulary, share: float, draws: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Mask words as BERT does (Devlin et al. 2019), leaving special tokens alone.

    Parameters
    ----------
    tokens : sequence of ndarray
        Token indices of every text, unpadded.
    vocabulary : Vocabulary
    share : float
        The fraction of the words of a text to choose.
    draws : ndarray (n, longest, 3)
        Uniform random numbers: which words are chosen, what happens to them, and which words
        replace them.

    Returns
    -------
    list of ndarray
        New token indices, with words masked.
    ndarray of bool (n, longest)
        Which words were chosen.
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
class PatchGrid:
    """The square patches of an image, row by row, as the vision stream sees them.

    Attributes
    ----------
    side : int
        The number of patches along an edge of the image.
    """

    side: int

    def patches(self, pixels: np.ndarray) -> np.ndarray:
        """Cut images ``(n, 3, size, size)`` into ``(n, side * side, 3 * edge * edge)``."""
        n, channels, size, _ = pixels.shape
        edge = size // self.side
        cut = pixels.reshape(n, channels, self.side, edge, self.side, edge)
        return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, self.side**2, -1)

    def hide(self, pixels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Return images with patches greyed out; ``chosen`` is ``(n, side * side)`` of bool."""
        edge = pixels.shape[-1] // self.side
        places = chosen.reshape(-1, self.side, self.side)
        covered = places.repeat(edge, axis=1).repeat(edge, axis=2)[:, None]
        return np.where(covered, np.array(GREY, dtype=pixels.dtype), pixels)


def equal_texts(texts: Sequence[str]) -> np.ndarray:
    """Return a number for every text, ``(n,)``: one for all equal but for case and spacing."""
    plain = np.array([" ".join(text.lower().split()) for text in texts])
    numbers: np.ndarray = np.unique(plain, return_inverse=True)[1]
    return numbers


class Captions:
    """Draws captions of other samples as negatives, never one equal to the sample's own.

    Parameters
    ----------
    texts : sequence of str
        The captions of a split; they are compared without case and spacing.
    split : str
        The name of the split, for messages.

    Raises
    ------
    DataError
        If all captions are equal.
    """

    def __init__(self, texts: Sequence[str], split: str) -> None:
        self.group = equal_texts(texts)
        self.order = np.argsort(self.group, kind="stable")
        self.size = np.bincount(self.group)
        self.start = np.cumsum(self.size) - self.size
        if len(self.size) < 2:
            raise DataError(
                f"all captions of the {split} split are equal, so none can be swapped; leave out "
                "`objectives=itm`"
            )

    def other(self, rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Return for each row another row with a different caption, all equally likely.

        Parameters
        ----------
        rows : ndarray of int (n,)
        draws : ndarray (n,)
            Uniform random numbers in [0, 1).
        """
        group = self.group[rows]
        position = (draws * (len(self.order) - self.size[group])).astype(np.int64)
        position += np.where(position >= self.start[group], self.size[group], 0)
        others: np.ndarray = self.order[position]
        return others
