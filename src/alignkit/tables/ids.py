"""Which column of a table names the samples: ids are found by name, and are never measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alignkit.errors import UsageError

ID = "id"
# Columns that libraries leave behind when they write the numbers of rows beside the data.
_LEFTOVER = re.compile(
    r"|index|idx|rowid|row[ _.]?(?:number|names?|index|no)?|level_\d+|unnamed: ?\d+"
    r"|__index_level_\d+__",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ID_WORDS = {"id", "ids", "uid", "uuid", "guid"}
_WHOLE = re.compile(r"-?\d+\.0", re.ASCII)
# From here on, a column that counts the rows is hardly one of measurements.
FEW_ROWS = 10


@dataclass(frozen=True)
class IdColumn:
    """The columns of a table that name samples or number rows.

    Attributes
    ----------
    name : str or None
        The column of ids; None where there is none.
    others : tuple of str
        Further columns that hold ids or numbers of rows, which are not measured either.
    """

    name: str | None
    others: tuple[str, ...] = ()


def find_id(names: Sequence[str], given: str | None = None) -> IdColumn:
    """Find the column of ids by its name.

    ``id`` comes first, in any case of letters; then a name that ends in the word, such as
    ``image_id``; then one that libraries give to the numbers of rows (``index``, ``Unnamed: 0``,
    no name at all).

    Parameters
    ----------
    names : sequence of str
        The names of the columns.
    given : str, optional
        The column of ids, where it was named.

    Raises
    ------
    UsageError
        When there is no such column, or several could be meant.
    """
    if given is not None and given not in names:
        raise UsageError(f"there is no column '{given}'; known: {', '.join(map(shown, names))}")
    ranks = [
        [name for name in names if name.strip().lower() == ID],
        [name for name in names if name.strip().lower() != ID and names_ids(name)],
        [name for name in names if is_leftover(name)],
    ]
    alike = [name for rank in ranks for name in rank]
    chosen = given
    if chosen is None:
        first = next((rank for rank in ranks if rank), [])
        if len(first) > 1:
            raise UsageError(
                f"columns {' and '.join(map(shown, first))} may each hold the ids; name one with "
                "`id=COLUMN`"
            )
        chosen = first[0] if first else None
    return IdColumn(chosen, tuple(name for name in alike if name != chosen))


def is_leftover(name: str) -> bool:
    """Whether a column has a name that libraries give to the numbers of rows."""
    return bool(_LEFTOVER.fullmatch(name.strip()))


def as_ids(values: Sequence[Any]) -> list[str]:
    """Return ids as text, so that those of different files meet.

    Bytes are decoded, blanks around ids fall away, and so do the zeros of whole numbers that were
    stored as floats (``7.0``).

    Raises
    ------
    UsageError
        When bytes are no text.
    """
    ids = [_text(value) for value in values]
    if ids and all(map(_WHOLE.fullmatch, ids)):
        return [identity.partition(".")[0] for identity in ids]
    return ids


def counts_rows(values: Sequence[Any]) -> bool:
    """Whether the values of a column are the numbers of its rows, from 0 or 1."""
    if len(values) < FEW_ROWS:
        return False
    try:
        start = float(values[0])
        return start in (0, 1) and all(float(v) == start + i for i, v in enumerate(values))
    except (TypeError, ValueError):
        return False


def shown(name: str) -> str:
    """Return the name of a column for a message."""
    return f"'{name}'" if name else "without a name"


def names_ids(name: str) -> bool:
    """Whether the name of a column ends in the word id."""
    words = _WORDS.findall(name)
    return bool(words) and words[-1].lower() in _ID_WORDS


def _text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        try:
            return bytes(value).decode().strip()
        except UnicodeDecodeError:
            raise UsageError(f"the id {bytes(value)!r:.40} is no text in UTF-8") from None
    return str(value).strip()
