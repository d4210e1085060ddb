"""Pictures as a vision stream takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FITS = ("crop", "squash")


class Pictures:
    """Resizing to a square, then normalising.

    Parameters
    ----------
    size : int
        Pixels of a side.
    mean, std : sequence of float
        Per channel, of values in [0, 1].
    fit : str
        ``crop``: the shorter side to ``size / crop`` pixels, then the middle; ``squash``:
        the whole picture, whatever its shape.
    crop : float
        Share of the resized picture's shorter side that the square cuts out.
    interpolation : str
        ``bicubic`` or ``bilinear``.
    """

    def __init__(
        self,
        size: int,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
        fit: str = "squash",
        crop: float = 1.0,
        interpolation: str = "bicubic",
    ) -> None:
        self.size, self.fit, self.crop = size, fit, crop
        self.mean, self.std, self.interpolation = list(mean), list(std), interpolation
        self._resample = Image.Resampling[interpolation.upper()]

    def to_json(self) -> Mapping[str, Any]:
        """Plain values that make the same again."""
        names = ("size", "mean", "std", "fit", "crop", "interpolation")
        return {name: getattr(self, name) for name in names}

    @property
    def recipe(self) -> dict[str, Any]:
        """How pictures become pixels: kept pixels are used where this is the same.

        Mean and deviation come later, so models that differ in nothing else share pixels.
        """
        cut = "whole" if self.fit == "squash" else f"middle, {self.crop} of the shorter side"
        return {"size": self.size, "resize": f"{cut}, {self.interpolation}", "layout": "chw, uint8"}

    def pixels(self, picture: Image.Image | np.ndarray) -> np.ndarray:
        """A picture as ``(3, size, size)`` of ``uint8``."""
        if isinstance(picture, np.ndarray):
            if picture.shape == (self.size, self.size, 3):
                return picture.transpose(2, 0, 1)
            picture = Image.fromarray(picture)
        picture = picture.convert("RGB")
        square = (
            self._cropped(picture)
            if self.fit == "crop"
            else self._resized(picture, self.size, self.size)
        )
        return np.asarray(square).transpose(2, 0, 1)

    def batch(self, pixels: np.ndarray) -> Tensor:
        """Normalise ``(batch, 3, size, size)`` of ``uint8``."""
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
        scaled = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)
        return scaled.sub_(mean).div_(std)

    def _cropped(self, picture: Image.Image) -> Image.Image:
        shorter = int(self.size / self.crop)
        scale = shorter / min(picture.size)
        width, height = (max(shorter, int(side * scale)) for side in picture.size)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        resized = self._resized(picture, width, height)
        return resized.crop((left, top, left + self.size, top + self.size))

    def _resized(self, picture: Image.Image, width: int, height: int) -> Image.Image:
        return picture.resize((width, height), self._resample)
