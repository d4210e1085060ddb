"""Where the pictures come from: Twemoji, or a colour font."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from PIL import Image

from alignkit_emoji.font import EmojiFont, find_font, hash_of_font
from alignkit_emoji.twemoji import PACKAGE, Twemoji, twemoji_version


class Pictures(Protocol):
    """Draws emoji."""

    def draw(self, characters: str) -> Image.Image | None:
        """Draw one emoji on a white square; return None if there is no picture of it."""


@dataclass(frozen=True)
class Source:
    """A source of pictures, not opened yet.

    Attributes
    ----------
    name : str
        For messages.
    identity : tuple of str
        What the pictures are, for the fingerprint: a key and a value.
    open : callable
        Returns the pictures.
    """

    name: str
    identity: tuple[str, str]
    open: Callable[[], Pictures] = field(compare=False, repr=False)


def source_of(font: Path | None) -> Source:
    """Return Twemoji, or the font if one is given.

    Raises
    ------
    alignkit.DataError
        If the package of Twemoji, or the font, is not there.
    """
    if font is None:
        name = f"{PACKAGE} {twemoji_version()}"
        return Source(name, ("pictures", name), Twemoji)
    path = find_font(font)
    identity = hash_of_font(path, path.stat().st_mtime_ns)
    return Source(str(path), ("font", identity), partial(EmojiFont, path))
