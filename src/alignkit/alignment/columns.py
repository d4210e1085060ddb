"""A table of alignment values in memory and as bytes: column by column, what is the same once."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

# Of the bytes; those of another format, and those that are damaged, are not read.
FORMAT = b"alignkit columns 1\n"
DIGEST = 16


class Columns:
    """The columns of a table; those that hold one value throughout, as this value.

    Parameters
    ----------
    names : sequence of str
    length : int
        The number of rows.
    same : mapping of str to value
    packed : mapping of str to (array, sequence)
        Every other column: its numbers, or the places of its texts among the distinct ones.

    Attributes
    ----------
    source : str
        The checksum of what they were read from; empty where that is not known.
    """

    def __init__(
        self,
        names: Sequence[str],
        length: int,
        same: Mapping[str, Any],
        packed: Mapping[str, tuple[array[Any], Sequence[str]]],
    ) -> None:
        self.names, self.length, self.same, self._packed = tuple(names), length, same, packed
        self.source = ""

    @classmethod
    def of_values(cls, values: Mapping[str, Sequence[Any]]) -> Columns:
        """Make them from equally long columns, each of texts, of whole numbers or of floats."""
        same: dict[str, Any] = {}
        packed: dict[str, tuple[array[Any], Sequence[str]]] = {}
        length = 0
        for name, column in values.items():
            length = len(column)
            words: list[str] = []
            if length and isinstance(column[0], str):
                words = list(dict.fromkeys(column))
                places = {word: place for place, word in enumerate(words)}
                kept = array("I", [places[text] for text in column])
            else:
                kept = array("q" if length and isinstance(column[0], int) else "d", column)
            # By bytes: NaN is not equal to itself, and 0.0 is equal to -0.0.
            if length and kept.tobytes() == kept[:1].tobytes() * length:
                same[name] = column[0]
            else:
                packed[name] = (kept, words)
        return cls(list(values), length, same, packed)

    def values(self, name: str) -> list[Any]:
        """Return a column, a value for each row."""
        return self.chosen(name, range(self.length))

    def chosen(self, name: str, places: Sequence[int]) -> list[Any]:
        """Return the values of a column in some rows."""
        if name in self.same:
            return [self.same[name]] * len(places)
        kept, words = self._packed[name]
        if words:
            return [words[kept[place]] for place in places]
        return [kept[place] for place in places]

    def places(self, key: tuple[str, str], parameters: str) -> dict[tuple[str, str], int]:
        """Return the places of the rows with some parameters by two columns; the last of several.

        Not to be changed.
        """
        first, second = (self._words(name) for name in key)
        return _places(first, second, self._words("parameters"), parameters)

    def _words(self, name: str) -> tuple[str, bytes, tuple[str, ...]]:
        """Return a column of texts as bytes: the type of its numbers, these, and their words."""
        if name in self.same:
            return "", self.length.to_bytes(8, "little"), (self.same[name],)
        kept, words = self._packed[name]
        return kept.typecode, kept.tobytes(), tuple(words)

    def row(self, place: int) -> dict[str, Any]:
        """Return a row by the names of the columns."""
        return {name: self.chosen(name, (place,))[0] for name in self.names}

    def to_bytes(self) -> bytes:
        """Return the table as bytes, under the checksum of what it was read from."""
        said: dict[str, Any] = {"source": self.source, "names": self.names, "length": self.length}
        said |= {"same": self.same, "packed": []}
        parts = []
        for name, (kept, words) in self._packed.items():
            said["packed"].append([name, kept.typecode, len(kept) * kept.itemsize, words])
            parts.append(kept.tobytes())
        head = json.dumps(said, separators=(",", ":")).encode()
        content = b"".join([len(head).to_bytes(8, "little"), head, *parts])
        return FORMAT + blake2b(content, digest_size=DIGEST).digest() + content

    @classmethod
    def from_bytes(cls, stored: bytes, source: str) -> Columns | None:
        """Return what ``to_bytes`` wrote; None for bytes that are damaged, or of another source."""
        start = len(FORMAT) + DIGEST
        content = stored[start:]
        if stored[:start] != FORMAT + blake2b(content, digest_size=DIGEST).digest():
            return None
        end = 8 + int.from_bytes(content[:8], "little")
        said = json.loads(content[8:end])
        if said["source"] != source:
            return None
        packed = {}
        for name, kind, size, words in said["packed"]:
            kept: array[Any] = array(kind)
            kept.frombytes(content[end : end + size])
            if len(kept) != said["length"]:
                return None
            packed[name] = (kept, words)
            end += size
        columns = cls(said["names"], said["length"], said["same"], packed)
        columns.source = source
        return columns


Words = tuple[str, bytes, tuple[str, ...]]


@lru_cache(maxsize=64)
def _places(
    first: Words, second: Words, given: Words, parameters: str
) -> dict[tuple[str, str], int]:
    """Return the places of rows by two columns; tables with the same layers share them."""
    rows = zip(_texts(first), _texts(second), _texts(given), strict=True)
    return {(x, y): place for place, (x, y, own) in enumerate(rows) if own == parameters}


def _texts(column: Words) -> list[str]:
    kind, content, words = column
    if not kind:
        return [words[0]] * int.from_bytes(content, "little")
    places: array[Any] = array(kind)
    places.frombytes(content)
    return [words[place] for place in places]
