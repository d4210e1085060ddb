"""Colour fonts for emoji: finding one, drawing with it, and noticing what it cannot draw."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

import alignkit
from alignkit.file_names import listed

_FOLDERS = (
    "~/.local/share/fonts",
    "~/.fonts",
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "~/Library/Fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
)
_PREFERRED = ("notocoloremoji", "applecoloremoji", "twemoji", "emoji")
# Bitmap fonts exist in only one or a few sizes: that of Noto, of Apple, then others.
_SIZES = (109, 160, 136, 128, 96, 72, 64, 48, 32)
SYSTEM = "system"  # in place of a path: the first font in the folders above
_FACE = "\U0001f600"
_PROBES = (_FACE, "\U0001f534", "\u2764", "\U0001f34e", "\U0001f436")
# The joiner and the presentation selector have no glyphs of their own.
_SILENT = "\u200d\ufe0f"
_HOW_TO = (
    "install one (Debian, Ubuntu: apt install fonts-noto-color-emoji), name a font file "
    "(`task=emoji:font=PATH`), or leave out the font to use Twemoji"
)


def find_font(font: Path) -> Path:
    """Return the path of a font: the given one, or for ``system`` the first that is installed.

    Raises
    ------
    alignkit.DataError
        If there is none.
    """
    if str(font) != SYSTEM:
        if not font.expanduser().is_file():
            raise alignkit.DataError(f"there is no font file {font}; {_HOW_TO}")
        return font.expanduser()
    fonts = _installed(_FOLDERS)
    if not fonts:
        raise alignkit.DataError(
            f"there is no colour emoji font in {', '.join(_FOLDERS)}; {_HOW_TO}"
        )
    return fonts[0]


@cache
def _installed(folders: tuple[str, ...]) -> list[Path]:
    """Return the emoji fonts in some folders, preferred ones first."""
    files = [
        path
        for folder in folders
        if Path(folder).expanduser().is_dir()
        for path in sorted(listed(Path(folder).expanduser(), "**/*"))
        if path.suffix.lower() in (".ttf", ".ttc", ".otf") and _rank(path) < len(_PREFERRED)
    ]
    return sorted(files, key=_rank)


def _rank(path: Path) -> int:
    stem = path.stem.lower().replace(" ", "").replace("-", "")
    return next((i for i, name in enumerate(_PREFERRED) if name in stem), len(_PREFERRED))


@cache
def hash_of_font(path: Path, _modified: int) -> str:
    """Return a hash of a font's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


class EmojiFont:
    """A colour font, at the size for which it was made.

    Raises
    ------
    alignkit.DataError
        If the file is not a font, or has no colour glyphs that Pillow can draw.
    """

    def __init__(self, path: Path) -> None:
        self._font = _open(path)
        self._layout_joins = features.check("raqm")
        # What the font shows for characters that it lacks.
        self._no_glyph = self._paint("\U0010ffff")
        drawn = [picture for probe in _PROBES if (picture := self.draw(probe)) is not None]
        if not any(np.ptp(np.asarray(picture), axis=2).max() > 30 for picture in drawn):
            raise alignkit.DataError(
                f"{path} has no colour emoji that Pillow can draw (bitmap and COLRv0 fonts work, "
                f"COLRv1 fonts do not); {_HOW_TO}"
            )

    def draw(self, characters: str) -> Image.Image | None:
        """Draw one emoji on a white square; return None if the font has no single glyph for it."""
        picture = self._paint(characters)
        if picture is None or self._falls_apart(characters):
            return None
        if self._no_glyph is not None and picture.tobytes() == self._no_glyph.tobytes():
            return None
        side = max(picture.size)
        square = Image.new("RGB", (side, side), "white")
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        return square

    def _paint(self, characters: str) -> Image.Image | None:
        left, top, right, bottom = (round(edge) for edge in self._font.getbbox(characters))
        if right <= left or bottom <= top:
            return None
        picture = Image.new("RGB", (right - left, bottom - top), "white")
        draw = ImageDraw.Draw(picture)
        draw.text((-left, -top), characters, font=self._font, fill="black", embedded_color=True)
        return picture

    def _falls_apart(self, characters: str) -> bool:
        """Return whether a sequence is drawn as several glyphs side by side."""
        if len([character for character in characters if character not in _SILENT]) < 2:
            return False
        width = max(self._font.getlength(characters[0]), self._font.getlength(_FACE))
        return not self._layout_joins or self._font.getlength(characters) > 1.5 * width


def _open(path: Path) -> ImageFont.FreeTypeFont:
    for size in _SIZES:
        try:
            return ImageFont.truetype(str(path), size)
        except OSError as error:
            if "pixel size" not in str(error):
                raise alignkit.DataError(f"{path} is not a readable font: {error}") from None
    raise alignkit.DataError(
        f"{path} has none of the sizes {', '.join(map(str, _SIZES))}; {_HOW_TO}"
    )
