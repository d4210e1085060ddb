"""Tar archives of image-text pairs (webdataset), read in place without unpacking."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import alignkit
from alignkit.data.pictures import fault_of
from alignkit.file_names import is_leftover, readable
from alignkit_tasks.folders import stamp

PICTURES = ("jpg", "jpeg", "png", "webp")


@dataclass(frozen=True)
class Member:
    """One file inside a tar archive: its name, and its bytes' offset and length."""

    path: Path
    name: str
    offset: int
    length: int

    def read(self) -> bytes:
        """Read the member's bytes."""
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), self.length, self.offset)


@dataclass(frozen=True)
class TarPicture:
    """A picture inside a tar archive."""

    member: Member

    def __str__(self) -> str:
        return f"{self.member.path}, {self.member.name}"

    def open(self) -> Image.Image:
        """Open the picture upright and in RGB."""
        return alignkit.open_picture(self.member.read(), str(self))

    def fault(self) -> str | None:
        """Return ``broken``, ``oversized`` or None."""
        return fault_of(self.member.read())

    def size(self) -> int:
        """Return the length in bytes."""
        return self.member.length

    def stamp(self) -> object:
        """Return the size and the modification time of the archive, and the place in it."""
        return stamp(self.member.path), self.member.offset, self.member.length

    def container(self) -> tuple[Path, str]:
        """Return the archive, and the place in it."""
        return self.member.path, f"{self.member.offset}+{self.member.length}"

    def content(self) -> bytes:
        """Return the bytes of the member."""
        return self.member.read()


def samples_of(path: Path) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield the samples of a shard: the key, and the members of that key by extension.

    The key is a member's name up to the first dot of its file name, as in webdataset; members
    with the same key follow each other.

    Raises
    ------
    alignkit.DataError
        If the file is not a tar archive, or is truncated.
    """
    key, parts, end = "", dict[str, Member](), path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                if not info.isfile() or is_leftover(info.name):
                    continue
                if info.offset_data + info.size > end:
                    raise EOFError(f"it ends within {info.name}")
                name = readable(info.name.replace("\\", "/"))  # Windows' separators
                folder, _, base = name.rpartition("/")
                stem, _, extension = base.partition(".")
                next_key = f"{folder}/{stem}" if folder else stem
                if next_key != key and parts:
                    yield key, parts
                    parts = {}
                key = next_key
                parts[extension.strip().lower()] = Member(path, name, info.offset_data, info.size)
            # Python takes a truncated header for the end; a complete archive ends in a blank block.
            if end < archive.offset + tarfile.BLOCKSIZE:
                raise EOFError("its end marker is missing")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise alignkit.DataError(f"{path} is not a complete tar archive: {error}") from None
    if parts:
        yield key, parts
