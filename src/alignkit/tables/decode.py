"""The bytes of a table as text: encodings, and files that are no tables at all."""

from __future__ import annotations

import codecs
from pathlib import Path

from alignkit.bounds import free_memory
from alignkit.documents import read_bytes
from alignkit.errors import DataError, MissingError

# How much memory is taken for each byte of a table and for each of its lines.
COPIES, LINE = 3, 160
# Longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# How files begin that are often named like tables, and what to do with them.
_OTHER_FILES = (
    (b"PK\x03\x04", "a spreadsheet or an archive; export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; export it as CSV"),
    (b"PAR1", "a Parquet file; name it .parquet"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\x93NUMPY", "a NumPy array; name it .npy"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data; fetch it with: git lfs pull"),
    (b"<!doctype html", "a web page, not the data; download the file itself"),
    (b"<html", "a web page, not the data; download the file itself"),
)


def read_text(path: Path) -> str:
    """Return the text of a file, in UTF-8 or, as spreadsheets also write it, UTF-16.

    Raises
    ------
    MissingError
        When there is no such file.
    DataError
        When it is empty, holds something else than a table, or bytes in another encoding; the
        message names the line.
    """
    free = free_memory()
    try:
        raw = read_bytes(path, free)
    except MissingError:
        raise MissingError(f"{path} does not exist; expected a table") from None
    needed = COPIES * len(raw) + LINE * (raw.count(b"\n") + raw.count(b"\r"))
    if needed > free:
        raise DataError(
            f"reading {path} takes about {needed / 1e9:,.1f} GB of memory, and "
            f"{free / 1e9:,.1f} GB are free; save it as .parquet or .npy"
        )
    encoding, mark = encoding_of(raw[:4096], path)
    try:
        text = raw[mark:].decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, mark + error.start) + 1
        raise DataError(
            f"{path}:{line} cannot be read: {_bytes(error)} is not {encoding.upper()}; save the "
            "file as UTF-8"
        ) from None
    text = text.removesuffix("\x1a")  # how some systems mark the end of a file
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{path}:{line} cannot be read: it holds a NUL byte, so it is damaged or no table; "
            "write it again"
        )
    if not text.strip():
        raise DataError(
            f"{path} cannot be read: it is empty; the first line must name each column once"
        )
    return text


def encoding_of(start: bytes, path: Path) -> tuple[str, int]:
    """Return the encoding of a file from its first bytes, and the length of its mark.

    Raises
    ------
    DataError
        When the file is of another kind, such as a spreadsheet.
    """
    for begin, kind in _OTHER_FILES:
        if start[: len(begin)].lower() == begin.lower():
            raise DataError(f"{path} is not a table but {kind}")
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    # Without a mark, UTF-16 is told by the NUL in every other byte of plain letters.
    if start and len(start) % 2 == 0:
        even, odd = start[0::2].count(0), start[1::2].count(0)
        if odd > 0.4 * len(start) / 2 and not even:
            return "utf-16-le", 0
        if even > 0.4 * len(start) / 2 and not odd:
            return "utf-16-be", 0
    return "utf-8", 0


def _bytes(error: UnicodeDecodeError) -> str:
    content = bytes(error.object[error.start : max(error.end, error.start + 1)])
    return f"the byte 0x{content[0]:02x}" if content else "the last character"
