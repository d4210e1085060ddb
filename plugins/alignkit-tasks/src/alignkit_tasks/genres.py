"""The genres of MM-IMDb, however an annotation spells them."""

from __future__ import annotations

import re
from collections.abc import Sequence

# By frequency, as in the HDF5 file and in most code; some code uses another order.
GENRES = (
    "Drama",
    "Comedy",
    "Romance",
    "Thriller",
    "Crime",
    "Action",
    "Adventure",
    "Horror",
    "Documentary",
    "Mystery",
    "Sci-Fi",
    "Fantasy",
    "Family",
    "Biography",
    "War",
    "History",
    "Music",
    "Animation",
    "Musical",
    "Western",
    "Sport",
    "Short",
    "Film-Noir",
)
# What stands between several genres in one text; none of these is in a genre's name.
_BETWEEN = re.compile(r"[,;|/]")


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.casefold())


_BY_LETTERS = {_letters(genre): genre for genre in GENRES}


def spelled_as_published(names: Sequence[str]) -> tuple[str, ...]:
    """Return genres as published, whatever their case, hyphens and blanks; others unchanged.

    Several genres in one text are taken apart.

    >>> spelled_as_published(["drama", "SciFi", "film noir, News"])
    ('Drama', 'Sci-Fi', 'Film-Noir', 'News')
    """
    parts = [part for name in names for part in _apart(name)]
    genres = (_BY_LETTERS.get(_letters(part), part.strip()) for part in parts)
    return tuple(dict.fromkeys(genre for genre in genres if genre))


def _apart(name: str) -> list[str]:
    parts = _BETWEEN.split(name)
    return parts if any(_letters(part) in _BY_LETTERS for part in parts) else [name]
