"""The task: with Twemoji, a small font of the tests, and the system's font if there is one."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import alignkit
from alignkit_emoji import font as fonts
from alignkit_emoji.catalogue import catalogue
from alignkit_emoji.samples import NO_PICTURE, NO_TEXT, SAME_PICTURE, SMALL_GROUP
from alignkit_emoji.splits import split_of_concepts
from alignkit_emoji.task import SPLITS, Emoji

CONCEPT = {entry.id: entry.concept for entry in catalogue()}


def all_notes(task: Emoji) -> Counter:
    return sum((Counter(task.split(name).notes) for name in SPLITS), Counter())


def check_task(task: Emoji, minimum: int) -> None:
    """What holds with any font: shapes, labels, disjoint concepts, no picture twice."""
    labels = task.target.labels
    pictures, concepts, ids = set(), {}, []
    for name in SPLITS:
        split = task.split(name)
        assert len(split) == len(split.texts) == len(split.targets)
        assert set(split.targets) == set(range(len(labels)))
        assert all(split.texts)
        picture = split.image(len(split) - 1)
        assert (picture.shape, picture.dtype) == ((task.size, task.size, 3), np.uint8)
        pictures |= {split.image(i).tobytes() for i in range(len(split))}
        concepts[name] = {CONCEPT[identity] for identity in split.ids}
        ids += split.ids
    assert len(set(ids)) == len(ids) >= minimum
    assert len(pictures) == len(ids)
    assert not concepts["train"] & (concepts["validation"] | concepts["test"])
    assert not concepts["validation"] & concepts["test"]


def test_with_twemoji_by_default():
    task = Emoji()
    check_task(task, minimum=1300)
    assert task.target.labels == (
        *("Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink"),
        *("Travel & Places", "Activities", "Objects", "Symbols", "Flags"),
    )
    notes = all_notes(task)
    assert notes[f"{SMALL_GROUP}: Component"] == 5
    assert notes[NO_PICTURE] < 10
    shares = Counter(task.split("train").targets.tolist())
    assert max(shares.values()) < 0.25 * shares.total()


def test_with_the_small_font(small_font):
    task = Emoji(font=small_font)
    check_task(task, minimum=180)
    assert "Flags" not in task.target.labels
    notes = all_notes(task)
    assert notes[NO_PICTURE] > 1000
    assert notes[f"{SMALL_GROUP}: Flags"] >= 6
    assert notes[SAME_PICTURE] >= 2


def test_of_flags_that_look_the_same_the_shortest_name_stays(small_font):
    task = Emoji(font=small_font, min_group=3, test_share=0.3, validation_share=0.3)
    texts = {text for name in SPLITS for text in task.split(name).texts}
    assert "norway" in texts
    assert not {"bouvet island", "svalbard jan mayen"} & texts


def test_variants_join_their_concept(small_font):
    without = Emoji(font=small_font)
    task = Emoji(font=small_font, variants=True)
    check_task(task, minimum=180)
    for name in SPLITS:
        assert set(without.split(name).ids) <= set(task.split(name).ids)
    woman = next(name for name in SPLITS if "1f469" in task.split(name).ids)
    people = task.split(woman)
    assert "1f9d1" in people.ids
    concept = dict(zip(people.ids, people.facts["concept"], strict=True))
    assert concept["1f469"] == concept["1f9d1"]
    assert people.facts["category"] == [task.target.labels[i] for i in people.targets]


def test_dropping_what_gives_the_group_away_is_counted(small_font):
    task = Emoji(font=small_font, giveaway="drop")
    assert all_notes(task)[NO_TEXT] > 250
    assert not any("flag" in text for name in SPLITS for text in task.split(name).texts)


def test_pictures_are_drawn_once_and_read_only(small_font):
    split = Emoji(font=small_font).split("test")
    with pytest.raises(ValueError, match="read-only"):
        split.image(0)[:] = 0
    assert split.image(0).tobytes() == Emoji(font=small_font).split("test").image(0).tobytes()


def test_size_of_the_pictures(small_font):
    assert Emoji(font=small_font, size=20).split("test").image(0).shape == (20, 20, 3)


def test_splits_are_stratified_and_seeded():
    shares = {"validation_share": 0.2, "test_share": 0.3}
    splits = split_of_concepts(catalogue(), **shares, seed=0)
    assert splits == split_of_concepts(reversed(catalogue()), **shares, seed=0)
    assert splits != split_of_concepts(catalogue(), **shares, seed=1)
    by_group = Counter((e.group, splits[e.concept]) for e in catalogue() if e.neutral)
    for group in {group for group, _ in by_group}:
        sizes = np.array([by_group[group, name] for name in SPLITS])
        assert np.abs(sizes - np.array([0.5, 0.2, 0.3]) * sizes.sum()).max() <= 1


def test_the_fingerprint_is_of_font_and_options(small_font, tmp_path, single_points, build):
    first = Emoji(font=small_font).fingerprint()
    (tmp_path / "copy.ttf").write_bytes(small_font.read_bytes())
    assert Emoji(font=tmp_path / "copy.ttf").fingerprint() == first
    other = build(tmp_path / "other.ttf", single_points[:-1])
    prints = {first, Emoji(font=other).fingerprint()}
    for options in ({"size": 16}, {"text": "both"}, {"variants": True}, {"data_seed": 1}):
        prints.add(Emoji(font=small_font, **options).fingerprint())
    prints |= {Emoji().fingerprint(), Emoji(size=16).fingerprint()}
    assert len(prints) == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": "masked"}, "emoji: text is masked; it must be one of name, aliases, both"),
        ({"giveaway": "no"}, "emoji: giveaway is no; it must be one of mask, keep, drop"),
        ({"size": 4}, "size is 4; it must be from 8 to 512 pixels"),
        ({"min_group": 0}, "min_group is 0; it must be at least 3"),
        ({"test_share": 0.0}, "test_share is 0.0; it must be between 0 and 1"),
        ({"test_share": 0.6, "validation_share": 0.5}, "it must be less than 1"),
    ],
)
def test_a_bad_option_gets_one_line(options, message):
    with pytest.raises(alignkit.UsageError, match=message):
        Emoji(**options)


def test_an_unknown_split_and_a_font_with_too_little(small_font):
    with pytest.raises(alignkit.UsageError, match="emoji has no split 'dev'"):
        Emoji(font=small_font).split("dev")
    with pytest.raises(alignkit.DataError, match=r"no emoji group is left .*without a picture"):
        Emoji(font=small_font, min_group=500).split("train")


@pytest.mark.skipif(
    not fonts._installed(fonts._FOLDERS), reason="no colour emoji font on this machine"
)
def test_with_the_font_of_the_system():
    task = Emoji(font=Path("system"))
    check_task(task, minimum=1000)
    assert task.fingerprint() != Emoji().fingerprint()
    assert len(task.target.labels) >= 8
    assert task.target.labels[0] == "Smileys & Emotion"
    notes = all_notes(task)
    assert notes[f"{SMALL_GROUP}: Component"] == 5
    shares = Counter(task.split("train").targets.tolist())
    assert max(shares.values()) < 0.25 * shares.total()
