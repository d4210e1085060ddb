"""Looking up the models that a configuration names, before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alignkit
from alignkit_vilbert.weights import (
    check_label,
    fetched_folder,
    first_of,
    label_of,
    local_folder,
    read_config,
    require_safetensors,
)

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream

# From scratch these need no file: BERT's shapes (Devlin et al. 2019, table 1), words of the
# training texts as vocabulary.
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


@dataclass(frozen=True)
class Named:
    """A named model, found.

    Attributes
    ----------
    config : mapping or FoundViT
        Its shapes.
    depth : int
    folder : Path or None
        Where its files lie; None where it needs none.
    local : bool
        Whether the user named a folder, which is no part of what a run is.
    """

    config: Any
    depth: int
    folder: Path | None
    local: bool


def find(stream: str, options: TwoStream) -> Named:
    """Look a stream's named model up.

    Raises
    ------
    DataError
        When its files are not there, or its weights are not safetensors.
    UsageError
        When it is none that can be a stream.
    """
    local = _given_folder(stream, options)
    found = (_find_text if stream == "text" else _find_vision)(options, local)
    if found.folder is not None and not options.from_scratch:
        require_safetensors(found.folder)
    first = options.depth_of(stream)
    if first is not None and first > found.depth:
        raise alignkit.UsageError(
            f"{stream}_depth={first} is more than the {found.depth} layers of {stream} model "
            f"'{options.model_of(stream)}'"
        )
    return found


def pinned(stream: str, options: TwoStream) -> dict[str, Any]:
    """Option values that name the same model by its content, for the run's configuration."""
    found = find(stream, options)
    values: dict[str, Any] = {f"{stream}_depth": options.depth_of(stream) or found.depth}
    if found.local and found.folder is not None:
        values[f"{stream}_model"] = label_of(found.folder, not options.from_scratch)
        values[f"{stream}_folder"] = found.folder
    return values


def _given_folder(stream: str, options: TwoStream) -> Path | None:
    name, folder = options.model_of(stream), options.folder_of(stream)
    if folder is None:
        local = local_folder(name)
        if local is None and "@" in name:
            raise alignkit.DataError(
                f"{stream} model '{name}' is known by its content only; "
                f"give its folder too: {stream}_folder=..."
            )
        return local
    if not folder.is_dir():
        raise alignkit.DataError(
            f"there is no folder {folder}, from which {stream} model '{name}' was read"
        )
    check_label(folder, name, not options.from_scratch)
    return folder


def _find_text(options: TwoStream, local: Path | None) -> Named:
    name = options.text_model
    if local is None and options.from_scratch and name in SHAPES:
        shape = dict(SHAPES[name])
        return Named(shape, shape["num_hidden_layers"], None, False)
    folder = local or fetched_folder(
        name,
        f"text model '{name}'",
        "give a folder with config.json, tokenizer.json and model.safetensors, or train one of "
        f"these from random weights with --from-scratch: {', '.join(SHAPES)}",
    )
    config = read_config(folder)
    depth = first_of(config, "num_hidden_layers", "n_layers")
    if not isinstance(depth, int):
        raise alignkit.DataError(
            f"{folder / 'config.json'} declares no num_hidden_layers; expected that of a "
            "BERT-like text model"
        )
    return Named(config, depth, folder, local is not None)


def _find_vision(options: TwoStream, local: Path | None) -> Named:
    from alignkit_vilbert.vision_models import find_vit

    name = options.vision_model
    found = find_vit(name, local, options.image_size)
    folder = local
    if local is None and not options.from_scratch:
        if not found.repository:
            raise alignkit.DataError(
                f"no weights are published for vision model '{name}'; use --from-scratch"
            )
        folder = fetched_folder(
            found.repository,
            f"vision model '{name}'",
            "give a folder with config.json and model.safetensors, or --from-scratch",
        )
    return Named(found, found.depth, folder, local is not None)
