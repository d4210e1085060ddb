"""Inputs of streams of which at least one is a named model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

import alignkit
from alignkit_vilbert import inputs as small
from alignkit_vilbert.named import Named, find
from alignkit_vilbert.pictures import Pictures
from alignkit_vilbert.tokenizer import Tokenizer
from alignkit_vilbert.vision_models import FoundViT

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream


class Words:
    """The words of the training texts, as the small streams take them."""

    padding = small.PAD
    outer = frozenset({small.PAD, small.CLS, small.SEP})

    def __init__(self, inputs: small.Inputs) -> None:
        self.inputs = inputs
        self.tokens = inputs.tokens

    @property
    def vocabulary(self) -> Any:
        return self.inputs.vocabulary  # type: ignore[attr-defined]

    @property
    def stored(self) -> dict[str, Any]:
        return self.inputs.to_json()


# The models that number positions from the one after the padding's.
_OFFSET = {"roberta": 2, "xlm-roberta": 2, "camembert": 2}


@dataclass(frozen=True)
class Source:
    """What a named stream is built from.

    Attributes
    ----------
    config : mapping or FoundViT
        Its shapes.
    folder : Path or None
        Its weights; None for random ones, and for a run that brings its own.
    name : str
        What the options call it.
    """

    config: Any
    folder: Path | None = None
    name: str = ""


class NamedInputs:
    """A text side and a vision side, each of its own kind.

    Parameters
    ----------
    text : Words or Tokenizer
    pictures : Pictures
    pad_to : int
        Pad every text to so many tokens; 0 pads to the longest of the batch.
    models : mapping of str to Source
        What the named streams are built from, by stream.
    """

    def __init__(
        self, text: Words | Tokenizer, pictures: Pictures, pad_to: int, models: Mapping[str, Source]
    ) -> None:
        self.text, self.pictures, self.pad_to, self.models = text, pictures, pad_to, models
        self.tokens, self.pixels = text.tokens, pictures.pixels

    @property
    def vocabulary(self) -> Any:
        """``size``, ``mask`` and ``special``, as masking words needs them."""
        return self.text.vocabulary

    @property
    def recipe(self) -> dict[str, Any]:
        """How pictures become pixels; texts and weights are of no matter to it."""
        return self.pictures.recipe

    @property
    def words(self) -> Sequence[str]:
        """The vocabulary of a small text stream."""
        assert isinstance(self.text, Words)
        return self.text.inputs.words

    def to_json(self) -> dict[str, Any]:
        """Everything that opens the run again, without the named models' folders."""
        configs = {stream: source.config for stream, source in self.models.items()}
        if "vision" in configs:
            configs["vision"] = configs["vision"].to_json()
        return {
            "text": self.text.stored,
            "pictures": self.pictures.to_json(),
            "pad_to": self.pad_to,
            "models": configs,
            "names": {stream: source.name for stream, source in self.models.items()},
        }

    @classmethod
    def fit(cls, texts: Sequence[str], options: TwoStream) -> NamedInputs:
        """Read the named models' own inputs; fit those of the small streams on the texts."""
        found = {stream: find(stream, options) for stream in options.named()}
        models = {
            stream: Source(
                one.config, None if options.from_scratch else one.folder, options.model_of(stream)
            )
            for stream, one in found.items()
        }
        longest = _longest(models, options)
        text: Words | Tokenizer
        if "text" in found and found["text"].folder is not None:
            text = Tokenizer.read(found["text"].folder, longest)
            _require_embedded(text.vocabulary.size, found["text"])
        else:
            text = Words(small.Inputs.fit(texts, replace(options, max_tokens=longest)))
        return cls(text, _pictures(models, options), longest if options.pad else 0, models)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], options: TwoStream) -> NamedInputs:
        """Read back what ``to_json`` gave; a run that starts from it may pad or cut otherwise."""
        configs = dict(stored["models"])
        if "vision" in configs:
            configs["vision"] = vit = FoundViT(**configs["vision"])
            if options.image_size not in (None, vit.size):
                raise alignkit.UsageError(
                    f"the vision stream to start from takes pictures of {vit.size} pixels, not "
                    f"image_size={options.image_size}; leave that out"
                )
        models = {
            stream: Source(config, name=options.model_of(stream))
            for stream, config in configs.items()
        }
        longest = _longest(models, options)
        text: Words | Tokenizer
        if "words" in stored["text"]:
            text = Words(
                small.Inputs(stored["text"]["words"], replace(options, max_tokens=longest))
            )
        else:
            text = Tokenizer(stored["text"] | {"max_tokens": longest})
        return cls(text, _pictures(models, options), longest if options.pad else 0, models)

    def batch(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, Tensor]]:
        """Pad texts and normalise pictures."""
        longest = max(self.pad_to, *(len(row) for row in tokens))
        padded = np.full((len(tokens), longest), self.text.padding, dtype=np.int64)
        for row, indices in zip(padded, tokens, strict=True):
            row[: len(indices)] = indices
        return {
            "text": {"tokens": torch.from_numpy(padded)},
            "vision": {"pixels": self.pictures.batch(pixels)},
        }


def _require_embedded(size: int, found: Named) -> None:
    """Refuse a tokenizer that gives more tokens than its model embeds."""
    embedded = found.config.get("vocab_size", size)
    if size > embedded:
        raise alignkit.DataError(
            f"the tokenizer in {found.folder} has {size} tokens, its model embeds {embedded}; "
            "expected both of one model"
        )


def _pictures(models: Mapping[str, Source], options: TwoStream) -> Pictures:
    if "vision" not in models:
        return Pictures(options.image_size or 32, fit=_fit(options, "squash"))
    vit: FoundViT = models["vision"].config
    fit = _fit(options, "crop")
    return Pictures(vit.size, vit.mean, vit.std, fit, vit.crop, vit.interpolation)


def _longest(models: Mapping[str, Source], options: TwoStream) -> int:
    """Longest text in tokens: what the options say, as far as the model has positions."""
    longest = options.number("max_tokens")
    return min(longest, _positions(models["text"].config)) if "text" in models else longest


def _positions(config: Mapping[str, Any]) -> int:
    """Longest text that a model has positions for."""
    return config["max_position_embeddings"] - _OFFSET.get(config["model_type"], 0)


def _fit(options: TwoStream, own: str) -> str:
    return own if options.fit == "own" else options.fit
