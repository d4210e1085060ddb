"""Texts of emoji: a name, aliases or both, with or without words that reveal the group."""

from __future__ import annotations

import re

from alignkit_emoji.catalogue import Entry

TEXTS = ("name", "aliases", "both")
GIVEAWAYS = ("mask", "keep", "drop")

# The words of the groups' own names. "Germany Flag" gives the answer away; without "Flag", one
# has to know that Germany is a country.
GIVEAWAY_WORDS = frozenset(
    (
        *("smiley", "smileys", "emotion", "emotions", "person", "persons", "people", "body"),
        *("animal", "animals", "nature", "food", "foods", "drink", "drinks", "travel"),
        *("place", "places", "activity", "activities", "object", "objects"),
        *("symbol", "symbols", "flag", "flags"),
    )
)
_WORD = re.compile(r"[^\W_]+(?:['’.][^\W_]+)*\.?")


def text_of(entry: Entry, text: str, giveaway: str) -> str:
    """Return an emoji's text in lower case; empty if the emoji is to be left out."""
    parts = {"name": (entry.name,), "aliases": entry.aliases, "both": (entry.name, *entry.aliases)}[
        text
    ]
    words = [_WORD.findall(part.lower()) for part in parts]
    reveals = any(word in GIVEAWAY_WORDS for part in words for word in part)
    if reveals and giveaway == "drop":
        return ""
    if reveals and giveaway == "mask":
        # In all groups alike, so that the gap itself reveals nothing.
        words = [[word for word in part if word not in GIVEAWAY_WORDS] for part in words]
    return ", ".join(dict.fromkeys(" ".join(part) for part in words if part))
