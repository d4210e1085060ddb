"""Starting from another run: what is taken, and that it is part of the identity."""

import json

import pytest
import torch
from safetensors.torch import load_file

from alignkit.chain.train import train
from alignkit.errors import DataError, UsageError
from alignkit.runs import Training, resolve_config
from alignkit_vilbert.architecture import Vilbert
from named_models import text_folder, vision_folder
from tiny import TINY_MODEL, TINY_TASK, alignkit, train_tiny, without_manifests

UNTRAINED = Training(epochs=0)


def _start(root, init, task=TINY_TASK, placement="1,2", training=UNTRAINED, seed=5):
    config = resolve_config(task, placement, TINY_MODEL, training, seed, init=init.path)
    return load_file(train(config, root).model_file), config


@pytest.mark.slow
def test_streams_and_fusions_are_taken_and_the_head_of_the_same_labels(tmp_path):
    run = train_tiny(tmp_path)
    theirs = load_file(run.model_file)
    ours, _ = _start(tmp_path, run)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.slow
def test_a_head_for_other_labels_is_fresh(tmp_path):
    run = train_tiny(tmp_path)
    theirs = load_file(run.model_file)
    ours, _ = _start(tmp_path, run, "toy_unique:n_train=64,n_validation=32,n_test=48")
    body = [name for name in ours if name.startswith(("streams.", "fusions."))]
    assert all(torch.equal(ours[name], theirs[name]) for name in body)
    head = [name for name in ours if name not in body and "weight" in name and "norm" not in name]
    assert head
    assert not any(
        ours[name].shape == theirs[name].shape and torch.equal(ours[name], theirs[name])
        for name in head
    )


@pytest.mark.slow
def test_the_head_of_a_pretrained_run_was_never_trained_and_is_not_taken(tmp_path):
    options = Training(epochs=1, objectives=("pretrain",))
    pretrained = train(resolve_config(TINY_TASK, "1,2", TINY_MODEL, options), tmp_path)
    heads = [_start(tmp_path, pretrained, seed=seed)[0] for seed in (5, 6)]
    drawn = [n for n in heads[0] if n.startswith("classifier") and heads[0][n].ndim == 2]
    assert drawn
    for name in drawn:
        assert not torch.equal(*(head[name] for head in heads)), "seeds differ in their heads"
    theirs = load_file(pretrained.path / "heads.safetensors")
    _, config = _start(tmp_path, pretrained, training=Training(epochs=0, objectives=("mlm",)))
    ours = load_file((tmp_path / config.folder) / "heads.safetensors")
    assert ours
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.slow
def test_another_placement_takes_what_fits(tmp_path):
    run = train_tiny(tmp_path, "1")
    done = alignkit(
        "train",
        "--task",
        TINY_TASK,
        "-a",
        TINY_MODEL,
        "-p",
        "0,2",
        "--init",
        run.path,
        "--epochs",
        "0",
        cwd=tmp_path,
    )
    assert "; freshly initialised: fusions.1." in done.stderr
    assert f"starting from {run.path}: " in done.stderr


@pytest.mark.slow
def test_the_vocabulary_is_that_of_the_first_run(tmp_path):
    run = train_tiny(tmp_path)
    _, config = _start(tmp_path, run, "toy_unique:n_train=64,n_validation=32,n_test=48")
    stored = [
        json.loads((folder / "inputs.json").read_text())
        for folder in (run.path, tmp_path / config.folder)
    ]
    assert stored[0] == stored[1]


@pytest.mark.slow
def test_where_it_started_is_part_of_the_identity(tmp_path):
    runs = [train_tiny(tmp_path, seed=seed) for seed in (0, 1)]
    plain = resolve_config(TINY_TASK, "1,2", TINY_MODEL, UNTRAINED)
    units = {plain.unit} | {
        resolve_config(TINY_TASK, "1,2", TINY_MODEL, UNTRAINED, init=run.path).unit for run in runs
    }
    assert len(units) == 3
    moved = tmp_path / "moved"
    moved.symlink_to(runs[0].path)
    one, other = (
        resolve_config(TINY_TASK, "1,2", TINY_MODEL, UNTRAINED, init=path)
        for path in (runs[0].path, moved)
    )
    assert one.identity == other.identity, "where it lies is no part of it"
    assert train(one, tmp_path).config == one


@pytest.mark.slow
def test_what_cannot_be_started_from(tmp_path):
    with pytest.raises(DataError, match="`init=absent`: this folder does not hold a trained run"):
        resolve_config(TINY_TASK, "1", TINY_MODEL, init="absent")
    run = train_tiny(tmp_path)
    stored = json.loads((run.path / "config.json").read_text())
    stored["architecture"]["name"] = "another"
    (run.path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(UsageError, match="has the architecture 'another'"):
        resolve_config(TINY_TASK, "1", TINY_MODEL, init=run.path)


@pytest.mark.slow
def test_a_run_that_was_replaced_meanwhile_is_refused(tmp_path):
    run = train_tiny(tmp_path)
    config = resolve_config(TINY_TASK, "1", TINY_MODEL, UNTRAINED, init=run.path)
    without_manifests(run.path)
    stored = json.loads((run.path / "config.json").read_text())
    stored["identity"] = "0" * 64
    (run.path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(DataError, match="was replaced by another one"):
        train(config, tmp_path)


@pytest.mark.slow
def test_streams_of_other_models_are_refused(tmp_path):
    """They would be built from the other run's shapes, whatever the options name."""
    text, other = text_folder(tmp_path / "t"), text_folder(tmp_path / "o", hidden_size=24)
    vision = vision_folder(tmp_path / "v")
    named = {"text_model": str(text), "vision_model": str(vision)}

    def config(models, init=None):
        return resolve_config(
            TINY_TASK,
            "1",
            "vilbert:fusion_width=16,fusion_heads=2",
            UNTRAINED,
            init=init,
            options=models,
        )

    run = train(config(named), tmp_path / "runs")
    for models in ({}, {"text_model": str(text)}, named | {"text_model": str(other)}):
        with pytest.raises(
            UsageError, match=r"text model 't@\w+' and vision model 'v@\w+', but this run has"
        ):
            train(config(models, run.path), tmp_path / "runs")
    assert train(config(named, run.path), tmp_path / "runs").is_trained


def test_a_run_that_starts_from_another_may_cut_pictures_and_pad_texts_otherwise(tmp_path):
    vision = vision_folder(tmp_path / "v")
    own, other = (
        Vilbert(vision_model=str(vision), **options)
        for options in ({}, {"fit": "squash", "preset": "study", "max_tokens": 30})
    )
    inputs = other.load_inputs(own.inputs(["a red disc"]).to_json())
    assert inputs.recipe == other.inputs(["a red disc"]).recipe != own.inputs(["a"]).recipe
    assert inputs.pad_to == 30


def test_a_run_that_starts_from_small_streams_may_cut_pictures_and_pad_texts():
    own, other = Vilbert(), Vilbert(fit="crop", pad=True)
    texts = ["a red disc", "a blue disc"]
    inputs = other.load_inputs(own.inputs(texts).to_json())
    assert inputs.recipe == other.inputs(texts).recipe != own.inputs(texts).recipe
    assert inputs.pad_to == other.options.max_tokens
    assert list(inputs.words) == list(own.inputs(texts).words)


def test_pictures_of_another_size_than_the_stream_takes_are_refused(tmp_path):
    vision = vision_folder(tmp_path / "v")
    own, other = (Vilbert(vision_model=str(vision), image_size=size) for size in (None, 64))
    stored = own.inputs(["a"]).to_json()
    with pytest.raises(UsageError, match="takes images of 32 pixels, not image_size=64"):
        other.load_inputs(stored)
    same = Vilbert(vision_model=str(vision), image_size=32)
    assert same.load_inputs(stored).recipe == own.inputs(["a"]).recipe
