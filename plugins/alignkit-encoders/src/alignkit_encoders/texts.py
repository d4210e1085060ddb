"""Texts as a model takes them: its own tokenizer, special tokens, padding and length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import alignkit
from alignkit_encoders.modules import Positions
from alignkit_encoders.quiet import quiet
from alignkit_encoders.sizes import check_vocabulary

VOCABULARIES = ("tokenizer.json", "vocab.*", "*.model", "merges.txt", "*.tiktoken")
# These count positions from the index after the padding token's, by themselves.
OFFSET_POSITIONS = {
    "camembert",
    "data2vec-text",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}
UNLIMITED = 10**9  # what tokenizers state where they have no limit is larger
LONGEST = 512  # where neither tokenizer nor model states a limit


class TextInputs:
    """The tokenizer of a model folder.

    Parameters
    ----------
    folder : Path
    config : mapping
        The model's ``config.json``, of a model with two towers that of the text tower.
    max_tokens : int, optional
        Cuts longer texts; by default as long as the model allows.
    padding : str
        ``right``, or ``left`` for models without a class token.

    Attributes
    ----------
    cut : int
        The number of texts that were cut so far.

    Raises
    ------
    DataError
        When the folder has no tokenizer, or it cannot be read.
    UsageError
        For a length that the model does not allow, or padding on a side that it does not.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        max_tokens: int | None = None,
        padding: str = "right",
    ) -> None:
        if padding not in ("left", "right"):
            raise alignkit.UsageError(f"unknown padding '{padding}'; known: left, right")
        self.model_type = str(config.get("model_type", ""))
        self.tokenizer = read_tokenizer(folder)
        self.tokenizer.padding_side = padding
        if self.tokenizer.pad_token_id is None:
            # Models without a padding token do not attend to what the mask leaves out.
            self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.unk_token
        if padding == "left" and self.tokenizer.cls_token_id is not None:
            raise alignkit.UsageError(
                f"padding=left: the model in {folder} begins its texts with a class token, which "
                "must come first; leave the option out"
            )
        self.embedded = config.get("vocab_size")
        check_vocabulary(_most_used(self.tokenizer), config, folder)
        self.folder = folder
        self.limit = self._limit(config, max_tokens)
        self.padding, self.cut = padding, 0

    def prepare(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return the inputs of a batch, padded to its longest text."""
        lengths = [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]]
        self.cut += sum(length > self.limit for length in lengths)
        encoded = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.limit,
            return_tensors="pt",
            return_attention_mask=True,
            return_special_tokens_mask=True,
        )
        inputs: dict[str, Tensor] = dict(encoded)
        self._require_embedded(inputs["input_ids"])
        if not inputs["attention_mask"].any(1).all():
            # An empty text without special tokens: one padding token stands for it.
            inputs["attention_mask"][~inputs["attention_mask"].any(1), 0] = 1
        if self.padding == "left":
            inputs["position_ids"] = (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)
        return inputs

    def text(self) -> str:
        """Say which tokenizer there is, what it makes of a text, and how long texts may be."""
        tokens = self.tokenizer.convert_ids_to_tokens(self.tokenizer("a")["input_ids"])
        return (
            f"{type(self.tokenizer).__name__} with {len(self.tokenizer):,} tokens ('a' is "
            f"{' '.join(tokens)}), up to {self.limit:,} of them, padded on the {self.padding}"
        )

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return padding, special tokens and the place of the class token."""
        mask = inputs["attention_mask"].bool()
        cls: Tensor | None = mask.long().argmax(1)
        token = self.tokenizer.cls_token_id
        ids = inputs["input_ids"]
        if token is None or cls is None or not (ids[torch.arange(len(ids)), cls] == token).all():
            cls = None
        return Positions(mask, inputs["special_tokens_mask"].bool(), cls)

    def _require_embedded(self, ids: Tensor) -> None:
        """Refuse an added token that a text holds and the model does not embed."""
        largest = int(ids.max())
        if self.embedded is not None and largest >= self.embedded:
            token = self.tokenizer.convert_ids_to_tokens(largest)
            raise alignkit.DataError(
                f"a text holds the token {token!r}, number {largest} of the tokenizer in "
                f"{self.folder}; the model embeds {self.embedded}"
            )

    def _limit(self, config: Mapping[str, Any], asked: int | None) -> int:
        limits = []
        stated = self.tokenizer.model_max_length
        numeric = isinstance(stated, int | float) and not isinstance(stated, bool)
        if not numeric or not stated >= 1:
            raise alignkit.DataError(
                f"the tokenizer in {self.folder} states model_max_length = {stated!r}; expected a "
                "number of tokens"
            )
        if stated < UNLIMITED:
            limits.append(int(stated))
        positions = config.get("max_position_embeddings", config.get("n_positions"))
        if isinstance(positions, int) and positions > 0:
            limits.append(positions - (2 if self.model_type in OFFSET_POSITIONS else 0))
        longest = min(limits, default=LONGEST)
        if asked is None:
            return longest
        if not 1 <= asked <= longest:
            raise alignkit.UsageError(
                f"max_tokens={asked} is not from 1 to {longest}, the longest text of this model"
            )
        return asked


def _most_used(tokenizer: Any) -> int:
    """Return how many tokens a text may need: those not added, and the special ones in use."""
    special = (
        tokenizer.pad_token_id,
        tokenizer.unk_token_id,
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
    )
    used = max((index for index in special if index is not None), default=-1) + 1
    return max(int(tokenizer.vocab_size), used)


def read_tokenizer(folder: Path) -> Any:
    """Read the tokenizer of a model folder; code in the folder is never run.

    Raises
    ------
    DataError
        When there is none, or it cannot be read.
    """
    # Without a vocabulary, the library makes one that holds only special tokens.
    if not any(file for pattern in VOCABULARIES for file in folder.glob(pattern)):
        raise alignkit.DataError(
            f"{folder} has no tokenizer; expected tokenizer.json or vocab.txt next to the model"
        )
    with quiet():
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(  # nosec B615  # a local folder
                folder, local_files_only=True, use_fast=True, trust_remote_code=False
            )
        except Exception as error:
            first = alignkit.first_line(error)
            raise alignkit.DataError(
                f"cannot read the tokenizer in {folder} ({first}); expected tokenizer.json or "
                "vocab.txt"
            ) from None
