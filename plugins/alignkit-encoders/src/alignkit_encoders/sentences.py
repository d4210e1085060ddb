"""Pooling of sentence-transformers folders, as their ``modules.json`` says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import alignkit
from alignkit.documents import read_json
from alignkit_encoders.checkpoints import read_checkpoint
from alignkit_encoders.folders import read_config, read_object

MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt",
    "pooling_mode_weightedmean_tokens": "weighted",
    "pooling_mode_lasttoken": "last",
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "torch.nn.modules.activation.Tanh": torch.tanh,
    "torch.nn.modules.linear.Identity": nn.Identity(),
}


@dataclass(frozen=True)
class Dense:
    """A dense layer after the pooling."""

    weight: Tensor
    bias: Tensor | None
    activation: str
    sha256: str

    def __call__(self, values: Tensor) -> Tensor:
        """Apply the layer to ``(batch, width)``."""
        weight = self.weight.to(values)
        bias = None if self.bias is None else self.bias.to(values)
        activated: Tensor = ACTIVATIONS[self.activation](nn.functional.linear(values, weight, bias))
        return activated


@dataclass(frozen=True)
class SentencePooling:
    """How a folder of sentence-transformers makes one embedding of a sequence of tokens.

    Attributes
    ----------
    model_folder : Path
        The folder of the model of transformers.
    modes : tuple of str
        Poolings whose results are joined: ``cls``, ``mean``, ``max``, ``mean_sqrt`` (the sum
        over the root of the length), ``weighted`` (the mean weighted by position), ``last``.
    dense : tuple of Dense
    normalise : bool
        Whether embeddings are scaled to length 1.
    max_tokens : int or None
    """

    model_folder: Path
    modes: tuple[str, ...]
    dense: tuple[Dense, ...] = ()
    normalise: bool = False
    max_tokens: int | None = None

    @classmethod
    def read(cls, folder: Path) -> SentencePooling | None:
        """Read a folder; None where it is none of sentence-transformers.

        Raises
        ------
        DataError
            When it has a module that is not known.
        """
        file = folder / "modules.json"
        if not file.is_file():
            return None
        steps = _steps(file)
        if not steps or steps[0][0] != "Transformer":
            raise alignkit.DataError(f"{file}: the first module is no Transformer")
        modes: tuple[str, ...] = ()
        dense: list[Dense] = []
        normalise = False
        for kind, place in steps[1:]:
            if kind == "Pooling":
                modes = _modes(place)
            elif kind == "Normalize":
                normalise = True
            elif kind == "Dense":
                dense.append(_dense(place))
            elif kind != "Dropout":
                raise alignkit.DataError(
                    f"{file} has a module {kind}; known: Transformer, Pooling, Dense, Normalize"
                )
        return cls(steps[0][1], modes or ("mean",), tuple(dense), normalise, _limit(folder))

    @property
    def text(self) -> str:
        """The steps from tokens to the embedding, in words."""
        steps = [" and ".join(mode.replace("_", " ") for mode in self.modes)]
        steps += [f"a dense layer to {layer.weight.shape[0]}" for layer in self.dense]
        return ", then ".join([*steps, *(["scaled to length 1"] if self.normalise else [])])

    def identity(self) -> dict[str, Any]:
        """Return what identifies the embedding beside the model: poolings and dense layers."""
        return {
            "modes": list(self.modes),
            "dense": [layer.sha256 for layer in self.dense],
            "normalise": self.normalise,
        }

    def embed(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """Return the embedding ``(batch, width)`` of ``(batch, length, width)`` tokens."""
        mask = attention_mask.bool()
        pooled = torch.cat([_pooled(tokens, mask, mode) for mode in self.modes], dim=1)
        for layer in self.dense:
            pooled = layer(pooled)
        return nn.functional.normalize(pooled, dim=1) if self.normalise else pooled


def _steps(file: Path) -> list[tuple[str, Path]]:
    """Return the kinds of modules, and the folders of each, within that of the file."""
    listed = read_json(file, [{"type": str, "path": str}])
    for step in listed:
        if Path(step["path"]).is_absolute() or ".." in Path(step["path"]).parts:
            raise alignkit.DataError(f"{file} names '{step['path']}', which is outside")
    return [(step["type"].rpartition(".")[2], file.parent / step["path"]) for step in listed]


def _pooled(tokens: Tensor, mask: Tensor, mode: str) -> Tensor:
    """Pool over real tokens, special ones among them, as sentence-transformers does."""
    if mode in ("cls", "max", "last"):
        first = mask.long().argmax(1)
        return alignkit.SiteState(tokens, mask, mask, cls=first).pooled(mode)
    weights = mask.to(tokens.dtype).unsqueeze(-1)
    if mode == "weighted":
        places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device, dtype=tokens.dtype)
        weights = weights * places.view(1, -1, 1)
    total = weights.sum(1).clamp(min=1e-9)
    return (tokens * weights).sum(1) / (total.sqrt() if mode == "mean_sqrt" else total)


def _modes(folder: Path) -> tuple[str, ...]:
    config = read_config(folder)
    modes = tuple(mode for key, mode in MODES.items() if config.get(key))
    if not modes:
        raise alignkit.DataError(f"{folder / 'config.json'} names no known pooling")
    return modes


def _dense(folder: Path) -> Dense:
    config: dict[str, Any] = read_config(folder)
    file = folder / "model.safetensors"
    if not file.is_file():
        raise alignkit.DataError(f"{folder} has no model.safetensors; pickled weights are not read")
    activation = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    if activation not in ACTIVATIONS:
        raise alignkit.DataError(
            f"{folder / 'config.json'} has an unknown activation {activation}; known: "
            f"{', '.join(ACTIVATIONS)}"
        )
    weights = read_checkpoint(file).tensors
    weight, bias = weights.get("linear.weight"), weights.get("linear.bias")
    if weight is None or weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise alignkit.DataError(f"{file} holds no weight and bias of a dense layer")
    content = hashlib.sha256(activation.encode() + file.read_bytes()).hexdigest()
    return Dense(weight, bias, activation, content)


def _limit(folder: Path) -> int | None:
    file = folder / "sentence_bert_config.json"
    if not file.is_file():
        return None
    stated = read_object(file).get("max_seq_length")
    return stated if type(stated) is int and stated > 0 else None
