"""The vision stream from any ViT of timm, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import alignkit
from alignkit import StreamState

if TYPE_CHECKING:
    from alignkit_vilbert.two_stream import TwoStream


class PretrainedVision(nn.Module):
    """Patches and blocks of a ViT, run one block at a time.

    Its blocks are pre-norm: with ``final=raw`` the last state is not normalised, otherwise
    the model's own final norm follows the last block.

    Parameters
    ----------
    found : FoundViT
    folder : Path or None
        Where its safetensors weights lie; None for random ones.
    depth : int
        The first so many of its blocks.
    options : TwoStream

    Raises
    ------
    UsageError
        When the model is no ViT.
    DataError
        When the weights do not fit it.
    """

    def __init__(
        self, found: FoundViT, folder: Path | None, depth: int, options: TwoStream
    ) -> None:
        super().__init__()
        vit = _create(found, folder, options.dropout)
        self.width: int = vit.embed_dim
        self.cls = vit.cls_token is not None
        self.prefix: int = vit.num_prefix_tokens
        self.layers = nn.ModuleList(vit.blocks[:depth])
        norm = vit.fc_norm if isinstance(vit.norm, nn.Identity) else vit.norm
        self.norm = nn.Identity() if options.final == "raw" else norm
        self.pooler = None
        # What is left embeds pictures; the rest runs from here, or never.
        vit.blocks, vit.norm, vit.fc_norm = nn.Sequential(), nn.Identity(), nn.Identity()
        vit.attn_pool = None
        self.embeddings = vit

    def embed(self, pixels: Tensor) -> StreamState:
        """Embed ``(batch, 3, size, size)`` pixels, normalised as the model wants them."""
        vit = self.embeddings
        tokens = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(pixels))))
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        content = mask.clone()
        content[:, : self.prefix] = False
        return StreamState(tokens, mask, content, cls=self.cls)

    def layer(self, index: int, state: StreamState) -> StreamState:
        """Run one block; the last one is followed by the final norm."""
        tokens = self.layers[index](state.tokens)
        last = index == len(self.layers) - 1
        return state.with_tokens(self.norm(tokens) if last else tokens)


@dataclass(frozen=True)
class FoundViT:
    """A ViT before it is built: how to make it, and how it wants its pictures.

    Attributes
    ----------
    architecture : str
        timm's name.
    arguments : mapping
        What its constructor takes beyond that.
    depth, size : int
        Blocks, and pixels of a side.
    mean, std : tuple of float
    crop : float
        Share of the resized picture's shorter side that is cut out.
    interpolation : str
    repository : str
        Where the hub holds its weights; empty where they are not published.
    """

    architecture: str
    arguments: Mapping[str, Any]
    depth: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float
    interpolation: str
    repository: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values to store with a run."""
        return asdict(self)


def find_vit(name: str, folder: Path | None, image_size: int | None) -> FoundViT:
    """Look a ViT up by its name in timm, or by its folder.

    Raises
    ------
    UsageError
        For an unknown name, or a model that is no ViT.
    """
    if folder is None:
        return _found(name, "{}", image_size)
    from alignkit_vilbert.weights import read_config

    declared = read_config(folder)
    if "architecture" not in declared:
        raise alignkit.DataError(
            f"{folder / 'config.json'} names no architecture; expected a folder that timm wrote"
        )
    return _found(declared["architecture"], json.dumps(declared, sort_keys=True), image_size)


@lru_cache
def _found(name: str, declaration: str, image_size: int | None) -> FoundViT:
    import timm
    from timm.data import resolve_data_config

    declared = json.loads(declaration)
    arguments = {k: v for k, v in declared.get("model_args", {}).items() if k != "num_classes"}
    if image_size is not None:
        arguments["img_size"] = image_size
    if not timm.is_model(name):
        close = get_close_matches(name, timm.list_models("*vit*") + timm.list_models("deit*"), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        raise alignkit.UsageError(
            f"timm knows no vision model '{name}'{hint} Expected a ViT's name or a folder"
        )
    with torch.device("meta"):  # shapes without memory
        vit = _created(name, arguments)
    data = resolve_data_config(
        {}, pretrained_cfg=declared.get("pretrained_cfg") or vit.pretrained_cfg
    )
    height, width = vit.patch_embed.img_size
    if height != width:
        raise alignkit.UsageError(
            f"vision model '{name}' takes pictures of {height} x {width} pixels; expected squares"
        )
    return FoundViT(
        name,
        arguments,
        len(vit.blocks),
        height,
        tuple(data["mean"]),
        tuple(data["std"]),
        data["crop_pct"],
        data["interpolation"],
        vit.pretrained_cfg.get("hf_hub_id") or "",
    )


def _created(name: str, arguments: Mapping[str, Any]) -> Any:
    import timm
    from timm.models.vision_transformer import VisionTransformer

    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except (AssertionError, TypeError, RuntimeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise alignkit.UsageError(f"vision model '{name}' cannot be made: {first}") from None
    if not isinstance(model, VisionTransformer):
        raise alignkit.UsageError(
            f"vision model '{name}' is a {type(model).__name__}; expected a ViT (timm's "
            "VisionTransformer), such as vit_base_patch16_224"
        )
    return model


def _create(found: FoundViT, folder: Path | None, dropout: float | None) -> Any:
    arguments = dict(found.arguments)
    if dropout is not None:
        rates = ("proj_drop_rate", "attn_drop_rate", "pos_drop_rate")
        arguments |= dict.fromkeys(rates, dropout)
    if folder is None:
        return _created(found.architecture, arguments)
    import timm

    file = folder / "model.safetensors"
    try:
        # timm adapts the weights: it drops the classifier and resizes the positions.
        return timm.create_model(
            found.architecture,
            pretrained=True,
            num_classes=0,
            pretrained_cfg_overlay={"file": str(file), "source": "file"},
            **arguments,
        )
    except (SafetensorError, RuntimeError, KeyError, ValueError, FileNotFoundError) as error:
        first = str(error).strip().partition("\n")[0]
        raise alignkit.DataError(
            f"{file} does not hold the weights of {found.architecture}: {first}"
        ) from None
