"""The images that a vision stream takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

# The longer side of an image is used up to this many times the shorter one.
LONGEST = 1000


class ImageTransform:
    """Resizes images to squares and normalises them.

    Parameters
    ----------
    size : int
        Side of the square in pixels.
    mean, std : sequence of float
        Per channel, of values in [0, 1].
    fit : str
        ``crop``: resize the shorter side to ``size / crop`` pixels, then crop the centre;
        ``squash``: resize to the square and ignore the aspect ratio.
    crop : float
        Side of the centre crop as a fraction of the resized image's shorter side.
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
        """Return the parameters as plain values, to be stored."""
        names = ("size", "mean", "std", "fit", "crop", "interpolation")
        return {name: getattr(self, name) for name in names}

    @property
    def recipe(self) -> dict[str, Any]:
        """How images become pixels; cached pixels are used where this is the same.

        Mean and standard deviation are applied later, so models that differ only in these
        share their pixels.
        """
        cut = "whole" if self.fit == "squash" else f"middle, {self.crop} of the shorter side"
        return {"size": self.size, "resize": f"{cut}, {self.interpolation}", "layout": "chw, uint8"}

    def pixels(self, image: Image.Image | np.ndarray) -> np.ndarray:
        """Return an image as ``(3, size, size)`` array of ``uint8``."""
        if isinstance(image, np.ndarray):
            if image.shape == (self.size, self.size, 3):
                return image.transpose(2, 0, 1)
            image = Image.fromarray(image)
        image = image.convert("RGB")
        square = (
            self._cropped(_not_too_long(image))
            if self.fit == "crop"
            else self._resized(image, self.size, self.size)
        )
        return np.asarray(square).transpose(2, 0, 1)

    def batch(self, pixels: np.ndarray) -> Tensor:
        """Normalise a ``(batch, 3, size, size)`` array of ``uint8``."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        scaled = torch.from_numpy(np.ascontiguousarray(pixels)).float().div_(255)
        return scaled.sub_(mean).div_(std)

    def _cropped(self, image: Image.Image) -> Image.Image:
        shorter = int(self.size / self.crop)
        scale = shorter / min(image.size)
        width, height = (max(shorter, int(side * scale)) for side in image.size)
        left, top = round((width - self.size) / 2), round((height - self.size) / 2)
        resized = self._resized(image, width, height)
        return resized.crop((left, top, left + self.size, top + self.size))

    def _resized(self, image: Image.Image, width: int, height: int) -> Image.Image:
        return image.resize((width, height), self._resample)


def _not_too_long(image: Image.Image) -> Image.Image:
    """Cut the middle out of an image like a thread: resized, it would fill the memory."""
    most = LONGEST * min(image.size)
    if max(image.size) <= most:
        return image
    left, top = (max(0, side - most) // 2 for side in image.size)
    return image.crop((left, top, left + min(image.width, most), top + min(image.height, most)))
