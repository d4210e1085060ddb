"""The vision stream from any ViT of timm, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

import alignkit
from alignkit import StreamState
from alignkit_encoders import check_memory, read_timm_config
from alignkit_encoders.timm_weights import timm_with_weights
from alignkit_vilbert.options import StreamOptions
from alignkit_vilbert.streams import Stream


class PretrainedVision(Stream):
    """Patch embedding and blocks of a ViT, run one block at a time.

    The blocks are pre-norm: with ``final=raw`` the last state is not normalised; otherwise
    the model's own final norm follows the last block.

    Parameters
    ----------
    spec : ViTSpec
    folder : Path or None
        Folder of its safetensors weights; None for random weights.
    depth : int
        Number of blocks to keep.
    options : StreamOptions

    Raises
    ------
    UsageError
        When the model is not a ViT.
    DataError
        When the weights do not fit the model.
    """

    def __init__(
        self, spec: ViTSpec, folder: Path | None, depth: int, options: StreamOptions
    ) -> None:
        super().__init__()
        vit = _create(spec, folder, options.dropout)
        self.width = vit.embed_dim
        self.cls = vit.cls_token is not None
        self.prefix: int = vit.num_prefix_tokens
        self.layers = nn.ModuleList(vit.blocks[:depth])
        norm = vit.fc_norm if isinstance(vit.norm, nn.Identity) else vit.norm
        self.norm = nn.Identity() if options.final == "raw" else norm
        self.pooler = None
        # The rest of the ViT only embeds images: blocks and norms run from here, or not at all.
        vit.blocks, vit.norm, vit.fc_norm = nn.Sequential(), nn.Identity(), nn.Identity()
        vit.attn_pool = None
        self.embeddings = vit

    def embed(self, pixels: Tensor) -> StreamState:
        """Embed ``(batch, 3, size, size)`` pixels, normalised as the model expects."""
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
class ViTSpec:
    """A ViT before it is built: its shapes, and the images it expects.

    Attributes
    ----------
    architecture : str
        Its name in timm.
    arguments : mapping
        Further arguments of its constructor.
    depth : int
        Number of blocks.
    size : int
        Side of the images in pixels.
    mean, std : tuple of float
        Per channel, of values in [0, 1].
    crop : float
        Side of the centre crop as a fraction of the resized image's shorter side.
    interpolation : str
        ``bicubic`` or ``bilinear``.
    repository : str
        Repository of its weights on the Hugging Face hub; empty where none are published.
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
        """Return plain values to store with a run."""
        return asdict(self)


def find_vit(name: str, folder: Path | None, image_size: int | None) -> ViTSpec:
    """Look up a ViT by its name in timm, or by its folder.

    Parameters
    ----------
    name : str
    folder : Path or None
        A folder as timm writes them, which then decides.
    image_size : int or None
        Side of the images in pixels; None for the model's own.

    Raises
    ------
    UsageError
        For an unknown name, or a model that is not a ViT.
    DataError
        When the folder's ``config.json`` cannot be read or does not name an architecture.
    """
    if folder is None:
        return _vit_spec(name, "{}", image_size)
    declared = read_timm_config(folder)
    return _vit_spec(declared["architecture"], json.dumps(declared, sort_keys=True), image_size)


@lru_cache
def _vit_spec(name: str, declaration: str, image_size: int | None) -> ViTSpec:
    from timm.data.config import resolve_data_config

    declared = json.loads(declaration)
    arguments = {k: v for k, v in (declared.get("model_args") or {}).items() if k != "num_classes"}
    pictures = declared.get("pretrained_cfg") or {}
    if image_size is not None:
        arguments["img_size"] = image_size
    _require_known(name)
    with torch.device("meta"):  # shapes without memory
        vit = _created(name, arguments)
        size = (pictures.get("input_size") or [None])[-1]
        if "img_size" not in arguments and size not in (None, vit.patch_embed.img_size[1]):
            arguments["img_size"] = size
            vit = _created(name, arguments)
    data = resolve_data_config(  # type: ignore[no-untyped-call]
        {}, pretrained_cfg=pictures or vit.pretrained_cfg
    )
    height, width = vit.patch_embed.img_size
    if height != width:
        raise alignkit.UsageError(
            f"vision model '{name}' takes images of {height} x {width} pixels; expected a model of "
            "square images"
        )
    return ViTSpec(
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


def _require_known(name: str) -> None:
    import timm

    if timm.is_model(name):
        return
    close = get_close_matches(name, timm.list_models("*vit*") + timm.list_models("deit*"), n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "; expected the name of a ViT or a folder"
    raise alignkit.UsageError(f"timm has no vision model '{name}'{hint}")


def _created(name: str, arguments: Mapping[str, Any]) -> Any:
    import timm
    from timm.models.vision_transformer import VisionTransformer

    try:
        model = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except Exception as error:  # timm lets through what its models make of odd arguments
        raise alignkit.UsageError(
            f"cannot build vision model '{name}': {alignkit.first_line(error)}"
        ) from None
    if not isinstance(model, VisionTransformer):
        raise alignkit.UsageError(
            f"vision model '{name}' is a {type(model).__name__}; expected a ViT (timm's "
            "VisionTransformer), such as vit_base_patch16_224"
        )
    return model


def _create(spec: ViTSpec, folder: Path | None, dropout: float | None) -> Any:
    arguments = dict(spec.arguments)
    if dropout is not None:
        rates = ("proj_drop_rate", "attn_drop_rate", "pos_drop_rate")
        arguments |= dict.fromkeys(rates, dropout)
    check_memory(
        lambda: cast(nn.Module, _created(spec.architecture, arguments)),
        f"the vision model {f'in {folder}' if folder else repr(spec.architecture)}",
        folder.glob("model.safetensors") if folder else (),
    )
    if folder is None:
        return _created(spec.architecture, arguments)
    file = folder / "model.safetensors"
    try:
        return timm_with_weights(spec.architecture, file, arguments)[0]
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, OSError) as error:
        first = alignkit.first_line(error)
        raise alignkit.DataError(
            f"{file} does not contain the weights of {spec.architecture}: {first}"
        ) from None
