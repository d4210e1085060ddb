"""Sizes that a model's configuration declares: what no model can have is refused unbuilt."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alignkit

if TYPE_CHECKING:
    from torch import nn

# The names by which configurations of transformers and timm declare sizes, and for each kind
# of size the largest that is taken: well above that of any published model.
_LIMITS: Mapping[int, Sequence[str]] = {
    10_000: (
        "num_hidden_layers",
        "n_layers",
        "n_layer",
        "num_layers",
        "num_decoder_layers",
        "encoder_layers",
        "decoder_layers",
        "depth",
        "depths",
        "num_attention_heads",
        "num_key_value_heads",
        "n_heads",
        "n_head",
        "num_heads",
        "encoder_attention_heads",
        "decoder_attention_heads",
        "num_channels",
        "in_chans",
        "image_size",
        "img_size",
        "patch_size",
        "num_register_tokens",
        "reg_tokens",
    ),
    1_000_000: (
        "hidden_size",
        "hidden_sizes",
        "dim",
        "dims",
        "n_embd",
        "d_model",
        "embed_dim",
        "embedding_size",
        "head_dim",
        "intermediate_size",
        "hidden_dim",
        "n_inner",
        "d_ff",
        "d_kv",
        "encoder_ffn_dim",
        "decoder_ffn_dim",
        "projection_dim",
        "num_classes",
        "type_vocab_size",
    ),
    1_000_000_000: ("vocab_size", "max_position_embeddings", "n_positions"),
}
_LARGEST = {name: limit for limit, names in _LIMITS.items() for name in names}
_MAY_BE_ZERO = {"num_classes", "num_register_tokens", "reg_tokens", "type_vocab_size"}
# Widths that are divided among heads, unless the width of a head is declared itself.
_DIVIDED = (
    ("hidden_size", "num_attention_heads"),
    ("dim", "n_heads"),
    ("n_embd", "n_head"),
    ("d_model", "n_head"),
    ("d_model", "encoder_attention_heads"),
    ("embed_dim", "num_heads"),
)
_HEAD_WIDTHS = ("head_dim", "d_kv", "d_head", "kv_channels")
SMALLEST_WEIGHT = 0.5  # bytes: four bits


def check_sizes(config: Mapping[str, Any], file: Path) -> None:
    """Refuse sizes in a configuration that no model can have, before anything is built.

    Parameters
    ----------
    config : mapping
        The content of ``config.json``, with the configurations of towers in it.
    file : Path
        The file, for messages.

    Raises
    ------
    DataError
        For a size that is no whole number, not positive or beyond any model, or a width that
        cannot be divided among the heads.
    """
    for name, value in config.items():
        if name in _LARGEST and value is not None:
            _check_size(name, value, file)
        elif isinstance(value, Mapping) and name.endswith(("_config", "model_args")):
            check_sizes(value, file)
    if any(name.endswith(_HEAD_WIDTHS) for name in config):
        return
    for width, heads in _DIVIDED:
        wide, among = config.get(width), config.get(heads)
        if type(wide) is int and type(among) is int and wide % among:
            raise alignkit.DataError(
                f"{file}: {width} is {wide}, which cannot be divided among {heads} = {among}; "
                "expected a multiple of it"
            )


def _check_size(name: str, value: Any, file: Path) -> None:
    least, most = int(name not in _MAY_BE_ZERO), _LARGEST[name]
    for size in value if isinstance(value, list) and value else [value]:
        if type(size) is not int or not least <= size <= most:
            raise alignkit.DataError(
                f"{file}: {name} is {reprlib.repr(value)}; expected a whole number from {least} to "
                f"{most:,}"
            )


def check_memory(make: Callable[[], nn.Module], what: str, weights: Iterable[Path] = ()) -> None:
    """Refuse a model that is larger than its files of weights, or than the machine's memory.

    It is built without values for that, which takes next to no memory.

    Parameters
    ----------
    make : callable
        Returns the model.
    what : str
        The model, as messages name it.
    weights : iterable of Path
        The files of its weights; none where they are random.

    Raises
    ------
    DataError
    """
    import torch

    from alignkit.bounds import free_memory

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        count = sum(parameter.numel() for parameter in make().parameters())
    sizes = [file.stat().st_size for file in weights]
    if sizes and count * SMALLEST_WEIGHT > sum(sizes):
        raise alignkit.DataError(
            f"by its configuration, {what} has {count:,} weights, but its files hold only "
            f"{sum(sizes):,} bytes; expected the whole weights of its config.json"
        )
    needed, free = 4 * count, free_memory()
    if needed > free and torch.get_default_device().type != "meta":
        raise alignkit.DataError(
            f"by its configuration, {what} has {count:,} weights and needs {needed / 1e9:,.1f} GB "
            f"of memory; {free / 1e9:,.1f} GB are free on this machine"
        )


def check_vocabulary(size: int, config: Mapping[str, Any], folder: Path) -> None:
    """Refuse a tokenizer with more tokens than its model embeds.

    Parameters
    ----------
    size : int
        The number of tokens.
    config : mapping
        The model's ``config.json``.
    folder : Path
        The folder of both, for messages.

    Raises
    ------
    DataError
    """
    embedded = config.get("vocab_size")
    if embedded is not None and size > embedded:
        raise alignkit.DataError(
            f"the tokenizer in {folder} has {size} tokens, but the model embeds {embedded}; "
            "expected tokenizer and weights of one model"
        )


def check_picture_sizes(settings: Mapping[str, Any], file: Path) -> None:
    """Refuse sizes to which no picture is resized.

    Parameters
    ----------
    settings : mapping
        The content of ``preprocessor_config.json``.
    file : Path
        The file, for messages.

    Raises
    ------
    DataError
    """
    for name in ("size", "crop_size"):
        value = settings.get(name)
        sides = value if isinstance(value, Mapping) else {"": value}
        for side, length in sides.items():
            # Together, the two edges of some models are numbers of pixels.
            edge = side in ("shortest_edge", "longest_edge") and "longest_edge" in sides
            most = 1_000_000_000 if edge else 10_000
            if length is not None and (type(length) is not int or not 1 <= length <= most):
                raise alignkit.DataError(
                    f"{file}: {f'{name}.{side}'.rstrip('.')} is {reprlib.repr(length)}; expected a "
                    f"whole number from 1 to {most:,}"
                )
