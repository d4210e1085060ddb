"""Makers of odd pictures: metadata of every kind, and bytes that are no picture."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def noise(width: int = 20, height: int = 12, channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(picture: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def tiff(entries: list[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """One directory of tags: number, type, count, four bytes of value or offset."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    body = b"".join(struct.pack(f"{order}HHI", t, k, n) + value for t, k, n, value in entries)
    return head + struct.pack(f"{order}H", len(entries)) + body + b"\0\0\0\0"


def orientation(value: int, order: str = "<") -> tuple[int, int, int, bytes]:
    return 0x0112, 3, 1, struct.pack(f"{order}HH", value, 0)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Put chunks behind the header, which is 33 bytes long with the signature."""
    return png[:33] + b"".join(chunks) + png[33:]


def with_exif(picture: np.ndarray, form: str, exif: bytes) -> bytes:
    if form == "JPEG":
        return with_segments(encoded(picture, form, quality=90), segment(0xE1, b"Exif\0\0" + exif))
    if form == "PNG":
        return with_chunks(encoded(picture, form), chunk(b"eXIf", exif))
    return encoded(picture, form, lossless=True, exif=exif)


def png_header(width: int, height: int) -> bytes:
    """A PNG that states a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def apple_double() -> bytes:
    """What macOS puts beside a file on other file systems, under its name behind ``._``."""
    return struct.pack(">II16xH", 0x00051607, 0x00020000, 0) + b"\0" * 70


NO_PICTURES = {
    "empty": (b"", r"it is empty \(0 bytes\)"),
    "web page": (b"\n <!DOCTYPE html><html>gone</html>", "a web page"),
    "drawing": (b"\xef\xbb\xbf<svg/>", "an SVG"),
    "resource": (apple_double(), "macOS resource file"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "heic": (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
    "tiff": (encoded(noise(), "TIFF"), "a TIFF"),
    "zip": (b"PK\3\4" + b"\0" * 40, "a ZIP archive"),
    "text": (b"not found", "none of JPEG, PNG, WebP, GIF and BMP"),
    "header only": (b"\x89PNG\r\n\x1a\n", "its header cannot be read"),
    "no width": (png_header(0, 5), "it has no pixels"),
    "no height": (png_header(5, 0), "it has no pixels"),
}
