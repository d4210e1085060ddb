"""Where a picture can be: in a file of its own, or elsewhere by the same protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

import alignkit
from alignkit.data.pictures import fault_of
from alignkit.file_names import respelled


class Source(Protocol):
    """The location of one picture: a file, a row of a table, a member of an archive."""

    def open(self) -> Image.Image:
        """Open the picture upright and in RGB; raise ``DataError`` where that is impossible."""

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None, by a cheap check."""

    def size(self) -> int:
        """Return the size in bytes, 0 if it is missing; part of the fingerprint."""

    def stamp(self) -> object:
        """Return plain values that change when the picture is written again."""

    def container(self) -> tuple[Path, str] | None:
        """Return the file that holds it among others, and where; None for one of its own."""

    def content(self) -> bytes | Path | None:
        """Return its bytes, or the file that holds nothing else; None if it is missing."""


@dataclass(frozen=True)
class Absent:
    """A picture that was to be at some place, where there is none."""

    place: str

    def __str__(self) -> str:
        return self.place

    def open(self) -> Image.Image:
        """Raise an error."""
        raise alignkit.MissingError(f"there is no picture {self}")

    def fault(self) -> str:
        """Return ``missing``."""
        return "missing"

    def size(self) -> int:
        """Return 0."""
        return 0

    def stamp(self) -> object:
        """Return None."""
        return None

    def container(self) -> None:
        """Return None."""

    def content(self) -> None:
        """Return None."""


@dataclass(frozen=True)
class File:
    """A picture in a file of its own.

    Attributes
    ----------
    path : Path
        As annotated.
    root : Path, optional
        A folder that contains it; the file is found there in another spelling of its name too.
    """

    path: Path
    root: Path | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return str(self.place)

    @property
    def place(self) -> Path:
        """The path of the file; the annotated one if there is no file."""
        if self.root is None or self.path.is_file():
            return self.path
        return respelled(self.root, self.path.relative_to(self.root).as_posix()) or self.path

    @property
    def respelled(self) -> bool:
        """Whether the annotation spells the name in another way than the file system."""
        return self.place != self.path

    def open(self) -> Image.Image:
        """Open the picture upright and in RGB."""
        return alignkit.open_picture(self.place)

    def fault(self) -> str | None:
        """Return ``missing``, ``broken``, ``oversized`` or None."""
        return fault_of(self.place)

    def size(self) -> int:
        """Return the size of the file in bytes, 0 if it is missing."""
        try:
            return self.place.stat().st_size
        except OSError:
            return 0

    def stamp(self) -> object:
        """Return the size and the modification time of the file, None if it is missing."""
        try:
            state = self.place.stat()
        except OSError:
            return None
        return state.st_size, state.st_mtime_ns

    def container(self) -> None:
        """Return None: it has a file of its own."""

    def content(self) -> Path | None:
        """Return the file, None if it is missing or not a regular one."""
        place = self.place
        return place if place.is_file() else None
