"""What the streams of each task carry, by construction, and the best score that follows."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from alignkit_toy.match import Match
from alignkit_toy.redundant import Redundant
from alignkit_toy.synergy import Synergy
from alignkit_toy.unique import Unique
from alignkit_toy.values import COLOURS, GREY, HIDDEN, MATERIALS, PALETTE

TASKS = (Redundant, Unique, Synergy, Match)
WORDS = {word: i for words in (COLOURS, MATERIALS) for i, word in enumerate(words)}


def read_caption(text: str) -> int:
    """The value that a caption without distractors names."""
    values = [WORDS[word] for word in text.split() if word in WORDS]
    assert len(values) <= 1
    return values[0] if values else HIDDEN


def read_picture(pixels: np.ndarray) -> int:
    """The strong colour of the picture, of the first eight; ground and clutter are grey."""
    palette = np.array([*PALETTE.values()])[:8]
    distance = np.abs(pixels.reshape(-1, 1, 3).astype(int) - palette).max(axis=2)
    counts = (distance <= 24).sum(axis=0)
    return int(counts.argmax()) if counts.max() >= 40 else HIDDEN


def read(split):
    vision = np.array([read_picture(split.image(i)) for i in range(len(split))])
    return vision, np.array([read_caption(text) for text in split.texts]), split.targets


def best_score(seen: np.ndarray, targets: np.ndarray, n_outputs: int) -> float:
    """Score of the optimal rule, from the counts of labels for everything that can be seen."""
    counts = np.zeros((seen.max() + 1, targets.max() + 1))
    np.add.at(counts, (seen, targets), 1)
    if n_outputs == 1:
        return roc_auc_score(targets, (counts[:, 1] / counts.sum(axis=1).clip(1))[seen])
    return counts.max(axis=1).sum() / len(targets)


@pytest.mark.parametrize("kind", TASKS)
def test_dealt_values_are_those_drawn_and_written(kind):
    task = kind(n_test=128, noise=0.0, values=4)
    split = task.split("test")
    vision, text, targets = read(split)
    rng = task._random("test")
    order = rng.permutation(128)
    labels, true_vision, true_text = (part[order] for part in task.true_values(128, rng))
    assert np.array_equal(vision, true_vision)
    assert np.array_equal(text, true_text)
    assert np.array_equal(targets, labels)


def test_redundant_is_in_both_streams():
    vision, text, targets = read(Redundant(noise=0.0, redundancy=1.0, values=8).split("test"))
    assert np.array_equal(vision, targets)
    assert np.array_equal(text, targets)


def test_redundancy_is_the_share_of_samples_that_both_streams_carry():
    task = Redundant(noise=0.0, values=8, redundancy=0.25, n_test=512)
    vision, text, targets = read(task.split("test"))
    assert np.mean((vision != HIDDEN) & (text != HIDDEN)) == 0.25
    assert np.mean(vision == HIDDEN) == np.mean(text == HIDDEN) == 0.375
    assert np.array_equal(np.where(vision == HIDDEN, text, vision), targets)


def test_a_hidden_value_is_drawn_grey_and_called_plain():
    split = Redundant(noise=0.0, values=8, redundancy=0.0, n_test=64).split("test")
    vision, text, _ = read(split)
    grey = (
        np.abs(split.image(int(np.argmax(vision == HIDDEN))).astype(int) - GREY).max(axis=2) <= 24
    )
    assert grey.sum() >= 20
    assert " plain" in split.texts[int(np.argmax(text == HIDDEN))]


def test_unique_parts_make_the_label_and_say_nothing_of_each_other():
    vision, text, targets = read(Unique(noise=0.0, values=4, n_test=256).split("test"))
    assert np.array_equal(4 * vision + text, targets)
    cells = np.bincount(targets, minlength=16)
    assert (cells == len(targets) // 16).all()


@pytest.mark.parametrize("values", [2, 4])
def test_synergy_is_exactly_independent_of_either_stream(values):
    vision, text, targets = read(Synergy(noise=0.0, values=values, n_test=256).split("test"))
    assert np.array_equal(vision % 2 ^ text % 2, targets)
    for stream, value in itertools.product((vision, text), range(values)):
        assert targets[stream == value].mean() == 0.5


def test_match_is_exactly_independent_of_either_stream():
    vision, text, targets = read(Match(noise=0.0, values=8, n_test=512).split("test"))
    assert np.array_equal(vision == text, targets == 1)
    for stream, value in itertools.product((vision, text), range(8)):
        assert targets[stream == value].mean() == 0.5
    wrong = {(v, t) for v, t in zip(vision, text, strict=True) if v != t}
    assert len(wrong) == 8 * 7


@pytest.mark.parametrize("streams", ["both", "text", "vision"])
@pytest.mark.parametrize(
    "task",
    [
        Redundant(noise=0.3, values=5),
        Redundant(noise=0.2, values=4, redundancy=0.5),
        Unique(noise=0.25, values=3),
        Synergy(noise=0.2),
        Synergy(noise=0.3, values=4),
        Match(noise=0.15, values=6),
        Match(noise=1.0, values=4),
    ],
    ids=lambda task: f"{task.name}-{task.noise}-{task.values}",
)
def test_ceiling_is_what_the_optimal_rule_scores(task, streams):
    rng = np.random.default_rng(0)
    n = 120_000
    labels, vision, text = task.true_values(n, rng)
    vision, text = task._with_noise(vision, rng) + 1, task._with_noise(text, rng) + 1
    seen = {"vision": vision, "text": text, "both": 20 * vision + text}[streams]
    simulated = best_score(seen, labels, task.target.n_outputs)
    assert simulated == pytest.approx(task.ceiling(streams), abs=0.008)


@pytest.mark.parametrize("kind", TASKS)
def test_noise_reaches_the_data(kind):
    vision, text, _ = read(kind(noise=0.4, values=4, n_test=512).split("test"))
    clean_vision, clean_text, _ = read(kind(noise=0.0, values=4, n_test=512).split("test"))
    for noisy, clean in ((vision, clean_vision), (text, clean_text)):
        assert np.mean(noisy != clean) == pytest.approx(0.3, abs=0.08)


def test_distractors_leave_the_main_thing_readable():
    split = Redundant(noise=0.0, redundancy=1.0, values=8, distractors=2, n_test=128).split("test")
    named = [[WORDS[word] for word in text.split() if word in WORDS] for text in split.texts]
    assert all(len(targets) == 3 for targets in named)
    assert all(target in targets for target, targets in zip(split.targets, named, strict=True))
    vision = np.array([read_picture(split.image(i)) for i in range(len(split))])
    assert np.mean(vision == split.targets) > 0.97
