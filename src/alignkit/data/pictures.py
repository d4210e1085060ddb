"""One way to open a picture: upright, in RGB, on white; every failure with its reason."""

from __future__ import annotations

import io
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, features
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from alignkit.data.jpeg import WholeJpeg
from alignkit.data.metadata import JPEG, PNG, Bare, orientation_of, without_metadata
from alignkit.errors import DataError, MissingError, first_line

# Each format's decoder by how its files begin. Pillow's own choice would also try to make sense
# of what else is in a file, such as further pictures, and fail on good ones.
_DECODERS: dict[bytes, type[ImageFile.ImageFile]] = {
    JPEG: WholeJpeg,
    PNG: PngImageFile,
    b"RIFF": WebPImageFile,
    b"GIF8": GifImageFile,
    b"BM": BmpImageFile,
}
# A JPEG may be followed by this many bytes, as some programs pad files.
TAIL = 64

# What Pillow and its codecs raise on bytes that are not a picture, or only part of one.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What files that are called pictures often are instead, by how they begin.
_OTHERS = {
    b"\0\5\x16\7": "it is a macOS resource file, a companion of the picture; delete it",
    b"version https://git-lfs": "it is a pointer of Git LFS; fetch the files: git lfs pull",
    b"<": "it is a web page or an SVG drawing",
    b"{": "it is JSON",
    b"PK\3\4": "it is a ZIP archive",
    b"II*\0": "it is a TIFF; convert it to PNG",
    b"MM\0*": "it is a TIFF; convert it to PNG",
    b"%PDF": "it is a PDF",
    b"%!PS": "it is PostScript",
}
# What is not a regular file, and would never end or cannot be read.
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_picture(source: Path | BinaryIO | bytes, name: str | None = None) -> Image.Image:
    """Open a picture upright and in RGB, with transparent parts on white.

    JPEG, PNG, WebP, GIF and BMP are read, of an animation the first frame. 16 bits a channel
    are scaled to 8. Of the metadata only the orientation is read; none can make a picture fail.

    Parameters
    ----------
    source : Path, binary file or bytes
    name : str, optional
        The picture's name for messages, such as an archive with a member; by default the path.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is not a picture or only part of one, has no pixels, or so many (more than
        ``PIL.Image.MAX_IMAGE_PIXELS``) that it may be an attack.
    """
    name = str(source) if name is None and isinstance(source, Path) else name or "the picture"
    with _failures_named(name), _opened(source) as file:
        bare = without_metadata(file)
        with _decoder(bare) as picture:
            picture.load()
            turn = _TURNS.get(_orientation(bare, picture))
            upright = picture if turn is None else picture.transpose(turn)
            return _on_white(upright)


def fault_of(source: Path | BinaryIO | bytes) -> str | None:
    """Return what is wrong with a picture, without decoding it if that can be avoided.

    A JPEG passes if its header can be read and it ends with the end marker, a PNG if the
    checksums of what it needs are correct; any other picture is decoded.

    Returns
    -------
    str or None
        ``"missing"``, ``"broken"``, ``"oversized"`` or None.
    """
    try:
        with _opened(source) as file, _decoder(without_metadata(file, pixels=False)) as picture:
            if picture.format == "PNG":
                picture.verify()
            elif picture.format != "JPEG" or not _ends_as_jpeg(file):
                file.seek(0)
                with _decoder(without_metadata(file)) as whole:
                    whole.load()
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except Image.DecompressionBombError:
        return "oversized"
    except _BROKEN:
        return "broken"
    return None


@contextmanager
def _failures_named(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(f"there is no picture {name}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{name} has more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels") from None
    except MemoryError:
        raise DataError(f"{name} needs more memory than there is; make it smaller") from None
    except _BROKEN as error:
        raise DataError(f"{name} is not a complete picture: {_reason(error)}") from None


@contextmanager
def _opened(source: Path | BinaryIO | bytes) -> Iterator[BinaryIO]:
    """Open a source for reading; a pipe is refused rather than waited for."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, Path):
        mode = source.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no file")
            raise ValueError(f"it is {kind}")
        with source.open("rb") as file:
            yield file
    else:
        yield source


def _decoder(bare: Bare) -> Image.Image:
    """Read the header of a picture, and check its size before anything is decoded."""
    start = bare.file.read(TAIL)
    bare.file.seek(0)
    decoder = next((_DECODERS[each] for each in _DECODERS if start.startswith(each)), None)
    if decoder is None:
        raise ValueError(_what_else(start))
    if decoder is WebPImageFile and not features.check("webp"):
        raise ValueError("this Pillow was built without WebP; install another: pip install pillow")
    try:
        picture = decoder(bare.file)
    except SyntaxError:
        raise ValueError("its header cannot be read, or it has no pixels") from None
    limit = Image.MAX_IMAGE_PIXELS
    if limit and picture.width * picture.height > limit:
        raise Image.DecompressionBombError
    return picture


def _what_else(start: bytes) -> str:
    """Say what bytes are that no decoder knows."""
    if not start:
        return "it is empty (0 bytes)"
    if start[4:8] == b"ftyp":
        return "it is HEIC, AVIF or a video; convert it to JPEG"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for beginning, what in _OTHERS.items():
        if start.startswith(beginning) or text.startswith(beginning):
            return what
    return "it is none of JPEG, PNG, WebP, GIF and BMP"


def _orientation(bare: Bare, picture: Image.Image) -> int:
    exif, xmp = (picture.info.get(kind, b"") for kind in ("exif", "xmp"))
    parts = (part if isinstance(part, bytes) else b"" for part in (exif, xmp))
    told = dict(zip(("exif", "xmp"), parts, strict=True))
    return orientation_of(bare.exif or told["exif"], bare.xmp or told["xmp"])


def _ends_as_jpeg(file: BinaryIO) -> bool:
    file.seek(max(0, file.seek(0, io.SEEK_END) - TAIL))
    return file.read().rstrip(b"\0\r\n ").endswith(b"\xff\xd9")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return _from_16_bits(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _from_16_bits(picture: Image.Image) -> Image.Image:
    """Scale 16 bits to 8, where Pillow would clip them; the transparent grey becomes white."""
    values = np.asarray(picture)
    grey = (values >> 8).astype(np.uint8)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return first_line(error).partition(" <")[0].partition(" '")[0]
