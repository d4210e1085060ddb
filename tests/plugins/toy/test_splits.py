"""Splits of the toy tasks: seeded, disjoint, sized and checked."""

import hashlib
import math

import numpy as np
import pytest

import alignkit
from alignkit_toy.match import Match
from alignkit_toy.redundant import Redundant
from alignkit_toy.synergy import Synergy
from alignkit_toy.synthetic import GENERATION
from alignkit_toy.unique import Unique
from alignkit_toy.values import COLOURS, MATERIALS, PALETTE

TASKS = (Redundant, Unique, Synergy, Match)


def digest(split) -> str:
    whole = hashlib.sha256("\n".join([*split.ids, *split.texts]).encode())
    whole.update(split.targets.astype("<i8").tobytes())
    for i in range(len(split)):
        whole.update(split.image(i).tobytes())
    return whole.hexdigest()[:16]


@pytest.mark.parametrize("kind", TASKS)
def test_the_same_options_give_the_same_bytes(kind):
    small = {"n_train": 64, "distractors": 1}
    assert digest(kind(**small).split("train")) == digest(kind(**small).split("train"))
    assert digest(kind(**small).split("train")) != digest(kind(**small, data_seed=1).split("train"))


def test_generation_names_these_bytes():
    """When this fails for a good reason, raise GENERATION and note the new digests."""
    options = {"n_test": 48, "values": 4, "noise": 0.1, "distractors": 1}
    digests = {kind.name: digest(kind(**options).split("test")) for kind in TASKS}
    assert GENERATION == 1
    assert digests == {
        "toy_match": "b7eb0e627953e21d",
        "toy_redundant": "4f5964aecf1d81b7",
        "toy_synergy": "8573604d3f33d9fa",
        "toy_unique": "ac0aec80791dc0c0",
    }


@pytest.mark.parametrize("kind", TASKS)
def test_splits_share_no_sample(kind):
    task = kind(n_train=600, n_validation=200, n_test=200)
    pictures, ids = [], []
    for name in ("train", "validation", "test"):
        split = task.split(name)
        ids += split.ids
        pictures += [split.image(i).tobytes() for i in range(len(split))]
    assert len(set(pictures)) == len(set(ids)) == 1000


def test_resizing_a_split_leaves_the_others():
    assert digest(Match(n_train=10).split("test")) == digest(Match(n_train=999).split("test"))


@pytest.mark.parametrize("kind", TASKS)
def test_a_split_is_what_the_chain_expects(kind):
    task = kind(n_validation=33)
    split = task.split("validation")
    assert len(split) == len(split.texts) == len(split.targets) == 33
    assert split.ids[12] == "validation-00012"
    picture = split.image(32)
    assert (picture.shape, picture.dtype) == ((32, 32, 3), np.uint8)
    assert split.targets.min() >= 0
    assert split.targets.max() < len(task.target.labels)
    assert all(text == text.lower() and "{" not in text for text in split.texts)


@pytest.mark.parametrize("kind", TASKS)
def test_labels_are_balanced(kind):
    task = kind()
    for name in ("train", "validation", "test"):
        counts = np.bincount(task.split(name).targets, minlength=len(task.target.labels))
        assert counts.max() - counts.min() <= 1


def test_fingerprints_follow_the_options():
    tasks = [
        kind(**o) for kind in TASKS for o in ({}, {"noise": 0.33}, {"values": 6}, {"n_test": 9})
    ]
    assert len({task.fingerprint() for task in tasks}) == len(tasks)
    assert Match(noise=0).fingerprint() == Match(noise=0.0).fingerprint()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            Redundant,
            {"noise": 1.5},
            r"toy_redundant: noise is 1.5; it must be a probability between 0 and 1",
        ),
        (Redundant, {"noise": math.nan}, "noise is nan"),
        (Redundant, {"redundancy": -0.1}, "redundancy is -0.1; it must be a fraction between"),
        (Unique, {"values": 1}, "toy_unique: values is 1; it must be from 2 to 12"),
        (Synergy, {"values": 3}, "values is 3; it must be even"),
        (Match, {"values": 13}, "values is 13; it must be from 2 to 12"),
        (Match, {"n_train": -1}, "n_train is -1; it must be at least 0"),
        (Match, {"data_seed": -1}, "data_seed is -1"),
        (Match, {"distractors": 5}, "distractors is 5"),
    ],
)
def test_a_bad_option_gets_one_line(kind, options, message):
    with pytest.raises(alignkit.UsageError, match=message) as caught:
        kind(**options)
    assert "\n" not in str(caught.value)


def test_an_empty_split_and_an_unknown_one():
    with pytest.raises(alignkit.DataError, match="split 'test' of toy_match is empty"):
        Match(n_test=0).split("test")
    with pytest.raises(alignkit.UsageError, match="no split 'dev'; it has: train, validation"):
        Match().split("dev")
    with pytest.raises(alignkit.UsageError, match="unknown streams 'audio'"):
        Match().ceiling("audio")


def test_values_are_distinct_words_and_colours():
    assert len(set(COLOURS) | set(MATERIALS)) == len(COLOURS) + len(MATERIALS)
    palette = np.array(list(PALETTE.values()))
    apart = np.abs(palette[:, None] - palette).max(axis=2) + 999 * np.eye(len(palette))
    assert apart.min() > 2 * 24  # farther than pixel noise can bring two of them together
