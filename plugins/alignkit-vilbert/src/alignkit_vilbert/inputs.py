"""From texts and pictures to what the two streams take."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alignkit_vilbert.pictures import Pictures
from alignkit_vilbert.tokenizer import Vocabulary

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream

PAD, CLS, SEP, UNKNOWN, MASK = range(5)
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
_WORD = re.compile(r"\w+|[^\w\s]")


class Inputs:
    """A word tokenizer and a picture transform.

    Parameters
    ----------
    words : sequence of str
        The vocabulary; the special tokens come first.
    options : TwoStream
    """

    def __init__(self, words: Sequence[str], options: TwoStream) -> None:
        self.words = list(words)
        self._index = {word: index for index, word in enumerate(self.words)}
        self._max_tokens = options.number("max_tokens")
        self._pictures = Pictures(options.image_size or 0)  # 0: a named model takes them

    @classmethod
    def fit(cls, texts: Sequence[str], options: TwoStream) -> Inputs:
        """Take the most frequent words, ties in alphabetical order."""
        counts = Counter(word for text in texts for word in _split(text))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls([*SPECIAL, *ranked[: options.vocabulary - len(SPECIAL)]], options)

    @property
    def vocabulary(self) -> Vocabulary:
        """Its size and its special tokens."""
        return Vocabulary(len(self.words), MASK, frozenset(range(len(SPECIAL))))

    def to_json(self) -> dict[str, Any]:
        """Plain values to store with a run."""
        return {"words": self.words}

    @property
    def recipe(self) -> dict[str, Any]:
        """How pictures become pixels: kept pixels are used where this is the same."""
        return self._pictures.recipe

    def tokens(self, text: str) -> np.ndarray:
        """Token indices of a text, ``[CLS]`` first and ``[SEP]`` last."""
        words = _split(text)[: self._max_tokens - 2]
        inner = [self._index.get(word, UNKNOWN) for word in words]
        return np.array([CLS, *inner, SEP], dtype=np.int64)

    def pixels(self, picture: Image.Image | np.ndarray) -> np.ndarray:
        """A picture as ``(3, size, size)`` of ``uint8``, resized without cropping."""
        return self._pictures.pixels(picture)

    def batch(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, Tensor]]:
        """Pad texts to the longest of the batch and scale pictures to [-1, 1]."""
        longest = max(len(row) for row in tokens)
        padded = np.full((len(tokens), longest), PAD, dtype=np.int64)
        for row, indices in zip(padded, tokens, strict=True):
            row[: len(indices)] = indices
        scaled = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(127.5).sub_(1)
        return {"text": {"tokens": torch.from_numpy(padded)}, "vision": {"pixels": scaled}}


def _split(text: str) -> list[str]:
    return _WORD.findall(text.lower())
