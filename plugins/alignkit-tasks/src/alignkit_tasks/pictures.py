"""Opening pictures as data sets have them: any mode, sometimes missing or broken."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import alignkit

POLICIES = ("error", "skip", "blank")
BLANK = (224, 224)

# What Pillow and the codecs below it raise on bytes that are no picture, or half of one.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def open_rgb(path: Path) -> Image.Image:
    """Open a picture upright and in RGB, with transparent parts on white.

    Raises
    ------
    alignkit.DataError
        When the file is missing, no picture, or cut off.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            return _on_white(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise alignkit.DataError(f"there is no picture {path}") from None
    except _BROKEN as error:
        raise alignkit.DataError(f"{path} is not a whole picture: {_short(error)}") from None


def fault_of(path: Path) -> str | None:
    """Say what is wrong with a picture file, without decoding it where that can be helped.

    Returns
    -------
    str or None
        ``"missing"``, ``"broken"`` or None.
    """
    try:
        with Image.open(path) as picture:
            if picture.format == "PNG":
                picture.verify()  # checksums of all chunks: far cheaper than decoding
            else:
                picture.load()
    except FileNotFoundError:
        return "missing"
    except _BROKEN:
        return "broken"
    return None


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split: ``pictures(i)`` opens the i-th.

    Attributes
    ----------
    ids : sequence of str
    paths : sequence of (Path or None)
        None stands for a blank picture.
    """

    ids: Sequence[str]
    paths: Sequence[Path | None]

    def __call__(self, i: int) -> Image.Image:
        path = self.paths[i]
        if path is None:
            return Image.new("RGB", BLANK, "white")
        try:
            return open_rgb(path)
        except alignkit.DataError as error:
            raise alignkit.DataError(f"picture of sample {self.ids[i]}: {error}") from None


def usable(
    task: str, ids: Sequence[str], paths: Sequence[Path], policy: str, notes: Counter[str]
) -> tuple[list[int], Pictures]:
    """Apply the policy for pictures that are missing or broken.

    Parameters
    ----------
    policy : str
        ``error`` stops at them, ``skip`` leaves the samples out, ``blank`` shows white.
    notes : Counter
        Receives how many there were.

    Returns
    -------
    rows : list of int
        The samples to keep.
    pictures : Pictures
        Theirs.

    Raises
    ------
    alignkit.DataError
        With the policy ``error``, when there are any.
    """
    faults = {i: fault for i, path in enumerate(paths) if (fault := fault_of(path))}
    if faults and policy == "error":
        first, counts = next(iter(faults)), Counter(faults.values())
        counted = " and ".join(f"{counts[fault]} {fault}" for fault in sorted(counts))
        raise alignkit.DataError(
            f"{task}: of {len(paths)} pictures {counted}; the first is {faults[first]}: id "
            f"{ids[first]}, {paths[first]}; use --task {task}:missing=skip or missing=blank"
        )
    done = "left out" if policy == "skip" else "shown blank"
    notes.update(f"picture {fault}, {done}" for fault in faults.values())
    rows = [i for i in range(len(paths)) if policy == "blank" or i not in faults]
    shown = [None if i in faults else paths[i] for i in rows]
    return rows, Pictures([ids[i] for i in rows], shown)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16"):
        # Pillow would clip 16 bits to 8 instead of scaling them.
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _short(error: BaseException) -> str:
    return str(error).partition(" <")[0].partition(" '")[0] or type(error).__name__
