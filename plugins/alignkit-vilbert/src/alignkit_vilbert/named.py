"""Look up the models that options name, before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import alignkit
from alignkit_encoders import (
    check_label,
    check_sizes,
    fetched_folder,
    first_of,
    label_of,
    local_folder,
    read_config,
    require_safetensors,
    split_commit,
)
from alignkit_vilbert.options import StreamOptions

if TYPE_CHECKING:
    from alignkit_vilbert.vision_models import ViTSpec

# These need no file when trained from scratch: BERT's shapes (Devlin et al. 2019, table 1);
# the vocabulary is the words of the training texts.
_BERT = {
    "model_type": "bert",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "vocab_size": 30522,
    "pad_token_id": 0,
}
_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "bert-base-uncased": _BERT,
    "bert-base-cased": _BERT | {"vocab_size": 28996},
    "bert-large-uncased": _BERT | _LARGE,
    "bert-large-cased": _BERT | _LARGE | {"vocab_size": 28996},
}


Config = TypeVar("Config", Mapping[str, Any], "ViTSpec")


@dataclass(frozen=True)
class NamedModel(Generic[Config]):
    """A named model that was looked up.

    Attributes
    ----------
    config : mapping or ViTSpec
        The ``config.json`` of a text model, the specification of a vision model.
    depth : int
        Number of layers.
    folder : Path or None
        Folder of its files; None where it needs none.
    local : bool
        Whether the user named a folder, which does not belong to a run's identity.
    """

    config: Config
    depth: int
    folder: Path | None
    local: bool


TextModel = NamedModel[Mapping[str, Any]]
VisionModel = NamedModel["ViTSpec"]


def find_text(options: StreamOptions) -> TextModel:
    """Look up the named text model.

    Raises
    ------
    DataError
        When files are missing, or the weights are not safetensors.
    UsageError
        When it has fewer layers than ``text_depth``.
    """
    name, local = options.text_model, _given_folder("text", options)
    if local is None and options.from_scratch and name in SHAPES:
        shape = SHAPES[name]
        model = NamedModel(shape, shape["num_hidden_layers"], None, False)
    else:
        folder = local or fetched_folder(
            name,
            f"text model '{name}'",
            "use a folder with config.json, tokenizer.json and model.safetensors, or "
            f"`from_scratch=True` with one of {', '.join(SHAPES)}",
        )
        config = read_config(folder)
        check_sizes(config, folder / "config.json")
        depth = first_of(config, "num_hidden_layers", "n_layers")
        _require_declared(folder, "num_hidden_layers", _counts(depth))
        _require_declared(folder, "model_type", isinstance(config.get("model_type"), str))
        positions = config.get("max_position_embeddings")
        _require_declared(
            folder, "max_position_embeddings", positions is None or _counts(positions)
        )
        model = NamedModel(config, depth, folder, local is not None)
    _check("text", model, options)
    return model


def _counts(value: Any) -> bool:
    return type(value) is int and value > 0


def _require_declared(folder: Path, name: str, declared: bool) -> None:
    if not declared:
        raise alignkit.DataError(
            f"{folder / 'config.json'} does not declare {name}; expected the config.json of a "
            "BERT-like text model"
        )


def find_vision(options: StreamOptions) -> VisionModel:
    """Look up the named vision model.

    Raises
    ------
    DataError
        When files are missing, or the weights are not safetensors.
    UsageError
        When it is not a ViT, or has fewer blocks than ``vision_depth``.
    """
    from alignkit_vilbert.vision_models import find_vit

    name, local = options.vision_model, _given_folder("vision", options)
    vit = find_vit(name, local, options.image_size)
    folder = local
    if local is None and not options.from_scratch:
        if not vit.repository:
            raise alignkit.DataError(
                f"no weights are published for vision model '{name}'; use `from_scratch=True`"
            )
        folder = fetched_folder(
            vit.repository,
            f"vision model '{name}'",
            "use a folder with config.json and model.safetensors, or `from_scratch=True`",
        )
    model = NamedModel(vit, vit.depth, folder, local is not None)
    _check("vision", model, options)
    return model


def depth_of(stream: str, options: StreamOptions) -> int:
    """Return the number of layers of a stream; a named model is looked up if need be.

    Raises
    ------
    DataError
        When the files of the named model are missing.
    """
    given = options.depth_of(stream)
    if given is not None or not options.model_of(stream):
        return given or options.depth
    return _find(stream, options).depth


def pinned(stream: str, options: StreamOptions) -> dict[str, str | int | Path]:
    """Return options that name a stream's model by its content, to be stored with a run."""
    model = _find(stream, options)
    values: dict[str, str | int | Path] = {
        f"{stream}_depth": options.depth_of(stream) or model.depth
    }
    if model.local and model.folder is not None:
        values[f"{stream}_model"] = label_of(model.folder, not options.from_scratch)
        values[f"{stream}_folder"] = model.folder
    return values


def _find(stream: str, options: StreamOptions) -> TextModel | VisionModel:
    return find_text(options) if stream == "text" else find_vision(options)


def _check(stream: str, model: TextModel | VisionModel, options: StreamOptions) -> None:
    if model.folder is not None and not options.from_scratch:
        require_safetensors(model.folder)
    depth = options.depth_of(stream)
    if depth is not None and depth > model.depth:
        raise alignkit.UsageError(
            f"{stream}_depth={depth} is more than the {model.depth} layers of {stream} model "
            f"'{options.model_of(stream)}'"
        )


def _given_folder(stream: str, options: StreamOptions) -> Path | None:
    """Return the folder that the user named, if any; its content must be as labelled."""
    name, folder = options.model_of(stream), options.folder_of(stream)
    if folder is None:
        local = local_folder(name)
        if local is None and "@" in name and not split_commit(name)[1]:
            raise alignkit.DataError(
                f"{stream} model '{name}' is named by its content only; "
                f"name its folder too: {stream}_folder=..."
            )
        return local
    if not folder.is_dir():
        raise alignkit.DataError(
            f"there is no folder {folder}, from which {stream} model '{name}' was read"
        )
    check_label(folder, name, not options.from_scratch)
    return folder
