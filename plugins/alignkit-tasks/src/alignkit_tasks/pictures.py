"""Pictures as data sets contain them: of any mode, and sometimes missing or broken."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image, ImageOps

import alignkit

POLICIES = ("error", "skip", "blank")
BLANK = (224, 224)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
TAIL = 64

# What Pillow and its codecs raise on bytes that are not a picture, or only part of one.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
_OVERSIZED = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class Source(Protocol):
    """The location of one picture: a file, a row of a table, a member of an archive."""

    def open(self) -> Image.Image:
        """Open the picture; raise ``FileNotFoundError`` if it is missing."""

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None, by a cheap check."""

    def size(self) -> int:
        """Return the size in bytes, 0 if it is missing; part of the fingerprint."""


@dataclass(frozen=True)
class File:
    """A picture in a file of its own."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self) -> Image.Image:
        """Open the picture; raise ``FileNotFoundError`` if it is missing."""
        return open_encoded(self.path)

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None."""
        try:
            with self.path.open("rb") as file:
                return fault_of(file)
        except OSError:
            return "broken" if self.path.is_file() else "missing"

    def size(self) -> int:
        """Return the size of the file in bytes, 0 if it is missing."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


def open_encoded(file: Path | BinaryIO) -> Image.Image:
    """Open an encoded picture of an allowed format; raise an error if it is absurdly large."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(file, formats=FORMATS)


def open_rgb(source: Source) -> Image.Image:
    """Open a picture upright and in RGB, with transparent parts on white.

    Raises
    ------
    alignkit.MissingError
        If it is missing.
    alignkit.DataError
        If it is not a picture, is truncated, or has so many pixels that it may be an attack.
    """
    try:
        with source.open() as picture:
            picture.load()
            return _on_white(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise alignkit.MissingError(f"there is no picture {source}") from None
    except _OVERSIZED:
        raise alignkit.DataError(
            f"{source} has more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels"
        ) from None
    except _BROKEN as error:
        raise alignkit.DataError(f"{source} is not a complete picture: {_short(error)}") from None


def fault_of(file: BinaryIO) -> str | None:
    """Return what is wrong with a picture, without decoding it if that can be avoided.

    A JPEG is complete if its header can be read and it ends with the end marker, a PNG if the
    checksums of its chunks are correct; any other picture is decoded.

    Returns
    -------
    str or None
        ``"broken"``, ``"oversized"`` or None.
    """
    try:
        with open_encoded(file) as picture:
            if picture.format == "PNG":
                picture.verify()
            elif picture.format != "JPEG" or not _ends_as_jpeg(file):
                picture.load()
    except _OVERSIZED:
        return "oversized"
    except _BROKEN:
        return "broken"
    return None


def _ends_as_jpeg(file: BinaryIO) -> bool:
    position = file.tell()
    file.seek(0, 2)
    file.seek(max(0, file.tell() - TAIL))
    ends = file.read().rstrip(b"\0\r\n ").endswith(b"\xff\xd9")
    file.seek(position)
    return ends


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split: ``pictures(i)`` opens the i-th.

    Attributes
    ----------
    ids : sequence of str
    sources : sequence of (Source or None)
        None for a blank picture.
    blank : bool
        Whether to show white for a picture that turns out to be broken when it is decoded.
    """

    ids: Sequence[str]
    sources: Sequence[Source | None]
    blank: bool = False

    def __call__(self, i: int) -> Image.Image:
        """Open the i-th picture, upright and in RGB."""
        source = self.sources[i]
        if source is None:
            return Image.new("RGB", BLANK, "white")
        try:
            return open_rgb(source)
        except alignkit.DataError as error:
            if self.blank:
                return Image.new("RGB", BLANK, "white")
            raise type(error)(f"picture of sample {self.ids[i]}: {error}") from None


def usable(
    task: str, ids: Sequence[str], sources: Sequence[Source], policy: str, notes: Counter[str]
) -> tuple[list[int], Pictures]:
    """Apply the policy for pictures that are missing, broken or oversized.

    Parameters
    ----------
    task : str
        The task with its options, for messages.
    ids : sequence of str
    sources : sequence of Source
    policy : str
        ``error`` stops, ``skip`` leaves out the samples, ``blank`` shows white pictures.
    notes : Counter
        Receives the number of such pictures.

    Returns
    -------
    rows : list of int
        The samples to keep.
    pictures : Pictures
        The pictures of these samples.

    Raises
    ------
    alignkit.DataError
        With the policy ``error``, if there are any.
    """
    faults = {i: fault for i, source in enumerate(sources) if (fault := source.fault())}
    if faults and policy == "error":
        first, counts = next(iter(faults)), Counter(faults.values())
        counted = " and ".join(f"{counts[fault]} {fault}" for fault in sorted(counts))
        raise alignkit.DataError(
            f"{task}: {counted} of {len(sources)} pictures; the first is {faults[first]}: id "
            f"{ids[first]}, {sources[first]}; use `task={task}{',' if ':' in task else ':'}"
            f"images=skip` or images=blank, and see: alignkit data verify {task}"
        )
    done = "left out" if policy == "skip" else "shown blank"
    notes.update(f"picture {fault}, {done}" for fault in faults.values())
    rows = [i for i in range(len(sources)) if policy == "blank" or i not in faults]
    shown = [None if i in faults else sources[i] for i in rows]
    return rows, Pictures([ids[i] for i in rows], shown, blank=policy == "blank")


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
