"""Encoded pictures without their metadata: what a decoder needs, and which way is up.

Metadata can be of any size and broken in many ways, and none of it changes a pixel except the
orientation. So it is taken off before a picture is decoded, and only its orientation is read.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

UPRIGHT = 1
ORIENTATION = 0x0112
# More of a text than this is never looked at: an orientation stands within its first bytes.
TEXT_BYTES = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

# The integers that a TIFF directory may hold, by their code: byte, short, long.
_INTEGERS = {1: "B", 3: "H", 4: "I"}
_IN_XMP = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_IN_PNG = b"XML:com.adobe.xmp\0"
_EXIF_IN_PNG = (b"Raw profile type exif\0", b"Raw profile type APP1\0")


@dataclass(frozen=True)
class Bare:
    """A picture without metadata.

    Attributes
    ----------
    file : BinaryIO
        What is left of it, from the beginning.
    exif, xmp : bytes
        The two kinds of metadata that may tell the orientation; empty if there are none.
    """

    file: BinaryIO
    exif: bytes = b""
    xmp: bytes = b""


def without_metadata(file: BinaryIO, pixels: bool = True) -> Bare:
    """Take the metadata off a JPEG or PNG; other formats are returned as they are.

    Parameters
    ----------
    file : BinaryIO
        It is read from its beginning.
    pixels : bool
        Whether the data of the pixels of a JPEG are needed; otherwise only its header is read.
    """
    file.seek(0)
    start = file.read(len(PNG))
    file.seek(0)
    try:
        if start.startswith(JPEG):
            return _bare_jpeg(file, pixels)
        if start == PNG:
            return _bare_png(file)
    except (ValueError, IndexError):  # not built as it should be: left to the decoder
        file.seek(0)
    return Bare(file)


def orientation_of(exif: bytes, xmp: bytes = b"") -> int:
    """Return the orientation, 1 to 8; 1, upright, where no metadata tell it.

    Only this one tag of EXIF is read, so that others may hold what they like.
    """
    try:
        told = _in_exif(exif.removeprefix(b"Exif\0\0"))
    except struct.error:
        told = None
    if told is None and (match := _IN_XMP.search(xmp)):
        told = int(match[1])
    return told if told is not None and 1 <= told <= 8 else UPRIGHT


def _in_exif(tiff: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    (start,) = struct.unpack_from(f"{order}4xI", tiff)
    (count,) = struct.unpack_from(f"{order}H", tiff, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", tiff, place)
        if tag == ORIENTATION and kind in _INTEGERS and length == 1:
            value: int = struct.unpack_from(f"{order}{_INTEGERS[kind]}", tiff, place + 8)[0]
            return value
    return None


def _bare_jpeg(file: BinaryIO, pixels: bool) -> Bare:
    kept, exif, xmp = io.BytesIO(), b"", b""
    kept.write(file.read(2))
    while True:
        if file.read(1) != b"\xff":
            raise ValueError("no marker")
        marker = 0xFF
        while marker == 0xFF:  # any number of these may fill the space before a marker
            marker = file.read(1)[0]
        head = file.read(2)
        body = file.read(int.from_bytes(head) - 2) if int.from_bytes(head) >= 2 else b""
        if len(body) != int.from_bytes(head) - 2:
            raise ValueError("no complete segment")
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif marker == 0xE1 and body.startswith(_XMP_IN_JPEG):
            xmp = xmp or body
        if not _is_metadata(marker, body):
            kept.write(bytes((0xFF, marker)) + head + body)
        if marker == 0xDA:  # pixels follow
            kept.write(file.read() if pixels else b"")
            kept.seek(0)
            return Bare(kept, exif, xmp)


def _is_metadata(marker: int, body: bytes) -> bool:
    """Return whether a segment is a comment, or an application's that no decoder reads."""
    if marker == 0xE0:
        return not body.startswith(b"JFIF\0")
    if marker == 0xEE:  # tells how colours are stored
        return not body.startswith(b"Adobe")
    return marker == 0xFE or 0xE0 <= marker <= 0xEF


def _bare_png(file: BinaryIO) -> Bare:
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    kept, exif, xmp = io.BytesIO(), b"", b""
    kept.write(file.read(len(PNG)))
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        following = file.tell() + length + 4  # the chunk ends with a checksum
        if len(head) < 8 or following > end:
            kept.write(head + file.read())  # truncated: the decoder will say so
            break
        if kind[0] & 0x20 == 0 or kind == b"tRNS":  # what a decoder must know, and transparency
            kept.write(head + file.read(length + 4))
        elif kind == b"eXIf":
            exif = exif or file.read(length)
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            text = file.read(min(length, TEXT_BYTES))
            exif = exif or _exif_in_text(kind, text)
            xmp = xmp or _xmp_in_text(text)
        file.seek(following)
    kept.seek(0)
    return Bare(kept, exif, xmp)


def _exif_in_text(kind: bytes, text: bytes) -> bytes:
    """Return EXIF that was written as text: a line break, a name, a length, hexadecimal digits."""
    if not text.startswith(_EXIF_IN_PNG):
        return b""
    written = text.partition(b"\0")[2]
    if kind == b"zTXt":
        written = _decompressed(written[1:])
    try:
        return bytes.fromhex("".join(written.decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""


def _xmp_in_text(text: bytes) -> bytes:
    if not text.startswith(_XMP_IN_PNG):
        return b""
    compressed, written = text[len(_XMP_IN_PNG) :][:1], text[len(_XMP_IN_PNG) + 2 :]
    written = written.partition(b"\0")[2].partition(b"\0")[2]  # behind two names of languages
    return _decompressed(written) if compressed == b"\1" else written


def _decompressed(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, TEXT_BYTES)
    except zlib.error:
        return b""
