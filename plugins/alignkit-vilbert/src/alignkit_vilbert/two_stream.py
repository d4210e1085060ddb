"""Options of two streams and a head; torch is imported only to build them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alignkit
from alignkit_vilbert.freeze import parse_freeze

if TYPE_CHECKING:
    from alignkit_vilbert.inputs import Inputs
    from alignkit_vilbert.model import TwoStreamModel
    from alignkit_vilbert.named_inputs import NamedInputs

STREAMS = ("text", "vision")
HEADS = ("concat", "sum", "hadamard", "text", "vision")
FINALS = ("norm", "raw", "pooler")
FITS = ("own", "crop", "squash")
ACTIVATIONS = ("gelu", "relu")
# What a preset decides, where an option is not given.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "standard": {"block": "vilbert", "final": "norm", "pad": False, "activation": "gelu"},
    "study": {
        "block": "study",
        "final": "raw",
        "pad": True,
        "activation": "relu",
        "head_width": 512,
    },
}


@dataclass(frozen=True)
class TwoStream:
    """Options of two streams and a head; what fuses them is a subclass's part.

    Options that stand at None are decided by others: those of named models by the model,
    those of a preset by the preset.

    Parameters
    ----------
    text_model, vision_model : str
        A BERT-like model of transformers and a ViT of timm, by name or folder; a small
        stream from scratch where empty.
    from_scratch : bool
        Named models with random weights: their shapes, and where a folder holds a
        tokenizer, that.
    text_folder, vision_folder : Path, optional
        Where a model lies that was named by its folder; filled in by itself.
    freeze : str
        What is not trained: ``text:0-5+vision:0-3+embeddings``.
    final : str, optional
        What follows the last layers: ``norm`` (each stream's final norm, so that both are
        normalised), ``raw``, or ``pooler`` (as ``norm``, and the head reads the text's
        ``[CLS]`` through BERT's pooler).
    depth, width, heads, feedforward : int
        Of small streams: layers, width, attention heads, inner width of the feed-forward
        parts.
    text_depth, vision_depth : int, optional
        Of one stream, where they differ; of a named model, its first so many layers.
    text_width, vision_width : int, optional
        Of one small stream, where they differ.
    dropout : float, optional
        0 in small streams; a named model's own, and then 0.1 in fusions and head.
    image_size : int, optional
        Pixels of a side; 32 for small streams, a named model's own.
    patch_size : int
        Pixels of a small stream's patch.
    fit : str
        How pictures become squares: ``crop`` the middle, ``squash`` the whole, or ``own``:
        the first for named models, as they were trained, the second for small streams.
    max_tokens, vocabulary : int
        Longest text in tokens (48; 197 for named models), and the largest vocabulary of
        words, special tokens included.
    pad : bool, optional
        Pad texts to ``max_tokens`` instead of the longest of the batch.
    head : str
        How the head joins the streams' ``[CLS]``: ``concat``, ``sum``, ``hadamard`` (their
        product); or the one it reads alone: ``text``, ``vision``.
    head_width : int, optional
        Width of the head's hidden layer; that of the text stream.
    activation : str, optional
        In the head: ``gelu`` or ``relu``.
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
        self.settle(PRESETS["standard"])
        self._check()

    def named(self) -> tuple[str, ...]:
        """The streams that are named models."""
        return tuple(stream for stream in STREAMS if self.model_of(stream))

    def model_of(self, stream: str) -> str:
        return getattr(self, f"{stream}_model")

    def folder_of(self, stream: str) -> Path | None:
        return getattr(self, f"{stream}_folder")

    def depth_of(self, stream: str) -> int | None:
        return getattr(self, f"{stream}_depth")

    def width_of(self, stream: str) -> int:
        """Width of a small stream."""
        return getattr(self, f"{stream}_width") or self.width

    def number(self, name: str) -> int:
        """An option that others may have decided."""
        value = getattr(self, name)
        assert isinstance(value, int)
        return value

    def depths(self) -> dict[str, int]:
        """Number of layers per stream; a named model is looked up.

        Raises
        ------
        DataError
            When a named model is not there.
        """
        return {stream: self._depth(stream) for stream in STREAMS}

    def resolve(self) -> dict[str, Any]:
        """Look named models up: their depths, and the content of their folders."""
        from alignkit_vilbert.named import pinned

        found: dict[str, Any] = {}
        for stream in self.named():
            found |= pinned(stream, self)
        return found

    def schedule(self, placement: alignkit.Placement) -> list[Any]:
        """Fusions between the layers, where the placement says."""
        depths = self.depths()
        parse_freeze(self.freeze, depths)
        return alignkit.between_layers(placement, depths)

    def inputs(self, texts: Sequence[str]) -> Inputs | NamedInputs:
        """Fit the tokenizer on the texts of the training split, or read a named model's."""
        from alignkit_vilbert.inputs import Inputs

        if self._plain:
            return Inputs.fit(texts, self)
        from alignkit_vilbert.named_inputs import NamedInputs

        return NamedInputs.fit(texts, self)

    def load_inputs(self, stored: Mapping[str, Any]) -> Inputs | NamedInputs:
        """Read back what ``to_json`` of the inputs gave."""
        from alignkit_vilbert.inputs import Inputs

        self._require_streams_of(stored)
        if "words" in stored and self._plain:
            return Inputs(stored["words"], self)
        from alignkit_vilbert.named_inputs import NamedInputs

        if "words" in stored:  # of a run with plain inputs, to start from
            stored = {"text": stored, "models": {}}
        return NamedInputs.from_json(stored, self)

    @property
    def _plain(self) -> bool:
        """Whether small streams get texts and pictures as they come."""
        return not self.named() and not self.pad and self.fit != "crop"

    def _require_streams_of(self, stored: Mapping[str, Any]) -> None:
        """Refuse inputs that another run made for other streams: they would be built, unasked."""
        own = {stream: self.model_of(stream) for stream in self.named()}
        models = stored.get("models", {})
        theirs = stored.get("names") or {stream: own.get(stream, "?") for stream in models}
        if theirs == own:
            return
        told = [
            " and ".join(f"{stream} '{name}'" for stream, name in names.items()) or "small ones"
            for names in (theirs, own)
        ]
        raise alignkit.UsageError(
            f"the streams of the run to start from are {told[0]}, those of this run {told[1]}; "
            "give the same --text-model, --vision-model and --from-scratch"
        )

    def build(self, placement: alignkit.Placement, n_outputs: int, inputs: Any) -> TwoStreamModel:
        """Build the model; what is not pretrained gets weights from torch's generator."""
        from alignkit_vilbert.model import TwoStreamModel, make_streams

        streams = make_streams(self, inputs)
        fusions = self.fusions(placement, streams["text"], streams["vision"])
        return TwoStreamModel(self, streams, fusions, n_outputs)

    def fusions(self, placement: alignkit.Placement, text: Any, vision: Any) -> list[Any]:
        """Build the fusions, in the order of the schedule.

        Parameters
        ----------
        placement : Placement
        text, vision : Module
            The streams, with ``width``, ``layers`` and ``layer``.
        """
        raise NotImplementedError

    @property
    def new_dropout(self) -> float:
        """Dropout of what is added to the streams: fusions and head."""
        return 0.1 if self.dropout is None else self.dropout

    def _depth(self, stream: str) -> int:
        given = self.depth_of(stream)
        if given is not None or not self.model_of(stream):
            return given or self.depth
        from alignkit_vilbert.named import find

        return find(stream, self).depth

    def settle(self, preset: Mapping[str, Any]) -> None:
        """Fill in the options at None: by a preset or by other options."""
        decided = {**preset, "max_tokens": 197 if self.text_model else 48}
        if not self.named():
            decided["dropout"] = 0.0
        if not self.vision_model:
            decided["image_size"] = 32
        for name, value in decided.items():
            if getattr(self, name, "") is None:
                object.__setattr__(self, name, value)

    def _check(self) -> None:
        self._check_sizes()
        choices = {"head": HEADS, "final": FINALS, "fit": FITS, "activation": ACTIVATIONS}
        for name, allowed in choices.items():
            self.require(getattr(self, name) in allowed, name, f"one of {', '.join(allowed)}")
        for stream in STREAMS:
            fixed = not self.model_of(stream) or getattr(self, f"{stream}_width") is None
            self.require(fixed, f"{stream}_width", "left out: it is the named model's own")
        small_text = self.final == "pooler" and not self.text_model
        self.require(not small_text, "final", "norm or raw: a small text stream has no pooler")
        small = self.from_scratch and not self.named()
        self.require(not small, "from_scratch", "left out: only named models have weights to drop")
        parse_freeze(self.freeze)

    def _check_sizes(self) -> None:
        for name in ("depth", "width", "heads", "feedforward", "patch_size"):
            self.require(getattr(self, name) >= 1, name, "at least 1")
        for name in ("text_depth", "vision_depth", "text_width", "vision_width", "head_width"):
            value = getattr(self, name)
            self.require(value is None or value >= 1, name, "at least 1")
        for stream in STREAMS:
            name = f"{stream}_width" if getattr(self, f"{stream}_width") else "width"
            fits = self.width_of(stream) % self.heads == 0 or bool(self.model_of(stream))
            self.require(fits, name, f"a multiple of heads={self.heads}")
        self.require(self.dropout is None or 0 <= self.dropout < 1, "dropout", "from 0 to below 1")
        if not self.vision_model:
            size = self.number("image_size")
            whole = size >= 1 and size % self.patch_size == 0
            self.require(whole, "image_size", f"a multiple of patch_size={self.patch_size}")
        self.require(self.number("max_tokens") >= 3, "max_tokens", "at least 3")
        self.require(self.vocabulary >= 6, "vocabulary", "at least 6")

    def require(self, holds: bool, name: str, expected: str) -> None:
        """Refuse an option's value with one line.

        Raises
        ------
        UsageError
        """
        if not holds:
            label = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
            raise alignkit.UsageError(
                f"architecture '{label}': {name}={getattr(self, name)} must be {expected}"
            )
