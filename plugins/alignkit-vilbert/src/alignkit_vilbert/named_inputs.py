"""Texts and images for streams of which at least one is a named model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

import alignkit
from alignkit_encoders import check_vocabulary
from alignkit_vilbert.images import ImageTransform
from alignkit_vilbert.inputs import Inputs, pad
from alignkit_vilbert.named import find_text, find_vision
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.tokenizer import Tokenizer, Vocabulary
from alignkit_vilbert.vision_models import ViTSpec

# Models that count positions from the index after the padding token's.
_POSITION_OFFSETS = {"roberta": 2, "xlm-roberta": 2, "camembert": 2}


Config = TypeVar("Config", Mapping[str, Any], ViTSpec)


@dataclass(frozen=True)
class Source(Generic[Config]):
    """What a named stream is built from.

    Attributes
    ----------
    config : mapping or ViTSpec
        The ``config.json`` of a text model, the specification of a vision model.
    folder : Path or None
        Folder of its weights; None for random weights, and where the run's own are loaded.
    name : str
        The model's name in the options.
    """

    config: Config
    folder: Path | None = None
    name: str = ""


TextSource = Source[Mapping[str, Any]]
VisionSource = Source[ViTSpec]


class NamedInputs:
    """A tokenizer and an image transform, each of a named model or of a small stream.

    Parameters
    ----------
    text : Inputs or Tokenizer
        The tokenizer; of `Inputs`, the image transform is not used.
    images : ImageTransform
    pad_to : int
        Length in tokens to which every text is padded; 0 pads to the longest of the batch.
    text_source : TextSource, optional
        What the text stream is built from, if it is a named model.
    vision_source : VisionSource, optional
        What the vision stream is built from, if it is a named model.
    """

    def __init__(
        self,
        text: Inputs | Tokenizer,
        images: ImageTransform,
        pad_to: int,
        text_source: TextSource | None = None,
        vision_source: VisionSource | None = None,
    ) -> None:
        self.text, self.images, self.pad_to = text, images, pad_to
        self.text_source, self.vision_source = text_source, vision_source
        self.tokens, self.pixels = text.tokens, images.pixels

    @property
    def vocabulary(self) -> Vocabulary:
        """The number of tokens, and which of them are special."""
        return self.text.vocabulary

    @property
    def recipe(self) -> dict[str, Any]:
        """How images become pixels; cached pixels are used where this is the same."""
        return self.images.recipe

    @property
    def words(self) -> Sequence[str]:
        """The vocabulary of a small text stream."""
        assert isinstance(self.text, Inputs)
        return self.text.words

    def to_json(self) -> dict[str, Any]:
        """Return all that is needed to load the run without the named models' folders."""
        text, vision = self.text_source, self.vision_source
        models = {} if text is None else {"text": text.config}
        names = {} if text is None else {"text": text.name}
        if vision is not None:
            models["vision"] = vision.config.to_json()
            names["vision"] = vision.name
        return {
            "text": self.text.to_json(),
            "pictures": self.images.to_json(),
            "pad_to": self.pad_to,
            "models": models,
            "names": names,
        }

    @classmethod
    def fit(cls, texts: Sequence[str], options: StreamOptions) -> NamedInputs:
        """Read the named models' own inputs; fit a small stream's vocabulary on the texts.

        Raises
        ------
        DataError
            When a model's files are missing, or its tokenizer has more tokens than it embeds.
        """
        text_model = find_text(options) if options.text_model else None
        vision_model = find_vision(options) if options.vision_model else None
        text_source = vision_source = None
        if text_model is not None:
            folder = None if options.from_scratch else text_model.folder
            text_source = Source(text_model.config, folder, options.text_model)
        if vision_model is not None:
            folder = None if options.from_scratch else vision_model.folder
            vision_source = Source(vision_model.config, folder, options.vision_model)
        longest = _longest(text_source, options)
        text: Inputs | Tokenizer
        if text_model is not None and text_model.folder is not None:
            text = Tokenizer.read(text_model.folder, longest)
            check_vocabulary(text.vocabulary.size, text_model.config, text_model.folder)
        else:
            text = Inputs.fit(texts, replace(options, max_tokens=longest))
        images = _image_transform(vision_source, options)
        return cls(text, images, longest if options.pad else 0, text_source, vision_source)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], options: StreamOptions) -> NamedInputs:
        """Read back what `to_json` returned; padding and cropping follow the options.

        Raises
        ------
        UsageError
            When ``image_size`` is not that of the stored vision model.
        """
        text_source = vision_source = None
        if "text" in stored["models"]:
            text_source = Source(stored["models"]["text"], name=options.text_model)
        if "vision" in stored["models"]:
            vit = ViTSpec(**stored["models"]["vision"])
            if options.image_size not in (None, vit.size):
                raise alignkit.UsageError(
                    f"the vision stream to start from takes images of {vit.size} pixels, not "
                    f"image_size={options.image_size}; leave image_size out"
                )
            vision_source = Source(vit, name=options.vision_model)
        longest = _longest(text_source, options)
        text: Inputs | Tokenizer
        if "words" in stored["text"]:
            text = Inputs(stored["text"]["words"], replace(options, max_tokens=longest))
        else:
            text = Tokenizer(stored["text"] | {"max_tokens": longest})
        images = _image_transform(vision_source, options)
        return cls(text, images, longest if options.pad else 0, text_source, vision_source)

    def batch(
        self, tokens: Sequence[np.ndarray], pixels: np.ndarray
    ) -> dict[str, dict[str, Tensor]]:
        """Pad texts and normalise images, as ``Inputs.batch`` does for streams without a name."""
        return {
            "text": {"tokens": pad(tokens, self.text.padding, self.pad_to)},
            "vision": {"pixels": self.images.batch(pixels)},
        }


def _image_transform(source: VisionSource | None, options: StreamOptions) -> ImageTransform:
    if source is None:
        fit = "squash" if options.fit == "own" else options.fit
        return ImageTransform(options.image_size or 32, fit=fit)
    vit = source.config
    fit = "crop" if options.fit == "own" else options.fit
    return ImageTransform(vit.size, vit.mean, vit.std, fit, vit.crop, vit.interpolation)


def _longest(source: TextSource | None, options: StreamOptions) -> int:
    """Maximum length of a text: ``max_tokens``, or as many positions as the model has."""
    if source is None:
        return options.longest_text
    positions = source.config.get("max_position_embeddings")
    if positions is None:  # the model is then built with the library's own number
        from alignkit_vilbert.text_models import positions_of

        positions = positions_of(source.config)
    offset = _POSITION_OFFSETS.get(source.config["model_type"], 0)
    return min(options.longest_text, positions - offset)
