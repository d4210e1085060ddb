"""Encoders from transformers: text and vision models, towers of two-tower models, decoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

import alignkit
from alignkit_encoders.folders import (
    fetched_folder,
    label_of,
    local_folder,
    read_config,
    read_object,
    require_safetensors,
    split_commit,
)
from alignkit_encoders.modules import (
    ModuleEncoder,
    Positions,
    accepted,
    picture_text,
    probe_samples,
)
from alignkit_encoders.quiet import quiet
from alignkit_encoders.sentences import SentencePooling
from alignkit_encoders.sizes import check_memory, check_picture_sizes, check_sizes
from alignkit_encoders.texts import VOCABULARIES, TextInputs

CLASS_TOKENS = ("cls_token", "class_embedding", "class_token")
TOWERS = ("text", "vision")
# Where a model with two towers keeps them.
TOWER_MODULES = {
    "text": ("text_model", "language_model", "text_encoder"),
    "vision": ("vision_model", "vision_tower", "vision_encoder", "visual"),
}
OFFLINE: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
PREPROCESSING = ("preprocessor_config.json", "processor_config.json")


def hf(
    *,
    model: str = "",
    tower: str = "",
    dtype: str = "float32",
    max_tokens: int | None = None,
    padding: str = "right",
    from_scratch: bool = False,
    init_seed: int = 0,
) -> ModuleEncoder:
    """Return a model of transformers as an encoder.

    Only safetensors are read, and code in a repository is never run.

    Parameters
    ----------
    model : str
        A folder, or a name on the Hugging Face hub that is cached or can be downloaded; with
        ``@`` and a commit hash of 40 digits, as it is in that commit.
    tower : str
        ``text`` or ``vision``, of a model that has both.
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``.
    max_tokens : int, optional
        Cuts longer texts; by default as long as the model allows.
    padding : str
        The side on which texts are padded: ``right``, or ``left`` for decoders.
    from_scratch : bool
        Random weights, as a control.
    init_seed : int
        The seed of random weights.

    Raises
    ------
    DataError
        When files are missing, or weights do not fit the model.
    UsageError
        For an option that does not fit the model.
    """
    if not model:
        raise alignkit.UsageError("name a model: hf:FOLDER, or hf:NAME on the Hugging Face hub")
    local = local_folder(model)
    folder = local or fetched_folder(
        model, f"model '{model}'", "name a folder with config.json and model.safetensors"
    )
    name = local.name if local else split_commit(model)[0].split("/")[-1]
    source = Source(folder, name, tower, dtype, from_scratch, init_seed)
    if source.stream == "text":
        return TextModel(source, max_tokens, padding)
    if max_tokens is not None:
        raise alignkit.UsageError("max_tokens is an option of text models, and this sees pictures")
    return VisionModel(source)


hf.positional = "model"  # type: ignore[attr-defined]


class Source:
    """A model folder, and how the model is built from it.

    Parameters
    ----------
    folder : Path
        With ``modules.json``, one of sentence-transformers.
    name : str
    tower, dtype : str
    from_scratch : bool
    init_seed : int
    """

    def __init__(
        self, folder: Path, name: str, tower: str, dtype: str, from_scratch: bool, init_seed: int
    ) -> None:
        self.folder, self.dtype = folder, dtype
        self.from_scratch, self.init_seed = from_scratch, init_seed
        self.missing: list[str] = []  # weights that the checkpoint lacks, once it was read
        self.unused: list[str] = []  # and those that it has beside the model's
        self.sentences = SentencePooling.read(folder)
        self.model_folder = self.sentences.model_folder if self.sentences else folder
        self.config = self._read_config()
        self.settings = self._read_settings()
        self.both = "text_config" in self.config and "vision_config" in self.config
        self.tower = self._checked_tower(tower)
        self.stream = self.tower or self._stream()
        self.label = "-".join(
            [name, *([self.tower] if self.both else []), *(["random"] if from_scratch else [])]
        )
        if not from_scratch:
            require_safetensors(self.model_folder)

    @property
    def tower_config(self) -> Mapping[str, Any]:
        """The configuration of the tower, or of the model where it is one."""
        inner: Mapping[str, Any] = self.config[f"{self.tower}_config"] if self.both else self.config
        return inner

    def identity(self) -> dict[str, Any]:
        """Return what identifies the model: content of its files, precision, and its seed."""
        content: dict[str, Any] = {
            "library": "transformers",
            "files": label_of(self.folder, not self.from_scratch).rpartition("@")[2],
            "tower": self.tower,
            "dtype": self.dtype,
        }
        if self.sentences is not None:
            content["sentences"] = self.sentences.identity()
        if self.folder != self.model_folder:
            content["model"] = label_of(self.model_folder, not self.from_scratch).rpartition("@")[2]
        if self.from_scratch:
            import transformers

            # How weights are drawn belongs to the library.
            content |= {"init_seed": self.init_seed, "version": transformers.__version__}
        return content

    def make(self) -> nn.Module:
        """Build the model and read its weights."""
        with quiet():
            from transformers import AutoModel

            try:
                check_memory(
                    lambda: cast(nn.Module, AutoModel.from_config(self.settings)),  # type: ignore[no-untyped-call]
                    f"the model in {self.model_folder}",
                    () if self.from_scratch else self.model_folder.glob("model*.safetensors"),
                )
                if self.from_scratch:
                    with torch.random.fork_rng(devices=[]):
                        torch.manual_seed(self.init_seed)
                        random: nn.Module = AutoModel.from_config(self.settings)  # type: ignore[no-untyped-call]
                    return random
                made, report = AutoModel.from_pretrained(  # nosec B615  # a local folder
                    self.model_folder,
                    config=self.settings,
                    use_safetensors=True,
                    dtype=torch.float32,
                    output_loading_info=True,
                    ignore_mismatched_sizes=True,  # they are refused below, by name
                    **OFFLINE,
                )
            except alignkit.AlignkitError:
                raise
            except Exception as error:
                first = alignkit.first_line(error)
                raise alignkit.DataError(
                    f"the model in {self.model_folder} cannot be built: {first}"
                ) from None
        self.missing = sorted(report["missing_keys"])
        self.unused = sorted(report["unexpected_keys"])
        wrong = sorted(str(key[0]) for key in report["mismatched_keys"])
        lacking = [name for name in self.missing if "pool" not in name]
        if wrong or lacking:
            what = f"has other shapes for {wrong[0]}" if wrong else f"lacks {lacking[0]}"
            more = len(wrong or lacking) - 1
            raise alignkit.DataError(
                f"{self.model_folder} does not hold the weights of its config.json: it {what}"
                + (f" and {more} more" if more else "")
            )
        return cast(nn.Module, made)

    def _read_config(self) -> dict[str, Any]:
        config = read_config(self.model_folder)
        kind = config.get("model_type")
        if not isinstance(kind, str):
            raise alignkit.DataError(
                f"{self.model_folder / 'config.json'} does not name a model_type; expected the "
                "config.json of a model of transformers"
            )
        check_sizes(config, self.model_folder / "config.json")
        from transformers import CONFIG_MAPPING

        if kind not in CONFIG_MAPPING:
            import transformers

            raise alignkit.DataError(
                f"transformers {transformers.__version__} has no model type '{kind}', and code in "
                "a model's folder is never run; wrap the model in a function of yours: "
                "module:FILE.py:FUNCTION"
            )
        return config

    def _read_settings(self) -> Any:
        """Read the library's own configuration, which checks kinds of values."""
        with quiet():
            from transformers import AutoConfig

            try:
                return AutoConfig.from_pretrained(self.model_folder, **OFFLINE)  # nosec B615
            except Exception as error:
                first = alignkit.first_line(error)
                raise alignkit.DataError(
                    f"{self.model_folder / 'config.json'} cannot be used: {first}"
                ) from None

    def _checked_tower(self, tower: str) -> str:
        if tower and tower not in TOWERS:
            raise alignkit.UsageError(f"unknown tower '{tower}'; known: {', '.join(TOWERS)}")
        if self.both and not tower:
            raise alignkit.UsageError(
                f"{self.folder.name} is a model of two towers; choose one: tower=text or "
                "tower=vision"
            )
        if tower and not self.both:
            raise alignkit.UsageError(f"{self.folder.name} has no towers; leave out tower={tower}")
        return tower

    def _stream(self) -> str:
        """Return what the model takes, from the files beside it, or else its configuration."""
        reads = any(file for pattern in VOCABULARIES for file in self.model_folder.glob(pattern))
        sees = any((self.model_folder / file).is_file() for file in PREPROCESSING)
        if reads == sees:
            sees = any(key in self.config for key in ("num_channels", "image_size", "patch_size"))
        return "vision" if sees else "text"


class HuggingFaceEncoder(ModuleEncoder):
    """What text and vision models of transformers share.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source.stream, source.label, source.dtype)
        self.source = source

    def make(self) -> nn.Module:
        """Return the model with its weights; of an encoder-decoder, its encoder."""
        made = self.source.make()
        if self.source.missing:  # of a pooling layer; others are refused
            self.note("its pooling layer has no weights in the checkpoint and is left out")
        if unused := self.source.unused:
            self.note(
                f"{len(unused)} tensors of the checkpoint are no part of the model and are left "
                f"out, such as {unused[0]}"
            )
        if getattr(made.config, "is_encoder_decoder", False):
            encoder: nn.Module = made.get_encoder()  # type: ignore[operator]
            return encoder
        return made

    @property
    def trunk(self) -> nn.Module:
        """The tower of a model with two; else the model."""
        if not self.source.both:
            return self.module
        for name in TOWER_MODULES[self.stream]:
            found = getattr(self.module, name, None)
            if isinstance(found, nn.Module):
                return found
        raise alignkit.DataError(
            f"{self.label}: transformers' {type(self.module).__name__} keeps its {self.stream} "
            "tower at an unknown place; wrap it in a function of yours: module:FILE.py:FUNCTION"
        )

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Any, Tensor | None]:
        """Run a batch; the model's own pooled output is its projected or pooled embedding."""
        trunk = self.trunk
        output = trunk(**accepted(trunk.forward, inputs))
        own = getattr(output, "pooler_output", None)
        if self.source.missing and not self.source.both:
            own = None  # from weights that the checkpoint lacks
        if self.source.both and isinstance(own, Tensor):
            projection = getattr(self.module, f"{self.stream}_projection", None)
            if projection is None and self.stream == "vision":
                projection = getattr(self.module, "visual_projection", None)
            own = own if projection is None else projection(own)
        if isinstance(own, Tensor) and own.ndim > 2:
            own = own.flatten(1)
        return output, own


class TextModel(HuggingFaceEncoder):
    """A text model with its tokenizer.

    Parameters
    ----------
    source : Source
    max_tokens : int, optional
    padding : str
    """

    def __init__(self, source: Source, max_tokens: int | None, padding: str) -> None:
        super().__init__(source)
        longest = max_tokens
        if longest is None and source.sentences is not None:
            longest = source.sentences.max_tokens
        self.inputs = TextInputs(source.model_folder, source.tower_config, longest, padding)

    def identity(self) -> Mapping[str, Any]:
        """Return what identifies the model, and how texts are cut and padded."""
        return self.source.identity() | {"max_tokens": self.inputs.limit}

    def prepare(self, samples: Sequence[str] | Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """Return token indices and masks."""
        return self.inputs.prepare([str(text) for text in samples])

    def describe(self) -> dict[str, Any]:
        """Return what a reader wants to know; of sentence-transformers, their own pooling too."""
        sentences = self.source.sentences
        return super().describe() | ({} if sentences is None else {"own pooling": sentences.text})

    def input_text(self) -> str:
        """Say which tokenizer there is, and how long texts may be."""
        return self.inputs.text()

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return padding, special tokens and the place of the class token."""
        return self.inputs.positions(inputs)

    def notes(self) -> Sequence[str]:
        """Return lines a reader should know, among them how many texts were cut."""
        cut = self.inputs.cut
        return [
            *super().notes(),
            *([f"{cut:,} texts were cut to {self.inputs.limit} tokens"] if cut else []),
        ]

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Any, Tensor | None]:
        """Run a batch; of sentence-transformers, the embedding is pooled as its folder says."""
        output, own = super().run(inputs)
        if self.source.sentences is not None:
            tokens = output.last_hidden_state
            own = self.source.sentences.embed(tokens, inputs["attention_mask"])
        return output, own


class VisionModel(HuggingFaceEncoder):
    """A vision model with its preprocessing.

    Parameters
    ----------
    source : Source
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        if not any((source.model_folder / file).is_file() for file in PREPROCESSING):
            raise alignkit.DataError(
                f"{source.model_folder} has no preprocessor_config.json, which says how pictures "
                "are resized and normalised; copy it from the model's repository"
            )
        for file in PREPROCESSING[:1]:
            if (source.model_folder / file).is_file():
                check_picture_sizes(
                    read_object(source.model_folder / file), source.model_folder / file
                )
        self._processor: Any = None

    def identity(self) -> Mapping[str, Any]:
        """Return what identifies the model; its preprocessing is among its files."""
        return self.source.identity()

    def prepare(self, samples: Sequence[str] | Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """Return pixels, resized and normalised as the model's folder says."""
        if self._processor is None:
            self._processor = self._read_processor()
        try:
            made = self._processor(images=list(samples), return_tensors="pt")
            pixels: Tensor = made["pixel_values"]
        except Exception as error:
            if alignkit.is_out_of_memory(error):
                raise
            first = alignkit.first_line(error)
            raise alignkit.DataError(
                f"the preprocessing in {self.source.model_folder} fails on pictures: {first}"
            ) from error
        return {"pixel_values": pixels.to(self.dtype)}

    def input_text(self) -> str:
        """Say how pictures are resized and normalised."""
        pixels = self.prepare(probe_samples(self.stream))["pixel_values"]
        settings = vars(self._processor)
        return picture_text(pixels, settings.get("image_mean"), settings.get("image_std")) + (
            f", by {type(self._processor).__name__}"
        )

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return how many tokens come before the patches, and if the first is a class token."""
        pixels = inputs["pixel_values"]
        has_cls = any(
            name.rpartition(".")[2] in CLASS_TOKENS for name, _ in self.trunk.named_parameters()
        )
        prefix = int(has_cls) + int(self._setting("num_register_tokens") or 0)
        if any(name.endswith("distillation_token") for name, _ in self.trunk.named_parameters()):
            prefix += 1
        cls = torch.zeros(len(pixels), dtype=torch.long, device=pixels.device) if has_cls else None
        return Positions(prefix=prefix, cls=cls)

    def _setting(self, name: str) -> Any:
        return getattr(getattr(self.trunk, "config", None), name, None)

    def _read_processor(self) -> Any:
        with quiet():
            from transformers import AutoImageProcessor

            try:
                return AutoImageProcessor.from_pretrained(  # type: ignore[no-untyped-call]  # nosec B615
                    self.source.model_folder, local_files_only=True, trust_remote_code=False
                )
            except Exception as error:
                first = alignkit.first_line(error)
                raise alignkit.DataError(
                    f"the preprocessing in {self.source.model_folder} cannot be read: {first}"
                ) from None
