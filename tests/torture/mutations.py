"""Damage to the content of files, as bytes, as text and as JSON, from a seeded generator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import hostile

NUMBERS = (
    *("0", "-1", "1", "2147483648", "-9223372036854775809", "18446744073709551616", "1e999", "nan"),
    *("NaN", "-inf", "0.0", "1_000", "9" * 5000, "1" + "0" * 30, "1e-400", "0x10", "٣", "", "-"),
)
TEXTS = (
    *("", " ", "\0", "\x1b[31m", "\n", "\r", "../..", "/etc/passwd", "\u202e", "\ud7ff", "=1+1"),
    *("x" * 5000, "null", "true", "[]", "{}", '"', "'", "\\", ",", ";", "\t", "|", "\ufeff", "é"),
)
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_SHORT = 200_000  # longer files are damaged as bytes only, as it would take too long


def mutated(rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """Return content with some damage; ``others`` are further files of the kind."""
    kinds: list[Callable[[Random, bytes, Sequence[bytes]], bytes]] = list(_BYTES)
    if len(content) < _SHORT and _is_text(content):
        kinds += _TEXT * 2
        if content[:1] in b"{[":
            kinds += [_values] * len(kinds)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = rng.choice(kinds)(rng, content, others)
    return content


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _place(rng: Random, content: bytes) -> int:
    """Return a place in a file, often near its ends, where headers and directories are."""
    if rng.random() < 0.4:
        near = rng.randrange(min(200, len(content)) + 1)
        return near if rng.random() < 0.6 else len(content) - near
    return rng.randrange(len(content) + 1)


def _flip(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    changed = bytearray(content or b"\0")
    changed[min(_place(rng, content), len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _byte(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(rng, content)
    return content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]


def _integer(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """Write an extreme integer, as one might stand in a header."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice((0, 1, (1 << 8 * size) - 1, 1 << (8 * size - 1), (1 << (8 * size - 1)) - 1))
    place = _place(rng, content)
    return (
        content[:place]
        + value.to_bytes(size, rng.choice(("little", "big")))
        + content[place + size :]
    )


def _cut(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    return content[: _place(rng, content)]


def _removed(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place, length = _place(rng, content), rng.choice((1, 2, 8, 64, 512))
    return content[:place] + content[place + length :]


def _repeated(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place, length = _place(rng, content), rng.choice((1, 4, 32, 256))
    return (
        content[:place]
        + content[place : place + length] * rng.choice((2, 3, 50))
        + content[place + length :]
    )


def _inserted(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(rng, content)
    return content[:place] + rng.randbytes(rng.choice((1, 4, 40))) + content[place:]


def _zeroed(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place, length = _place(rng, content), rng.choice((4, 64, 1024))
    return content[:place] + bytes(length) + content[place + length :]


def _spliced(rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others)
    return content[: _place(rng, content)] + other[_place(rng, other) :]


def _number(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    places = [match.span() for match in _NUMBER.finditer(content)]
    if not places:
        return content
    start, end = rng.choice(places)
    return content[:start] + rng.choice(NUMBERS).encode() + content[end:]


def _text(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    place = _place(rng, content)
    return content[:place] + rng.choice(TEXTS).encode() + content[place:]


def _lines(rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """Remove, repeat, exchange or take over a line."""
    lines = content.splitlines(keepends=True) or [b""]
    place = rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(place, lines[place])
    elif how == 2:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines.insert(place, rng.choice(rng.choice(others).splitlines(keepends=True) or [b""]))
    return b"".join(lines)


def _cell(rng: Random, content: bytes, _: Sequence[bytes]) -> bytes:
    """Replace what stands between two separators."""
    parts = re.split(rb"([,;\t=:\n\"])", content)
    parts[rng.randrange(len(parts))] = rng.choice((*TEXTS, *NUMBERS)).encode()
    return b"".join(parts)


def _values(rng: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """Replace a value of JSON at any depth by one of another kind, or leave it out."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return _flip(rng, content, others)
    places = list(_containers(value))
    if not places:
        return content
    container, key = rng.choice(places)
    if rng.random() < 0.2:
        del container[key]
    else:
        container[key] = rng.choice((*hostile.VALUES, *TEXTS))
    return json.dumps(value).encode()


def _containers(value: Any) -> list[tuple[Any, Any]]:
    """Return where the values of JSON stand: the object or list, and the key or place."""
    inside: list[tuple[Any, Any]] = []
    waiting = [value] if isinstance(value, (dict, list)) else []
    while waiting:
        container = waiting.pop()
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            inside.append((container, key))
            if isinstance(container[key], (dict, list)):
                waiting.append(container[key])
    return inside


_BYTES = (*(_flip, _byte, _integer, _cut, _removed, _repeated, _inserted, _zeroed, _spliced),)
_TEXT = [_number, _text, _lines, _cell]
