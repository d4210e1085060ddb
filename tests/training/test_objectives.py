"""Objectives against independent computations, and what a pretrained run is."""

import json

import numpy as np
import pytest
import torch

from alignkit.chain.evaluate import evaluate
from alignkit.chain.train import train
from alignkit.errors import DataError
from alignkit.runs import Training, resolve_config
from alignkit.training.objectives import TEMPERATURE
from parts import learner_and_batches
from tiny import TINY_MODEL, alignkit

ROWS = np.arange(24)
TASK = "toy_redundant:n_train=64,n_validation=32,n_test=48"


def _terms(objectives):
    learner, prepare = learner_and_batches(objectives=objectives)
    learner.train(False)
    batch = prepare(ROWS, 1)
    outputs = learner.forward(batch)
    return learner, batch, outputs, learner.terms(outputs, batch)


def test_the_patch_contrast_equals_its_definition():
    learner, batch, outputs, terms = _terms(("mim",))
    head, labels = learner.objectives["mim"], batch.labels["mim"]
    state = outputs.states[head.sites[0]].tokens.detach().double()
    head = head.double()
    losses, right = [], 0
    every = [tuple(p.tolist()) for p in labels["pixels"]]
    kinds = list(dict.fromkeys(every))
    with torch.no_grad():
        offered = head.embed(torch.tensor(kinds, dtype=torch.float64) / 127.5 - 1)
        for row, patch, pixels in zip(labels["row"], labels["patch"], every, strict=True):
            asked = head.read(state[row, 1 + patch])  # the first token is the class token
            similar = torch.cosine_similarity(asked[None], offered) / TEMPERATURE
            own = kinds.index(pixels)
            losses.append(float(similar.logsumexp(0) - similar[own]))
            right += int(similar.argmax()) == own
    assert float(terms["mim"][0].detach()) == pytest.approx(np.mean(losses), rel=1e-4)
    assert int(terms["mim"][1]) == right


def test_words_and_pairs_equal_their_definitions():
    learner, batch, outputs, terms = _terms(("mlm", "itm"))
    mlm, labels = learner.objectives["mlm"], batch.labels["mlm"]
    state = outputs.states[mlm.sites[0]].tokens
    losses = []
    for row, column, token in zip(labels["row"], labels["column"], labels["token"], strict=True):
        log = torch.log_softmax(mlm.read(state[row, column]), 0)
        losses.append(-log[token].item())
    assert terms["mlm"][0].item() == pytest.approx(np.mean(losses), rel=1e-4)
    match = batch.labels["itm"]["match"]
    itm = learner.objectives["itm"]
    text, vision = (outputs.states[site].tokens[:, 0] for site in itm.sites)
    p = torch.sigmoid(itm.decide(itm.text(text) * itm.vision(vision)))[:, 0]
    expected = -(match * p.log() + (1 - match) * (1 - p).log()).mean()
    assert terms["itm"][0].item() == pytest.approx(expected.item(), rel=1e-4)
    assert int(terms["itm"][1]) == int(((p > 0.5) == (match > 0.5)).sum())


@pytest.mark.slow
def test_hidden_words_are_learnt(tmp_path):
    """Trained, a model names more of the hidden words of samples that it has not seen."""
    task = "toy_redundant:n_train=512,n_validation=128,noise=0"
    options = Training(epochs=6, learning_rate=3e-3, objectives=("mlm",))
    config = resolve_config(task, "1,2", TINY_MODEL.replace("16", "32"), options)
    history = train(config, tmp_path).history()
    scores = history[history.split == "validation"]["mlm_accuracy"]
    assert scores.iloc[-1] > scores.iloc[0] + 0.1


UNLABELLED = """
import alignkit, numpy as np

class Pairs:
    target = TARGET
    def fingerprint(self): return "pairs"
    def split(self, name):
        rng = np.random.default_rng(len(name))
        pictures = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
        texts = [f"word{i % 7} and word{i % 5}" for i in range(40)]
        return alignkit.Split([f"{name}{i}" for i in range(40)], texts, pictures.__getitem__, None)

@alignkit.hookimpl
def register_tasks(register): register("pairs", Pairs)
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", ["alignkit.Pairs()", "None"])
def test_a_task_without_labels_can_only_be_pretrained_on(tmp_path, target):
    (tmp_path / "pairs.py").write_text(UNLABELLED.replace("TARGET", target))
    words = (
        "--plugin",
        "pairs.py",
        "train",
        "--task",
        "pairs",
        "-a",
        TINY_MODEL,
        "-p",
        "1",
        "--epochs",
        "1",
    )
    done = alignkit(*words, cwd=tmp_path, code=1)
    assert "task 'pairs' has no labels to train on" in done.stderr
    assert "--objective pretrain" in done.stderr
    done = alignkit(*words, "--objective", "pretrain", "--json", cwd=tmp_path)
    (run,) = json.loads(done.stdout)
    assert run["primary"] == "pretraining_accuracy"
    files = {p.name for p in (tmp_path / run["run"]).iterdir()}
    assert {"model.safetensors", "heads.safetensors", "history.csv"} <= files
    scores = json.loads(
        alignkit("--plugin", "pairs.py", "evaluate", "--json", cwd=tmp_path).stdout
    )[0]
    assert {"mlm_accuracy", "mim_accuracy", "itm_accuracy"} <= scores.keys()
    alignkit("--plugin", "pairs.py", "extract", cwd=tmp_path)


@pytest.mark.slow
def test_a_pretrained_run_is_scored_as_it_was_in_training(tmp_path):
    config = resolve_config(TASK, "1", TINY_MODEL, Training(epochs=1, objectives=("pretrain",)))
    run = train(config, tmp_path)
    stored = run.performance()["splits"]["validation"]
    assert evaluate(run, "validation", force=True) == pytest.approx(stored, abs=1e-6)
    (run.path / "heads.safetensors").unlink()
    with pytest.raises(DataError, match=r"heads\.safetensors is missing"):
        evaluate(run, "validation", force=True)


@pytest.mark.slow
def test_objectives_can_be_mixed_with_the_tasks_own(tmp_path):
    options = Training(epochs=1, objectives=("mlm=0.5", "task"))
    run = train(resolve_config(TASK, "1", TINY_MODEL, options), tmp_path)
    assert run.performance()["primary"] == "accuracy"
    train_row = run.history()[lambda h: h.split == "train"].iloc[0]
    assert train_row["loss"] == pytest.approx(train_row["task_loss"] + 0.5 * train_row["mlm_loss"])
