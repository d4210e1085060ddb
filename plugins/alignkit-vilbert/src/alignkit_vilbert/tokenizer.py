"""A text model's own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import alignkit
from alignkit_vilbert.quiet import quiet

VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


@dataclass(frozen=True)
class Vocabulary:
    """What masking words needs to know of a tokenizer.

    Attributes
    ----------
    size : int
        Number of tokens.
    mask : int or None
        Index of ``[MASK]``; None where the tokenizer has none.
    special : frozenset of int
        Tokens that are never masked nor drawn.
    """

    size: int
    mask: int | None
    special: frozenset[int]


class Tokenizer:
    """A text model's own tokenizer, kept with the run so that no folder is needed again.

    Parameters
    ----------
    stored : mapping
        ``tokenizer`` (the text of ``tokenizer.json``), ``padding``, ``mask``, ``special``,
        ``outer`` (``[CLS]``, ``[SEP]`` and padding), and ``max_tokens``: longer texts are
        cut, special tokens included.
    """

    def __init__(self, stored: Mapping[str, Any]) -> None:
        import tokenizers

        self.stored = dict(stored)
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
        """Read a model folder's tokenizer.

        Raises
        ------
        DataError
            When the folder has none that can be read.
        """
        # Without a vocabulary the library makes one of nothing but special tokens.
        if not any(file for pattern in VOCABULARIES for file in folder.glob(pattern)):
            raise alignkit.DataError(
                f"{folder} has no tokenizer; expected tokenizer.json or vocab.txt beside the model"
            )
        with quiet():
            from transformers import AutoTokenizer

            try:
                found = AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, use_fast=True, trust_remote_code=False
                )
                backend = found.backend_tokenizer.to_str()
            except Exception as error:
                first = str(error).strip().partition("\n")[0]
                raise alignkit.DataError(
                    f"{folder} has no readable tokenizer ({first}); expected tokenizer.json or "
                    "vocab.txt"
                ) from None
        ends = {
            found.cls_token_id,
            found.sep_token_id,
            found.pad_token_id,
            found.bos_token_id,
            found.eos_token_id,
        }
        if found.pad_token_id is None or found.cls_token_id is None:
            raise alignkit.DataError(
                f"the tokenizer in {folder} has no [CLS] or no padding; expected a BERT-like one"
            )
        stored = {
            "tokenizer": backend,
            "padding": found.pad_token_id,
            "mask": found.mask_token_id,
            "special": sorted(found.all_special_ids),
            "outer": sorted(index for index in ends if index is not None),
            "max_tokens": max_tokens,
        }
        return cls(stored)

    def tokens(self, text: str) -> np.ndarray:
        """Token indices of a text, ``[CLS]`` first."""
        return np.array(self._backend.encode(text).ids, dtype=np.int64)
