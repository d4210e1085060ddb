"""What the text stream is given, and that it does not tell the group."""

import pytest

from alignkit_emoji.catalogue import catalogue
from alignkit_emoji.texts import GIVEAWAY_WORDS, text_of


def entry(identity: str):
    return next(entry for entry in catalogue() if entry.id == identity)


@pytest.mark.parametrize(
    ("identity", "text", "giveaway", "expected"),
    [
        ("1f1e9-1f1ea", "name", "mask", "germany"),
        ("1f1e9-1f1ea", "name", "keep", "germany flag"),
        ("1f1e9-1f1ea", "name", "drop", ""),
        ("1f1e9-1f1ea", "aliases", "mask", "de"),
        ("1f1e9-1f1ea", "both", "mask", "germany, de"),
        ("1f1fa-1f1f2", "name", "mask", "u.s. outlying islands"),
        ("1f3cc-fe0f", "name", "mask", "golfing"),
        ("26f3", "name", "mask", "in hole"),  # masked in every group, or the gap would tell
        ("1f600", "name", "mask", "grinning face"),
        ("1f600", "aliases", "drop", "grinning"),
        ("1f3c3", "both", "mask", "runner, running"),
    ],
)
def test_text_policy(identity, text, giveaway, expected):
    assert text_of(entry(identity), text, giveaway) == expected


@pytest.mark.parametrize("text", ["name", "aliases", "both"])
@pytest.mark.parametrize("giveaway", ["mask", "drop"])
def test_no_text_has_a_word_of_a_groups_name(text, giveaway):
    texts = [text_of(entry, text, giveaway) for entry in catalogue()]
    assert sum(map(bool, texts)) > 2500
    assert not {word for text in texts for word in text.replace(",", "").split()} & GIVEAWAY_WORDS


def test_the_words_cover_every_group_of_the_catalogue():
    groups = {entry.group for entry in catalogue()} - {"Component"}
    words = {word.lower() for group in groups for word in group.split() if word != "&"}
    assert words <= GIVEAWAY_WORDS
