"""The rows of a table by their keys: those that a file holds, unpacked as needed, and new ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import cached_property
from typing import Any

from alignkit.alignment.columns import Columns

Key = tuple[str, str]
Row = dict[str, Any]


class Rows(MutableMapping[Key, Row]):
    """Rows by two of their columns; of several with one key, the last.

    Parameters
    ----------
    key : (str, str)
    stored : Columns, optional
        What a file holds.
    parameters : str
        Only stored rows with these parameters count.

    Attributes
    ----------
    changed : bool
        Whether rows were added or removed.
    """

    def __init__(self, key: Key, stored: Columns | None = None, parameters: str = "") -> None:
        self.key, self.stored, self.parameters = key, stored, parameters
        self.changed = self._own = False
        self._new: dict[Key, Row] = {}

    @cached_property
    def places(self) -> dict[Key, int]:
        """The places of the stored rows by their keys; not to be changed."""
        return {} if self.stored is None else self.stored.places(self.key, self.parameters)

    def alike(self, names: Sequence[str]) -> Mapping[str, Any] | None:
        """Return the values of columns that are the same in all rows; None where they are not."""
        stored = self.stored
        if stored is None or self.changed or not set(names) <= set(stored.same):
            return None
        return stored.same

    def __getitem__(self, key: Key) -> Row:
        if key in self._new:
            return self._new[key]
        place = self.places[key]
        assert self.stored is not None
        return self.stored.row(place)

    def __setitem__(self, key: Key, row: Row) -> None:
        self.changed = True
        self._new[key] = row

    def __delitem__(self, key: Key) -> None:
        if key not in self:
            raise KeyError(key)
        if not self._own:  # those of other tables are shared
            self.places, self._own = dict(self.places), True
        self.changed = True
        self._new.pop(key, None)
        self.places.pop(key, None)

    def __contains__(self, key: object) -> bool:
        return key in self._new or key in self.places

    def __iter__(self) -> Iterator[Key]:
        yield from self.places
        yield from (key for key in self._new if key not in self.places)

    def __len__(self) -> int:
        return len(self.places.keys() | self._new.keys())
