"""Tar archives of image-text pairs (webdataset), read in place: nothing is ever unpacked."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

import alignkit
from alignkit_tasks.pictures import open_encoded

PICTURES = ("jpg", "jpeg", "png", "webp")


@dataclass(frozen=True)
class Member:
    """A stretch of a tar file."""

    path: Path
    name: str
    offset: int
    length: int

    def read(self) -> bytes:
        """The member's bytes."""
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), self.length, self.offset)


@dataclass(frozen=True)
class TarPicture:
    """A picture inside of a tar file; only its place is checked before it is used."""

    member: Member

    def __str__(self) -> str:
        return f"{self.member.path}, {self.member.name}"

    def open(self) -> Image.Image:
        return open_encoded(self._file())

    def fault(self) -> str | None:
        return None if self.member.length else "broken"

    def size(self) -> int:
        return self.member.length

    def _file(self) -> BinaryIO:
        return io.BytesIO(self.member.read())


def samples_of(path: Path) -> Iterator[tuple[str, dict[str, Member]]]:
    """Give the samples of a shard: members of one key stand together, by extension.

    The key is a member's name up to the first dot of its last part, as webdataset has it.

    Raises
    ------
    alignkit.DataError
        When the file is no tar archive, or is cut off.
    """
    key, parts, end = "", dict[str, Member](), path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                if not info.isfile():
                    continue
                if info.offset_data + info.size > end:
                    raise EOFError(f"it ends within {info.name}")
                folder, _, base = info.name.rpartition("/")
                stem, _, extension = base.partition(".")
                found = f"{folder}/{stem}" if folder else stem
                if found != key and parts:
                    yield key, parts
                    parts = {}
                key = found
                parts[extension.lower()] = Member(path, info.name, info.offset_data, info.size)
            # Python takes a cut-off header for the end; a whole archive has an empty block there.
            if end < archive.offset + tarfile.BLOCKSIZE:
                raise EOFError("its end mark is missing")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise alignkit.DataError(f"{path} is not a whole tar archive: {error}") from None
    if parts:
        yield key, parts
