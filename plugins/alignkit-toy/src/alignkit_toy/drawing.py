"""Pictures: one large coloured shape on a noisy background, among grey clutter.

Shapes are drawn from signed distances (negative inside), a chunk of samples at a time, so that
a few thousand pictures take about a second.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from alignkit_toy.values import GREY, HIDDEN, PALETTE

SIZE = 32
PIXEL_NOISE = 24  # largest change of a channel of a pixel, out of 255
CLUTTER = 2
SHAPES = ("circle", "square", "diamond", "ring", "cross", "triangle")
_CHUNK = 512


class Pictures:
    """Pictures of one split: ``pictures(i)`` is the i-th; all are drawn on first use.

    Parameters
    ----------
    values : ndarray (n,)
        Colour of the main shape, ``HIDDEN`` for grey.
    distractors : ndarray (n, k)
        Colours of the small shapes drawn next to it.
    seed : int
    """

    def __init__(self, values: np.ndarray, distractors: np.ndarray, seed: int) -> None:
        self._values, self._distractors, self._seed = values, distractors, seed

    def __call__(self, i: int) -> np.ndarray:
        """Return the i-th picture, ``(32, 32, 3)`` bytes."""
        picture: np.ndarray = self.pixels[i]
        return picture

    @cached_property
    def pixels(self) -> np.ndarray:
        """All pictures, ``(n, 32, 32, 3)`` bytes."""
        rng = np.random.Generator(np.random.Philox(self._seed))
        n = len(self._values)
        chunks = [slice(start, start + _CHUNK) for start in range(0, n, _CHUNK)]
        pixels = np.concatenate(
            [draw(rng, self._values[chunk], self._distractors[chunk]) for chunk in chunks]
        )
        pixels.flags.writeable = False
        return pixels


def draw(rng: np.random.Generator, values: np.ndarray, distractors: np.ndarray) -> np.ndarray:
    """Draw one ``(32, 32, 3)`` picture of bytes per value, the main shape on top."""
    n = len(values)
    canvas = _background(rng, n)
    for _ in range(CLUTTER):
        _paint(canvas, rng, (1.5, 2.5), rng.integers(50, 230, size=(n, 1)).repeat(3, axis=1))
    for column in distractors.T:
        _paint(canvas, rng, (2.0, 3.0), _colours(column))
    _paint(canvas, rng, (6.0, 9.0), _colours(values))
    canvas += rng.integers(-PIXEL_NOISE, PIXEL_NOISE + 1, size=canvas.shape)
    pictures: np.ndarray = np.clip(canvas, 0, 255).astype(np.uint8)
    return pictures


def _colours(values: np.ndarray) -> np.ndarray:
    """Return the RGB colours of values, ``(n, 3)``."""
    palette = np.array([*PALETTE.values(), GREY])
    colours: np.ndarray = palette[np.where(values == HIDDEN, len(PALETTE), values)]
    return colours


def _background(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return grey gradients in random directions, never as light as white or as dark as black."""
    across = np.linspace(-1, 1, SIZE, dtype=np.float32)
    level, right, down = rng.random((3, n, 1, 1), dtype=np.float32)
    grey = 110 + 60 * level + 50 * (right - 0.5) * across + 50 * (down - 0.5) * across[:, None]
    return np.repeat(grey[..., None], 3, axis=3)


def _paint(
    canvas: np.ndarray, rng: np.random.Generator, radii: tuple[float, float], colours: np.ndarray
) -> None:
    """Paint one shape of random kind, position and size into each picture, inside the frame."""
    n = len(canvas)
    radius = (radii[0] + (radii[1] - radii[0]) * rng.random(n)).astype(np.float32)
    centre = radius + (SIZE - 1 - 2 * radius) * rng.random((2, n))
    kinds = rng.integers(len(SHAPES), size=n)
    axis = np.arange(SIZE, dtype=np.float32)
    down = (axis[:, None] - centre[0][:, None, None]).astype(np.float32)
    across = (axis[None, :] - centre[1][:, None, None]).astype(np.float32)
    distance = np.empty((n, SIZE, SIZE), dtype=np.float32)
    for kind, shape in enumerate(SHAPES):
        rows = kinds == kind
        distance[rows] = _distance(shape, across[rows], down[rows], radius[rows, None, None])
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    canvas += cover * (colours[:, None, None, :].astype(np.float32) - canvas)


def _distance(shape: str, across: np.ndarray, down: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return the signed distance of every pixel to the edge of a shape, negative inside."""
    x, y = np.abs(across), np.abs(down)
    circle: np.ndarray = np.sqrt(across**2 + down**2) - radius
    distance: np.ndarray = circle
    if shape == "square":
        distance = np.maximum(x, y) - 0.85 * radius
    elif shape == "diamond":
        distance = (x + y - 1.2 * radius) * np.float32(0.707)
    elif shape == "cross":
        distance = np.maximum(np.minimum(x, y) - 0.4 * radius, np.maximum(x, y) - radius)
    elif shape == "triangle":
        distance = np.maximum(down - 0.8 * radius, (2 * x - down - radius) * np.float32(0.447))
    elif shape == "ring":
        distance = np.maximum(circle, -circle - 0.65 * radius)
    return distance
