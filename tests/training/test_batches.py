"""Batches for the objectives: functions of (seed, epoch, sample), each picture opened once."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from alignkit.errors import DataError, UsageError
from alignkit.runs import Training
from alignkit.tasks import Binary, Split
from alignkit.training.batches import Collator, prefetch
from alignkit.training.build import build_objectives
from alignkit.training.masking import GREY, PatchGrid
from alignkit.training.objectives import Parts, Shapes
from parts import encoded, learner_and_batches

PRETRAIN = ("pretrain",)
ROWS = np.arange(30)


def _prepare(objectives=PRETRAIN, **options):
    return learner_and_batches(objectives=objectives, **options)[1]


def _row(batch, i):
    text = batch.inputs["text"]["tokens"][i]
    labels = {
        name: {k: v[values["row"] == i].tolist() for k, v in values.items() if k != "row"}
        for name, values in batch.labels.items()
        if "row" in values
    }
    return (
        text[text != 0].tolist(),
        batch.inputs["vision"]["pixels"][i],
        bool(batch.pairs[i]),
        labels,
    )


def test_a_sample_is_hidden_the_same_whatever_stands_beside_it():
    prepare = _prepare()
    whole, few = prepare(ROWS, 3), prepare(ROWS[[17, 4]], 3)
    for there, here in ((17, 0), (4, 1)):
        one, other = _row(whole, there), _row(few, here)
        assert one[0] == other[0]
        assert torch.equal(one[1], other[1])
        assert one[2:] == other[2:]


def test_epochs_and_seeds_hide_other_things():
    prepare, other = _prepare(), _prepare(seed=1)
    texts = [
        p(ROWS, e).inputs["text"]["tokens"]
        for p, e in ((prepare, 1), (prepare, 1), (prepare, 2), (other, 1))
    ]
    assert torch.equal(texts[0], texts[1])
    for changed in texts[2:]:
        assert changed.shape != texts[0].shape or not torch.equal(changed, texts[0])


def test_the_views_correspond():
    """The label at a place is the picture's own patch at that place; there, the view is grey."""
    prepare = _prepare(("mim",))
    batch = prepare(ROWS, 1)
    labels, grid = batch.labels["mim"], PatchGrid(4)
    shown = ((batch.inputs["vision"]["pixels"] + 1) * 127.5).round().numpy().astype(np.uint8)
    own, hidden = grid.patches(prepare.data.pixels(ROWS)), grid.patches(shown)
    chosen = np.zeros(own.shape[:2], dtype=bool)
    for row, patch, pixels in zip(labels["row"], labels["patch"], labels["pixels"], strict=True):
        np.testing.assert_array_equal(pixels, own[row, patch])
        assert (hidden[row, patch] == GREY).all()
        chosen[row, patch] = True
    np.testing.assert_array_equal(hidden[~chosen], own[~chosen])
    assert chosen.sum(1).tolist() == [round(0.3 * 16)] * len(ROWS)


def test_hidden_words_are_what_stood_there():
    prepare = _prepare(("mlm",))
    batch = prepare(ROWS, 1)
    labels = batch.labels["mlm"]
    for row, column, token in zip(labels["row"], labels["column"], labels["token"], strict=True):
        assert prepare.data.tokens[row][column] == token


def test_swapped_pairs_are_hidden_alike_but_teach_no_words_and_no_patches():
    prepare = _prepare()
    rows = np.arange(64)
    batch = prepare(rows, 1)
    own = batch.pairs.numpy()
    assert 0.3 < own.mean() < 0.7
    masked = (batch.inputs["text"]["tokens"] == prepare.data.inputs.vocabulary.mask).sum(1).numpy()
    assert masked[~own].mean() == pytest.approx(masked[own].mean(), rel=0.4)
    assert masked[~own].sum() > 0
    for name in ("mlm", "mim"):
        assert own[batch.labels[name]["row"]].all()
    np.testing.assert_array_equal(batch.labels["itm"]["match"], own)


def test_swapped_captions_are_anothers():
    prepare = _prepare(("itm",))
    rows = np.arange(64)
    batch = prepare(rows, 2)
    texts = prepare.data.split.texts
    spelled = {tuple(prepare.data.tokens[i]): t for i, t in enumerate(texts)}
    for i in rows:
        shown = batch.inputs["text"]["tokens"][i]
        same = spelled[tuple(shown[shown != 0].tolist())] == texts[i]
        assert same == bool(batch.pairs[i])


def test_every_picture_is_opened_once_a_step_and_runs_once_through_the_model():
    learner, prepare = learner_and_batches(objectives=PRETRAIN)
    split = prepare.data.split
    opened, forwards = [], []
    object.__setattr__(split, "image", lambda i, plain=split.image: opened.append(i) or plain(i))
    prepare.data._pixels = [None] * len(split)
    embed = learner.model.streams["vision"].embed
    learner.model.streams["vision"].embed = lambda **kw: forwards.append(1) or embed(**kw)
    learner.backward([prepare(ROWS, 1)])
    assert sorted(opened) == ROWS.tolist()
    assert len(forwards) == 1


def test_workers_change_nothing_and_keep_the_order():
    prepare = _prepare()
    groups = [[ROWS[:5], ROWS[5:9]], [ROWS[9:20]], [ROWS[20:25], ROWS[25:]]]
    alone = list(prefetch(groups, lambda rows: prepare(rows, 1), 0))
    several = list(prefetch(groups, lambda rows: prepare(rows, 1), 3))
    assert [len(group) for group in several] == [2, 1, 2]
    flat = [list(itertools.chain.from_iterable(groups)) for groups in (alone, several)]
    for one, other in zip(*flat, strict=True):
        assert torch.equal(one.inputs["text"]["tokens"], other.inputs["text"]["tokens"])
        assert torch.equal(one.inputs["vision"]["pixels"], other.inputs["vision"]["pixels"])


def test_what_an_objective_needs_is_asked_for_before_the_work():
    data = encoded()
    shapes = Shapes(16, 16, None, "t02", "v02")

    def prepare(*names):
        chosen = Training(objectives=names).weighted_objectives
        parts = Parts(shapes, data, Binary())
        return Collator(data, build_objectives(chosen, parts, []), 0)

    with pytest.raises(UsageError, match="needs a square grid of patches"):
        prepare("mim")
    data.split = Split(data.split.ids, data.split.texts, data.split.image, None)
    with pytest.raises(DataError, match="the train split has no labels"):
        prepare("task")
    prepare("mlm", "itm")
    data.inputs = SimpleNamespace()
    with pytest.raises(UsageError, match="needs a vocabulary with a mask token"):
        prepare("mlm")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("mlm=1:share=0", "share=0 must be above 0 and below 1"),
        ("mlm=1:share=much", "'share=much' is not a number"),
        ("mlm=1:share=1", "share=1 must be above 0 and below 1"),
        ("itm=1:ratio=0.5", "has no option 'ratio'; it has: share"),
        ("task=1:share=0.5", "objective 'task' has no option 'share'; it has none"),
    ],
)
def test_faulty_options_of_an_objective(objective, message):
    with pytest.raises(UsageError, match=message):
        _prepare((objective,))
