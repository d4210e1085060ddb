"""Anyone's torch module as an encoder, made by a function of theirs."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import alignkit
from alignkit.plugins.code import import_file
from alignkit_encoders.checkpoints import fill, read_checkpoint
from alignkit_encoders.modules import ModuleEncoder, Positions, picture_text, probe_samples

IMAGENET_MEAN, IMAGENET_STD = "0.485+0.456+0.406", "0.229+0.224+0.225"


def module(
    *,
    function: str = "",
    checkpoint: Path | None = None,
    stream: str = "vision",
    size: int = 224,
    mean: str = IMAGENET_MEAN,
    std: str = IMAGENET_STD,
    dtype: str = "float32",
    init_seed: int = 0,
) -> ModuleEncoder:
    """Return anyone's torch module as an encoder.

    The function is called without arguments and returns a ``torch.nn.Module``, or a pair of it
    and a function ``prepare(samples)``: from a list of texts or of RGB images to a tensor or a
    dict of tensors, which the module is called with. Of a dict, ``attention_mask`` says which
    tokens are real. Without ``prepare``, images are resized to squares and normalised.

    Parameters
    ----------
    function : str
        ``FILE.py:FUNCTION`` or ``PACKAGE.MODULE:FUNCTION``.
    checkpoint : Path, optional
        ``.safetensors`` or a PyTorch state dict.
    stream : str
        ``vision`` or ``text``; text needs ``prepare``.
    size : int
        Side of the images in pixels, without ``prepare``.
    mean, std : str
        Per channel, joined by ``+``, without ``prepare``.
    dtype : str
        ``float32``, ``float16`` or ``bfloat16``.
    init_seed : int
        Set before the function is called; weights without a checkpoint are random.

    Raises
    ------
    UsageError
        For a function that cannot be found, or options that do not fit.
    DataError
        When the weights do not fit the module.
    """
    if stream not in ("text", "vision"):
        raise alignkit.UsageError(f"unknown stream '{stream}'; known: text, vision")
    return FunctionModule(function, checkpoint, stream, size, (mean, std), dtype, init_seed)


module.positional = "function"  # type: ignore[attr-defined]


class FunctionModule(ModuleEncoder):
    """A module made by a function.

    Parameters
    ----------
    function : str
    checkpoint : Path or None
    stream : str
    size : int
    moments : (str, str)
        Mean and standard deviation per channel, joined by ``+``.
    dtype : str
    init_seed : int
    """

    def __init__(
        self,
        function: str,
        checkpoint: Path | None,
        stream: str,
        size: int,
        moments: tuple[str, str],
        dtype: str,
        init_seed: int,
    ) -> None:
        self.function, self.file = import_function(function)
        name = function.rpartition(":")[2]
        super().__init__(stream, f"{name}-{checkpoint.stem}" if checkpoint else name, dtype)
        self.checkpoint, self.size, self.init_seed = checkpoint, size, init_seed
        self.moments = tuple(_numbers(text) for text in moments)
        self._prepare: Callable[[list[Any]], Any] | None = None

    def identity(self) -> Mapping[str, Any]:
        """Return what identifies the module: code of its file, weights and preprocessing."""
        code = hashlib.sha256(self.file.read_bytes()).hexdigest() if self.file else ""
        return {
            "function": self.function.__name__,
            "code": code,
            "checkpoint": read_checkpoint(self.checkpoint).sha256 if self.checkpoint else "",
            "size": self.size,
            "moments": [list(values) for values in self.moments],
            "dtype": str(self.dtype),
            "init_seed": self.init_seed,
        }

    def make(self) -> nn.Module:
        """Call the function, and read the checkpoint if there is one."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.init_seed)
            try:
                made = self.function()
            except Exception as error:
                raise alignkit.DataError(
                    f"{self.function.__name__}() of {self.file} failed: "
                    f"{type(error).__name__}: {alignkit.first_line(error)}"
                ) from error
        if isinstance(made, tuple) and len(made) == 2 and callable(made[1]):
            made, self._prepare = made
        if not isinstance(made, nn.Module):
            raise alignkit.DataError(
                f"{self.function.__name__}() returned a {type(made).__name__}; expected a "
                "torch.nn.Module, or a pair of it and a function that prepares samples"
            )
        if self.stream == "text" and self._prepare is None:
            raise alignkit.UsageError(
                f"a text module needs its tokenizer: let {self.function.__name__}() return a pair "
                "of the module and a function from texts to tensors"
            )
        if self.checkpoint is None:
            self.note(
                f"no checkpoint is given; weights are as {self.function.__name__}() made them"
            )
        else:
            for line in fill(made, read_checkpoint(self.checkpoint)):
                self.note(line)
        return made

    def prepare(self, samples: Sequence[str] | Sequence[Image.Image]) -> Mapping[str, Tensor]:
        """Return what the user's function makes of samples, or resized and normalised pixels."""
        _ = self.module  # sets the function that prepares
        if self._prepare is not None:
            made = self._prepare(list(samples))
            inputs = made if isinstance(made, Mapping) else {"": made}
            if not all(isinstance(value, Tensor) for value in inputs.values()):
                raise alignkit.DataError("`prepare` gave no tensor, nor a dict of tensors")
            return {name: self._cast(value) for name, value in inputs.items()}
        side = (self.size, self.size)
        pictures: list[Any] = list(samples)
        pixels = np.stack(
            [
                np.asarray(p.convert("RGB").resize(side, Image.Resampling.BICUBIC), np.float32)
                for p in pictures
            ]
        )
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in self.moments)
        tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).div_(255).sub_(mean).div_(std)
        return {"": self._cast(tensor)}

    def input_text(self) -> str:
        """Say what prepares samples."""
        _ = self.module
        if self._prepare is not None:
            return f"what the function that {self.function.__name__}() returns makes of samples"
        return picture_text(self.prepare(probe_samples(self.stream))[""], *self.moments)

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Any, Tensor | None]:
        """Call the module."""
        if set(inputs) == {""}:
            return self.module(inputs[""]), None
        return self.module(**inputs), None

    def positions(self, inputs: Mapping[str, Tensor]) -> Positions:
        """Return which tokens are real, and the class token where the module has one."""
        mask = inputs.get("attention_mask")
        batch = len(next(iter(inputs.values())))
        device = next(iter(inputs.values())).device
        names = [name.rpartition(".")[2] for name, _ in self.module.named_parameters()]
        token = "cls_token" in names
        cls = torch.zeros(batch, dtype=torch.long, device=device) if token else None
        return Positions(
            mask=None if mask is None else mask.bool(), cls=cls, prefix=1 if token else 0
        )

    def _cast(self, value: Tensor) -> Tensor:
        return value.to(self.dtype) if value.is_floating_point() else value


def import_function(spec: str) -> tuple[Callable[[], Any], Path | None]:
    """Import ``FILE.py:FUNCTION`` or ``PACKAGE.MODULE:FUNCTION``; also return its file.

    Raises
    ------
    UsageError
        When there is no such file, module or function, or importing it fails.
    """
    place, colon, name = spec.rpartition(":")
    if not colon or not place or not name.isidentifier():
        raise alignkit.UsageError(
            f"'{spec}' is not of the form FILE.py:FUNCTION or MODULE:FUNCTION"
        )
    try:
        imported = (
            _import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        )
    except alignkit.UsageError:
        raise
    except Exception as error:
        raise alignkit.UsageError(
            f"{place} cannot be imported: {type(error).__name__}: {alignkit.first_line(error)}"
        ) from error
    function = getattr(imported, name, None)
    if not callable(function):
        raise alignkit.UsageError(f"{place} has no function '{name}'")
    file = getattr(imported, "__file__", None)
    return function, Path(file) if file else None


def _import_file(file: Path) -> ModuleType:
    file = file.expanduser().resolve()
    if not file.is_file():
        raise alignkit.UsageError(f"there is no file {file}")
    name = f"alignkit_module_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}"
    made = import_file(name, file)
    if made is None:
        raise alignkit.UsageError(f"{file} is not a file of Python, such as NAME.py")
    return made


def _numbers(text: str) -> tuple[float, float, float]:
    try:
        values = tuple(float(part) for part in text.split("+"))
    except ValueError:
        values = ()
    if len(values) != 3:
        raise alignkit.UsageError(f"'{text}' is not three numbers joined by +")
    return values
