"""A text model's own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import alignkit


@dataclass(frozen=True)
class Vocabulary:
    """What masked language modelling needs to know about a tokenizer.

    Attributes
    ----------
    size : int
        Number of tokens.
    mask : int or None
        Index of ``[MASK]``; None where the tokenizer has none.
    special : frozenset of int
        Indices of tokens that are neither masked nor drawn as random replacements.
    """

    size: int
    mask: int | None
    special: frozenset[int]


class Tokenizer:
    """A text model's own tokenizer, stored with the run so that its folder is not needed again.

    Parameters
    ----------
    stored : mapping
        ``tokenizer`` (the text of ``tokenizer.json``); the token indices ``padding``, ``mask``,
        ``special`` and ``outer`` (``[CLS]``, ``[SEP]`` and padding); and ``max_tokens``, the
        length to which texts are truncated, special tokens included.
    """

    def __init__(self, stored: Mapping[str, Any]) -> None:
        import tokenizers

        self._stored = dict(stored)
        self.padding: int = stored["padding"]
        self.outer = frozenset(stored["outer"])
        self._backend = tokenizers.Tokenizer.from_str(stored["tokenizer"])
        self._backend.no_padding()
        self._backend.enable_truncation(stored["max_tokens"])
        self.vocabulary = Vocabulary(
            self._backend.get_vocab_size(), stored["mask"], frozenset(stored["special"])
        )

    @classmethod
    def read(cls, folder: Path, max_tokens: int) -> Tokenizer:
        """Read the tokenizer of a model folder.

        Raises
        ------
        DataError
            When there is none, or it cannot be read.
        """
        from alignkit_encoders.texts import read_tokenizer  # with torch, which takes seconds

        tokenizer = read_tokenizer(folder)
        if not hasattr(tokenizer, "backend_tokenizer"):
            raise alignkit.DataError(
                f"cannot read the tokenizer in {folder} (it has no tokenizer.json, nor what one "
                "could be made from); expected tokenizer.json or vocab.txt"
            )
        backend = tokenizer.backend_tokenizer.to_str()
        ends = {
            tokenizer.cls_token_id,
            tokenizer.sep_token_id,
            tokenizer.pad_token_id,
            tokenizer.bos_token_id,
            tokenizer.eos_token_id,
        }
        if tokenizer.pad_token_id is None or tokenizer.cls_token_id is None:
            raise alignkit.DataError(
                f"the tokenizer in {folder} has no [CLS] or no padding token; expected that of a "
                "BERT-like model"
            )
        stored = {
            "tokenizer": backend,
            "padding": tokenizer.pad_token_id,
            "mask": tokenizer.mask_token_id,
            "special": sorted(tokenizer.all_special_ids),
            "outer": sorted(index for index in ends if index is not None),
            "max_tokens": max_tokens,
        }
        return cls(stored)

    def to_json(self) -> dict[str, Any]:
        """Return plain values to store with a run."""
        return self._stored

    def tokens(self, text: str) -> np.ndarray:
        """Return the token indices of a text, ``[CLS]`` first."""
        return np.array(self._backend.encode(text).ids, dtype=np.int64)
