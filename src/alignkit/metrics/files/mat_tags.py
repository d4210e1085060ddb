"""Whether a ``.mat`` file of version 5 is built as MATLAB builds it.

scipy looks up the codes of types in such a file without checking them, and ends the process where
one is unknown; and what is compressed in it may unpack to any size.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from alignkit.bounds import RATIO, most_of

HEADER = 128
DEEPEST = 64

_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
_MATRIX, _COMPRESSED = 14, 15
_FLAGS = 6  # the type of the first element in a matrix, which holds its class
_CLASSES = range(1, 19)

Content = bytes | mmap.mmap
Order = Literal["little", "big"]
_ORDERS: dict[bytes, Order] = {b"IM": "little", b"MI": "big"}


def check_tags(path: Path) -> None:
    """Refuse a file with unknown types or classes, lying lengths, or too much within.

    Parameters
    ----------
    path : Path
        Of version 4 nothing is checked.

    Raises
    ------
    ValueError
        Where the file is not as MATLAB writes it.
    """
    with path.open("rb") as file:
        start = file.read(HEADER)
        order = _ORDERS.get(start[126:128])
        if order is None or 0 in start[:4]:  # of version 4
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            left = most_of(len(content))
            for kind, begin, end in _elements(content, HEADER, len(content), order, padded=False):
                if kind == _COMPRESSED:
                    whole = _unpacked(content[begin:end], left)
                    left -= len(whole)
                    _check_all(whole, 0, len(whole), order, 1)
                else:
                    _check(content, kind, begin, end, order, 1)


def _check_all(content: Content, begin: int, end: int, order: Order, depth: int) -> None:
    for kind, first, last in _elements(content, begin, end, order):
        _check(content, kind, first, last, order, depth)


def _check(content: Content, kind: int, begin: int, end: int, order: Order, depth: int) -> None:
    if kind == _MATRIX:
        if depth > DEEPEST:
            raise ValueError("its cells are nested too deep")
        if begin == end:  # an empty cell
            return
        flags, first, last = next(_elements(content, begin, end, order))
        if flags != _FLAGS or last - first < 8:
            raise ValueError("a variable does not begin with its class")
        if _number(content[first : first + 4], order) & 0xFF not in _CLASSES:
            raise ValueError("a variable has an unknown class")
        _check_all(content, begin, end, order, depth + 1)
    elif kind not in _NUMBERS:
        raise ValueError("it holds an unknown type of data")
    elif (end - begin) % _NUMBERS[kind]:
        raise ValueError("it holds part of a number")


def _elements(
    content: Content, begin: int, end: int, order: Order, padded: bool = True
) -> Iterator[tuple[int, int, int]]:
    """Yield type, begin and end of each element; all but those at the top fill 8 bytes."""
    while begin + 8 <= end:
        kind, size = (_number(content[at : at + 4], order) for at in (begin, begin + 4))
        first = begin + 8
        if kind >> 16:  # a short element stands in its tag
            kind, size, first = kind & 0xFFFF, kind >> 16, begin + 4
            if size > 4:
                raise ValueError("a short element is too long")
            yield kind, first, first + size
            begin += 8
            continue
        if first + size > end:
            raise ValueError("it is cut, or states a length that it does not have")
        yield kind, first, first + size
        begin = first + (size if not padded or kind == _COMPRESSED else -(-size // 8) * 8)


def _unpacked(packed: bytes, most: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        whole = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(f"it is damaged ({error})") from None
    if len(whole) > most:
        raise ValueError(f"it unpacks to more than {RATIO} times its size")
    if not stream.eof:
        raise ValueError("it is cut within a variable")
    return whole


def _number(content: bytes, order: Order) -> int:
    return int.from_bytes(content, order)
