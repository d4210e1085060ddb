"""Texts and images as two small streams take them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alignkit_vilbert.images import ImageTransform
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.tokenizer import Vocabulary

PAD, CLS, SEP, UNKNOWN, MASK = range(5)
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
_WORD = re.compile(r"\w+|[^\w\s]")


class Inputs:
    """A word tokenizer and an image transform.

    Parameters
    ----------
    words : sequence of str
        The vocabulary; the special tokens come first.
    options : StreamOptions
    """

    padding = PAD
    outer = frozenset({PAD, CLS, SEP})

    def __init__(self, words: Sequence[str], options: StreamOptions) -> None:
        self.words = list(words)
        self._index = {word: index for index, word in enumerate(self.words)}
        self._max_tokens = options.longest_text
        # Without a size, a named vision model brings the transform.
        self._images = ImageTransform(options.image_size or 0)

    @classmethod
    def fit(cls, texts: Sequence[str], options: StreamOptions) -> Inputs:
        """Build the vocabulary from the most frequent words; ties are broken alphabetically."""
        counts = Counter(word for text in texts for word in _split(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([*SPECIAL, *ranked[: options.vocabulary - len(SPECIAL)]], options)

    @property
    def vocabulary(self) -> Vocabulary:
        """The number of tokens, and which of them are special."""
        return Vocabulary(len(self.words), MASK, frozenset(range(len(SPECIAL))))

    def to_json(self) -> dict[str, Any]:
        """Return plain values to store with a run."""
        return {"words": self.words}

    @property
    def recipe(self) -> dict[str, Any]:
        """How images become pixels; cached pixels are used where this is the same."""
        return self._images.recipe

    def tokens(self, text: str) -> np.ndarray:
        """Return the token indices of a text, ``[CLS]`` first and ``[SEP]`` last."""
        words = _split(text)[: self._max_tokens - 2]
        inner = [self._index.get(word, UNKNOWN) for word in words]
        return np.array([CLS, *inner, SEP], dtype=np.int64)

    def pixels(self, image: Image.Image | np.ndarray) -> np.ndarray:
        """Return an image as ``(3, size, size)`` array of ``uint8``, resized without cropping."""
        return self._images.pixels(image)

    def batch(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, Tensor]]:
        """Pad texts to the longest of the batch and scale images to [-1, 1].

        Parameters
        ----------
        tokens : sequence of array
            Token indices of each text.
        pixels : array
            ``(batch, 3, size, size)`` of ``uint8``.

        Returns
        -------
        dict of str to dict
            What ``embed`` of each stream takes.
        """
        padded = pad(tokens, PAD)
        scaled = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(127.5).sub_(1)
        return {"text": {"tokens": padded}, "vision": {"pixels": scaled}}


def pad(tokens: Sequence[np.ndarray], padding: int, at_least: int = 0) -> Tensor:
    """Pad token indices to one length: that of the longest text, but ``at_least`` so many."""
    longest = max(at_least, *(len(row) for row in tokens))
    padded = np.full((len(tokens), longest), padding, dtype=np.int64)
    for row, indices in zip(padded, tokens, strict=True):
        row[: len(indices)] = indices
    return torch.from_numpy(padded)


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower())
