"""Encoders from timm: transformers, convolutional and hierarchical vision models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

import alignkit
from alignkit_encoders.checkpoints import fill, read_checkpoint
from alignkit_encoders.folders import (
    fetched_folder,
    label_of,
    local_folder,
    read_timm_config,
    require_safetensors,
)
from alignkit_encoders.modules import (
    ModuleEncoder,
    Output,
    Positions,
    blocks_of,
    picture_text,
    probe_samples,
)
from alignkit_encoders.sizes import check_memory
from alignkit_encoders.timm_weights import timm_with_weights


def timm_model(
    *,
    model: str = "",
    dtype: str = "float32",
    checkpoint: Path | None = None,
    from_scratch: bool = False,
    init_seed: int = 0,
) -> ModuleEncoder:
    """Return a vision model of timm as an encoder.

    Parameters
    ----------
    model : str
        A name in timm, whose weights are cached or can be downloaded, or a folder with
        ``config.json`` and ``model.safetensors``.
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``.
    checkpoint : Path, optional
        A file of weights for a name in timm, ``.safetensors`` or a PyTorch state dict; tensors
        whose names differ are taken in order where all shapes agree.
    from_scratch : bool
        Random weights, as a control.
    init_seed : int
        The seed of random weights.

    Raises
    ------
    UsageError
        For an unknown name.
    DataError
        When files are missing, or weights do not fit the model.
    """
    if not model:
        raise alignkit.UsageError("name a model: timm:NAME, or timm:FOLDER")
    return TimmModel(model, dtype, checkpoint, from_scratch, init_seed)


timm_model.positional = "model"  # type: ignore[attr-defined]


class TimmModel(ModuleEncoder):
    """A vision model of timm with its preprocessing.

    Parameters
    ----------
    model, dtype : str
    checkpoint : Path or None
    from_scratch : bool
    init_seed : int
    label : str
        By default the name of the model or folder.
    """

    no_cls = "the model has no class token; use mean"

    def __init__(
        self,
        model: str,
        dtype: str,
        checkpoint: Path | None,
        from_scratch: bool,
        init_seed: int,
        label: str = "",
    ) -> None:
        self.folder = local_folder(model)
        name = label or (self.folder.name if self.folder else model.partition(".")[0])
        super().__init__("vision", f"{name}-random" if from_scratch else name, dtype)
        self.declared = read_timm_config(self.folder) if self.folder else {}
        self.architecture = str(self.declared.get("architecture", model))
        self.checkpoint, self.from_scratch, self.init_seed = checkpoint, from_scratch, init_seed
        _require_known(self.architecture)
        if not from_scratch and checkpoint is None:
            self.folder = self.folder or self._fetched(model)
            require_safetensors(self.folder)
        self._transform: Any = None

    def identity(self) -> Mapping[str, Any]:
        """Return what identifies the model and its preprocessing."""
        import timm

        content: dict[str, Any] = {
            "library": "timm",
            "architecture": self.architecture,
            "dtype": str(self.dtype),
        }
        if self.folder is not None:
            content["files"] = label_of(self.folder, not self.from_scratch).rpartition("@")[2]
        if self.checkpoint is not None:
            content["checkpoint"] = read_checkpoint(self.checkpoint).sha256
        if self.from_scratch:
            content |= {"init_seed": self.init_seed, "version": timm.__version__}
        return content

    def make(self) -> nn.Module:
        """Return the model with its weights, without a classifier."""
        import timm

        arguments = {
            key: value
            for key, value in (self.declared.get("model_args") or {}).items()
            if key != "num_classes"
        }
        name, folder = self.architecture, self.folder
        reads = not self.from_scratch and self.checkpoint is None and folder is not None
        # With the classifier's size timm knows that the file has one, and drops it.
        classes = (self.declared.get("model_args") or {}).get("num_classes")
        classes = self.declared.get("num_classes", classes)
        try:
            check_memory(
                lambda: timm.create_model(name, num_classes=0, **arguments),
                f"the model in {folder}" if folder else f"timm's {name}",
                folder.glob("model.safetensors") if folder and reads else (),
            )
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.init_seed)
                if folder is None or not reads:
                    made: nn.Module = timm.create_model(name, num_classes=0, **arguments)
                else:
                    declared = {} if classes is None else {"num_classes": classes}
                    file = folder / "model.safetensors"
                    made, unused = timm_with_weights(name, file, arguments, declared)
                    self._note_unused(unused)
        except alignkit.AlignkitError:
            raise
        except Exception as error:
            raise alignkit.DataError(
                f"timm cannot build {name}: {alignkit.first_line(error)}"
            ) from None
        if self.checkpoint is not None:
            for line in fill(made, read_checkpoint(self.checkpoint), allow_extra=_is_classifier):
                self.note(line)
        return made

    def _note_unused(self, names: Sequence[str]) -> None:
        if names:
            self.note(
                f"{len(names)} tensors of the checkpoint are no part of the model and are left "
                f"out, such as {names[0]}"
            )

    def prepare(self, samples: Sequence[str] | Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """Return pixels, resized and normalised as the model's configuration says."""
        if self._transform is None:
            from timm.data.transforms_factory import create_transform

            self._transform = create_transform(**self._settings(), is_training=False)
        pictures: list[Any] = list(samples)
        pixels = [self._transform(picture.convert("RGB")) for picture in pictures]
        return {"pixels": torch.stack(pixels).to(self.dtype)}

    def input_text(self) -> str:
        """Say how pictures are resized and normalised."""
        settings = self._settings()
        pixels = self.prepare(probe_samples(self.stream))["pixels"]
        said = picture_text(pixels, settings["mean"], settings["std"])
        share = f"{settings['crop_mode']} crop of {settings['crop_pct']:.1%}"
        return f"{said}, {settings['interpolation']}, {share}"

    def _settings(self) -> dict[str, Any]:
        from timm.data.config import resolve_data_config

        configuration = self.declared.get("pretrained_cfg") or self.module.pretrained_cfg
        settings: dict[str, Any] = resolve_data_config({}, pretrained_cfg=configuration)  # type: ignore[no-untyped-call]
        return settings

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Any, Tensor | None]:
        """Run a batch; the embedding is the model's own pooling before its classifier."""
        model: Any = self.module
        features = model.forward_features(inputs["pixels"])
        return features, model.forward_head(features, pre_logits=True)

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return the number of prefix tokens, and whether the first is a class token."""
        pixels, prefix = inputs["pixels"], int(getattr(self.module, "num_prefix_tokens", 0) or 0)
        has_cls = prefix > 0 and getattr(self.module, "cls_token", None) is not None
        cls = torch.zeros(len(pixels), dtype=torch.long, device=pixels.device) if has_cls else None
        return Positions(prefix=prefix, cls=cls)

    def channels_last(self, module: nn.Module, shape: Sequence[int]) -> bool:
        """Return whether a map has its channels last, as in Swin."""
        form = str(getattr(self.module, "output_fmt", ""))
        return form == "NHWC" or super().channels_last(module, shape)

    def default_sites(self, outputs: Mapping[str, Output]) -> list[str]:
        """Return the modules that timm lists as features; blocks where it lists none."""
        listed = getattr(self.module, "feature_info", None)
        names = [info.get("module", "") for info in listed or () if isinstance(info, dict)]
        if not names and hasattr(listed, "module_name"):
            names = list(listed.module_name())  # type: ignore[union-attr]
        blocks = blocks_of(self.trunk, outputs)
        known = [name for name in names if name in outputs]
        return blocks if len(blocks) >= len(known) else known

    def _fetched(self, model: str) -> Path:
        import timm

        repository = timm.get_pretrained_cfg_value(model, "hf_hub_id")
        if not repository:
            raise alignkit.DataError(
                f"timm publishes no weights of '{model}' on the hub; give checkpoint=FILE, or "
                "from_scratch=true for random weights"
            )
        name = repository if "/" in str(repository) else f"timm/{model}"
        return fetched_folder(
            str(name),
            f"model '{model}'",
            "name a folder with config.json and model.safetensors, give checkpoint=FILE, or "
            "from_scratch=true",
        )


def _require_known(name: str) -> None:
    import timm

    plain = name.partition(".")[0]
    if timm.is_model(plain):
        return
    close = get_close_matches(plain, timm.list_models(), n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "; expected a name of timm or a folder"
    raise alignkit.UsageError(f"timm has no model '{name}'{hint}")


def _is_classifier(name: str) -> bool:
    return name.split(".")[0] in ("head", "fc", "classifier", "head_dist")
