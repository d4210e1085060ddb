"""Options of two-stream models: fields, presets and checks. Importing this imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import alignkit
from alignkit_vilbert.freeze import STREAMS, parse_freeze
from alignkit_vilbert.sizes import BlockSizes

HEADS = ("concat", "sum", "hadamard", "text", "vision")
FINALS = ("norm", "raw", "pooler")
FITS = ("own", "crop", "squash")
ACTIVATIONS = ("gelu", "relu")
BLOCKS = ("vilbert", "study")

OptionValue = str | int | float | bool | Path | None
# The values that a preset gives to options that are None.
PRESETS: Mapping[str, Mapping[str, OptionValue]] = {
    "standard": {"block": "vilbert", "final": "norm", "pad": False, "activation": "gelu"},
    "study": {
        "block": "study",
        "final": "raw",
        "pad": True,
        "activation": "relu",
        "head_width": 512,
    },
}
DEEPEST = 10_000  # layers of a stream, counted before a schedule of them is made
# The largest size that is taken, well above that of any published model.
_LARGEST: Mapping[int, Sequence[str]] = {
    10_000: ("heads", "patch_size", "image_size"),
    1_000_000: ("width", "text_width", "vision_width", "feedforward", "head_width", "max_tokens"),
    10_000_000: ("vocabulary",),
}


@dataclass(frozen=True)
class StreamOptions:
    """Options of the two streams and of the head.

    An option that is None takes its value from the named model, from the preset or from other
    options.

    Parameters
    ----------
    text_model, vision_model : str
        A BERT-like model of transformers and a ViT of timm, by name or by folder. When empty,
        the stream is a small transformer that is trained from scratch.
    from_scratch : bool
        Use only the shapes of the named models, with random weights. A tokenizer in the
        model's folder is still used.
    text_folder, vision_folder : Path, optional
        Folder of a model that is named by its content; filled in automatically.
    freeze : str
        Parts that are not trained, for example ``text:0-5+vision:0-3+embeddings``.
    final : str, optional
        What follows the last layer of each stream: ``norm`` (the stream's final layer norm),
        ``raw`` (nothing), or ``pooler`` (as ``norm``, and the head reads the text's ``[CLS]``
        through BERT's pooler).
    depth, width, heads, feedforward : int
        Size of the small streams: number of layers, width, number of attention heads, and
        inner width of the feed-forward layers.
    text_depth, vision_depth : int, optional
        Number of layers of one stream. A named model is cut after that many layers.
    text_width, vision_width : int, optional
        Width of one small stream; default ``width``.
    dropout : float, optional
        Dropout probability. Default: 0 if both streams are small; otherwise the named model's
        own in its layers, and 0.1 in fusions and head.
    image_size : int, optional
        Side of the input images in pixels; default 32 for a small stream, otherwise the named
        model's own.
    patch_size : int
        Side of a small stream's patches in pixels.
    fit : str
        How images are made square: ``crop`` (resize, then crop the centre), ``squash``
        (ignore the aspect ratio), or ``own``: ``crop`` for named models, as they were trained,
        and ``squash`` for small streams.
    max_tokens : int, optional
        Maximum length of a text in tokens; default 48, or 197 with a named text model.
    vocabulary : int
        Maximum size of a small text stream's vocabulary, special tokens included.
    pad : bool, optional
        Pad every text to ``max_tokens`` instead of to the longest text of its batch.
    head : str
        How the head combines the two ``[CLS]`` states: ``concat``, ``sum`` or ``hadamard``
        (elementwise product); ``text`` or ``vision`` reads one stream only.
    head_width : int, optional
        Width of the head's hidden layer; default: the width of the text stream.
    activation : str, optional
        Activation function of the head: ``gelu`` or ``relu``.

    Raises
    ------
    UsageError
        When a value is out of range, or two options contradict each other.
    """

    text_model: str = ""
    vision_model: str = ""
    from_scratch: bool = False
    text_folder: Path | None = None
    vision_folder: Path | None = None
    freeze: str = ""
    final: str | None = None
    depth: int = 12
    width: int = 64
    heads: int = 4
    feedforward: int = 128
    text_depth: int | None = None
    vision_depth: int | None = None
    text_width: int | None = None
    vision_width: int | None = None
    dropout: float | None = None
    image_size: int | None = None
    patch_size: int = 8
    fit: str = "own"
    max_tokens: int | None = None
    vocabulary: int = 8192
    pad: bool | None = None
    head: str = "concat"
    head_width: int | None = None
    activation: str | None = None

    def __post_init__(self) -> None:
        self.fill_in(PRESETS["standard"])
        self.fill_in({"max_tokens": 197 if self.text_model else 48})
        if not self.named_streams():
            self.fill_in({"dropout": 0.0})
        if not self.vision_model:
            self.fill_in({"image_size": 32})
        self._check_choices()
        self._check_sizes()
        self._check_models()
        parse_freeze(self.freeze)

    def named_streams(self) -> tuple[str, ...]:
        """Return the streams that are named models."""
        return tuple(stream for stream in STREAMS if self.model_of(stream))

    def model_of(self, stream: str) -> str:
        """Return the name or folder of a stream's model; empty for a small stream."""
        return self.text_model if stream == "text" else self.vision_model

    def folder_of(self, stream: str) -> Path | None:
        """Return the folder of a stream's model where it is named by its content."""
        return self.text_folder if stream == "text" else self.vision_folder

    def depth_of(self, stream: str) -> int | None:
        """Return the number of layers given for one stream; None where it is not given."""
        return self.text_depth if stream == "text" else self.vision_depth

    def width_of(self, stream: str) -> int:
        """Return the width of a small stream."""
        return (self.text_width if stream == "text" else self.vision_width) or self.width

    def least_weights(self) -> int:
        """Return how many weights the layers of the small streams have at least."""
        small = [stream for stream in STREAMS if not self.model_of(stream)]
        widths = {stream: self.width_of(stream) for stream in small}
        return sum(
            (self.depth_of(stream) or self.depth) * (4 * wide * wide + 2 * wide * self.feedforward)
            for stream, wide in widths.items()
        )

    @property
    def longest_text(self) -> int:
        """The maximum length of a text in tokens, by ``max_tokens``."""
        assert self.max_tokens is not None
        return self.max_tokens

    @property
    def new_dropout(self) -> float:
        """The dropout probability of what is added to the streams: fusions and head."""
        return 0.1 if self.dropout is None else self.dropout

    def fill_in(self, values: Mapping[str, OptionValue]) -> None:
        """Set the options that are None; values of options that do not exist are ignored."""
        for name, value in values.items():
            if getattr(self, name, "") is None:
                object.__setattr__(self, name, value)

    def require(self, holds: bool, name: str, expected: str) -> None:
        """Refuse the value of an option unless a condition holds.

        Parameters
        ----------
        holds : bool
        name : str
            The option.
        expected : str
            What its value must be, as it follows "must be".

        Raises
        ------
        UsageError
            When the condition does not hold.
        """
        if not holds:
            kind = type(self).__name__.removesuffix("Options")
            label = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
            raise alignkit.UsageError(
                f"architecture '{label}': {name}={getattr(self, name)} must be {expected}"
            )

    def _check_choices(self) -> None:
        choices = {"head": HEADS, "final": FINALS, "fit": FITS, "activation": ACTIVATIONS}
        for name, allowed in choices.items():
            self.require(getattr(self, name) in allowed, name, f"one of {', '.join(allowed)}")

    def _check_models(self) -> None:
        for stream in STREAMS:
            small = not self.model_of(stream)
            width = f"{stream}_width"
            own = small or getattr(self, width) is None
            self.require(own, width, "left out: a named model has its own width")
            divides = self.width_of(stream) % self.heads == 0 or not small
            name = width if getattr(self, width) else "width"
            self.require(divides, name, f"a multiple of heads={self.heads}")
        small_text = self.final == "pooler" and not self.text_model
        self.require(not small_text, "final", "norm or raw: a small text stream has no pooler")
        small = self.from_scratch and not self.named_streams()
        self.require(
            not small, "from_scratch", "left out: small streams are always trained from scratch"
        )

    def _check_sizes(self) -> None:
        for name in ("depth", "width", "heads", "feedforward", "patch_size"):
            self.require(getattr(self, name) >= 1, name, "at least 1")
        for name in ("text_depth", "vision_depth", "text_width", "vision_width", "head_width"):
            value = getattr(self, name)
            self.require(value is None or value >= 1, name, "at least 1")
        for name in ("depth", "text_depth", "vision_depth"):
            value = getattr(self, name)
            self.require(value is None or value <= DEEPEST, name, f"at most {DEEPEST:,}")
        for most, names in _LARGEST.items():
            for name in names:
                value = getattr(self, name)
                self.require(value is None or value <= most, name, f"at most {most:,}")
        self.require(self.dropout is None or 0 <= self.dropout < 1, "dropout", "from 0 to below 1")
        if not self.vision_model:
            size = self.image_size or 0
            divides = size >= 1 and size % self.patch_size == 0
            self.require(divides, "image_size", f"a multiple of patch_size={self.patch_size}")
        self.require(self.longest_text >= 3, "max_tokens", "at least 3")
        self.require(self.vocabulary >= 6, "vocabulary", "at least 6")


@dataclass(frozen=True)
class CrossAttentionOptions(StreamOptions):
    """Options of the blocks in which one stream attends to the other.

    Parameters
    ----------
    fusion_width : int, optional
        Inner width of the attention between streams, divided among its heads; default 64, or
        1024 with named models.
    fusion_heads : int, optional
        Number of its attention heads; default ``heads``, or 8 with named models.
    fusion_feedforward : int, optional
        Inner width of its feed-forward layers; default ``feedforward``, or four times the
        width of the stream with named models.
    """

    fusion_width: int | None = None
    fusion_heads: int | None = None
    fusion_feedforward: int | None = None

    def __post_init__(self) -> None:
        if self.named_streams():
            self.fill_in({"fusion_width": 1024, "fusion_heads": 8})
        else:
            self.fill_in(
                {
                    "fusion_width": 64,
                    "fusion_heads": self.heads,
                    "fusion_feedforward": self.feedforward,
                }
            )
        super().__post_init__()
        sizes = self.block_sizes()
        self.require(sizes.inner >= 1, "fusion_width", "at least 1")
        self.require(sizes.heads >= 1, "fusion_heads", "at least 1")
        divides = sizes.inner % sizes.heads == 0
        self.require(divides, "fusion_width", f"a multiple of fusion_heads={sizes.heads}")

    def block_sizes(self) -> BlockSizes:
        """Return the sizes of one block."""
        return BlockSizes(
            self.fusion_width or 0,
            self.fusion_heads or 0,
            self.fusion_feedforward,
            self.new_dropout,
        )


@dataclass(frozen=True)
class VilbertOptions(CrossAttentionOptions):
    """Options of the co-attention blocks.

    Parameters
    ----------
    preset : str
        Values of options that are not given: ``standard``, or ``study`` (the study's blocks,
        head and padding, and no norm after the last layers).
    block : str, optional
        ``vilbert`` (layer norm after each residual) or ``study`` (layer norm before the
        attention, after its residual, and before the feed-forward layers).
    """

    preset: str = "standard"
    block: str | None = None

    def __post_init__(self) -> None:
        self.require(self.preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}")
        self.fill_in(PRESETS[self.preset])
        super().__post_init__()
        self.require(self.block in BLOCKS, "block", f"one of {', '.join(BLOCKS)}")
