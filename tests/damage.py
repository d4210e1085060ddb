"""Damage to the content of a file, as by a failing disk or an interrupted copy."""

from __future__ import annotations

from random import Random


def flipped_or_cut(content: bytes, rng: Random) -> bytes:
    """Flip a bit, or cut the content somewhere."""
    at = rng.randrange(len(content))
    if rng.random() < 0.2:
        return content[:at]
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
