"""Training: what is stored, what is repeated, what is refused."""

import hashlib
import json

import numpy as np
import pytest
import torch

from alignkit.chain import train as training
from alignkit.chain.train import train
from alignkit.data.encoded import EncodedSplit
from alignkit.errors import DataError
from alignkit.runs import Training, load_runs, resolve_config
from alignkit.training.optimizer import groups, learning_rate_factor
from tiny import TINY_MODEL, TINY_TASK, train_tiny, without_manifests


def _bytes(run):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in run.path.glob("*.*")}


@pytest.mark.slow
def test_same_command_gives_same_bytes(tmp_path):
    one, other = train_tiny(tmp_path / "a"), train_tiny(tmp_path / "b")
    assert _bytes(one) == _bytes(other)
    assert {"model.safetensors", "performance.json", "history.csv"} <= set(_bytes(one))


@pytest.mark.slow
def test_another_seed_gives_another_model(tmp_path):
    one, other = train_tiny(tmp_path), train_tiny(tmp_path, seed=1)
    assert one.path != other.path
    assert one.unit == other.unit
    assert _bytes(one)["model.safetensors"] != _bytes(other)["model.safetensors"]


@pytest.mark.slow
def test_second_time_does_no_work(tmp_path, monkeypatch):
    run = train_tiny(tmp_path)
    before = run.model_file.stat().st_mtime_ns
    monkeypatch.setattr(training, "_train", lambda *_: pytest.fail("trained again"))
    train_tiny(tmp_path)
    assert run.model_file.stat().st_mtime_ns == before


@pytest.mark.slow
def test_training_never_reads_the_test_split(tmp_path, monkeypatch):
    from alignkit_toy.match import Match

    read = []
    split = Match.split
    monkeypatch.setattr(Match, "split", lambda self, name: read.append(name) or split(self, name))
    train_tiny(tmp_path)
    assert set(read) == {"train", "validation"}


@pytest.mark.slow
def test_best_weights_are_restored_not_the_last(tmp_path):
    from alignkit.chain.evaluate import evaluate

    config = resolve_config(TINY_TASK, "1", TINY_MODEL, Training(epochs=6, learning_rate=0.05))
    run = train(config, tmp_path)
    history = run.history()
    scores = history[history.split == "validation"].set_index("epoch")["auroc"]
    assert run.performance()["epoch"] == scores.idxmax()  # the earliest of equals
    again = evaluate(run, "validation", force=True)
    assert again["auroc"] == pytest.approx(scores.max(), abs=1e-12)
    assert scores.iloc[-1] < scores.max(), "the last epoch must not be the best, to tell them apart"


@pytest.mark.slow
def test_patience_stops_early(tmp_path):
    config = resolve_config(
        TINY_TASK, "1", TINY_MODEL, Training(epochs=30, learning_rate=0.05, patience=2)
    )
    run = train(config, tmp_path)
    last = int(run.history()["epoch"].max())
    assert last < 30
    assert last - run.performance()["epoch"] == 2


@pytest.mark.slow
def test_zero_epochs_store_the_untrained_model(tmp_path):
    run = train(resolve_config(TINY_TASK, "1", TINY_MODEL, Training(epochs=0)), tmp_path)
    assert list(run.history()["epoch"]) == [0]
    assert run.performance()["epoch"] == 0


@pytest.mark.slow
def test_force_drops_what_was_made_from_the_old_model(tmp_path):
    from alignkit.chain.extract import extract

    run = train_tiny(tmp_path)
    extract(run, "test")
    train(run.config, tmp_path, force=True)
    assert run.is_trained
    assert run.representation_index("test") is None


@pytest.mark.slow
def test_a_folder_with_another_run_is_refused(tmp_path):
    run = train_tiny(tmp_path)
    without_manifests(run.path)
    stored = json.loads((run.path / "config.json").read_text())
    stored["identity"] = "0" * 64
    stored["training"]["epochs"] = 99
    (run.path / "config.json").write_text(json.dumps(stored))
    with pytest.raises(DataError, match=r"another run .*training.*`runs`"):
        train_tiny(tmp_path)


def test_learning_rate_rises_then_falls_to_the_floor():
    factor = learning_rate_factor(100, 0.1, 0.05)
    rates = np.array([factor(step) for step in range(101)])
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert (np.diff(rates[10:]) <= 0).all()
    assert rates[100] == pytest.approx(0.05)


def test_no_decay_on_norms_biases_and_positions(tmp_path):
    config = resolve_config(TINY_TASK, "1,2", TINY_MODEL)
    architecture = config.architecture.make()
    model = architecture.build(config.placement, 1, architecture.inputs(["a word"]))
    decayed, left = groups(model.named_parameters(), 0.1)
    assert decayed["weight_decay"] == 0.1
    assert left["weight_decay"] == 0.0
    names = {id(p): n for n, p in model.named_parameters()}
    assert not any("norm" in names[id(p)] or "bias" in names[id(p)] for p in decayed["params"])
    assert any("positions" in names[id(p)] for p in left["params"])


def test_the_order_of_an_epoch_is_a_function_of_seed_and_epoch():
    task = resolve_config(TINY_TASK, "1", TINY_MODEL).task.make()
    split = task.split("train")
    inputs = resolve_config(TINY_TASK, "1", TINY_MODEL).architecture.make().inputs(split.texts)
    order = [
        np.concatenate(list(EncodedSplit(split, inputs, "train").shuffled(7, seed, epoch))).tolist()
        for seed, epoch in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    assert order[0] == order[1]
    assert len({tuple(o) for o in order}) == 3
    assert sorted(order[0]) == list(range(64))


def test_an_empty_split_is_one_clear_line():
    from alignkit.tasks import Split

    with pytest.raises(DataError, match="the test split is empty"):
        EncodedSplit(Split([], [], lambda i: None, None), None, "test")


@pytest.mark.slow
def test_a_diverging_run_says_so_and_leaves_no_model(tmp_path, monkeypatch):
    from alignkit.errors import AlignkitError
    from alignkit.tasks import Binary

    monkeypatch.setattr(Binary, "loss", lambda self, logits, targets: logits.sum() * torch.nan)
    with pytest.raises(AlignkitError, match=r"loss became nan in epoch 1.*`learning_rate`"):
        train_tiny(tmp_path)
    assert not list(tmp_path.rglob("model.safetensors"))


def test_runs_are_found_and_filtered(tiny_runs):
    root, runs = tiny_runs
    assert len(load_runs(root)) == len(runs) == 6
    assert {r.task for r in load_runs(root, ["toy_unique"])} == {"toy_unique"}
    assert {r.placement for r in load_runs(root, placement=["none"])} == {"none"}


def test_buckets_hold_texts_of_similar_length_and_every_sample_once():
    task = resolve_config(TINY_TASK, "1", TINY_MODEL).task.make()
    split = task.split("train")
    inputs = resolve_config(TINY_TASK, "1", TINY_MODEL).architecture.make().inputs(split.texts)
    data = EncodedSplit(split, inputs, "train")

    def padding(bucket, seed=0, epoch=1):
        batches = list(data.shuffled(8, seed, epoch, bucket))
        assert sorted(np.concatenate(batches).tolist()) == list(range(64))
        lengths = [[len(data.tokens[row]) for row in rows] for rows in batches]
        return [row.tolist() for row in batches], sum(max(row) * len(row) for row in lengths)

    plain, bucketed = padding(False), padding(True)
    least = sum(len(row) for row in data.tokens)
    assert bucketed[1] - least < (plain[1] - least) / 3
    assert padding(True) == bucketed
    assert padding(True, epoch=2) != bucketed
    assert padding(True, seed=1) != bucketed


@pytest.mark.slow
def test_whoever_watches_sees_every_epoch_and_may_end_it(tmp_path):
    config = resolve_config(TINY_TASK, "1", TINY_MODEL, Training(epochs=3))
    seen = []

    def prune(epoch, scores):
        seen.append((epoch, scores["auroc"]))
        if epoch == 2:
            raise KeyError("pruned")

    with pytest.raises(KeyError, match="pruned"):
        train(config, tmp_path, on_epoch=prune)
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert not list(tmp_path.rglob("train.json"))
    run = train(config, tmp_path, on_epoch=lambda epoch, scores: seen.append((epoch, scores)))
    assert [epoch for epoch, _ in seen[3:]] == [0, 1, 2, 3]
    history = run.history()
    scores = history[history.split == "validation"]["auroc"].tolist()
    assert [score for _, score in seen[:3]] == scores[:3]


@pytest.mark.parametrize(
    "change",
    [
        {"accumulate": 2},
        {"precision": "bf16"},
        {"class_weights": True},
        {"bucket": True},
        {"objectives": ("mlm",)},
        {"aux": ("cosine=1",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_options_enter_the_identity_when_they_are_not_at_their_default(change):
    plain, other = resolve_config(), resolve_config(training=Training(**change))
    assert plain.unit != other.unit
    assert not plain.training.identity().keys() & change.keys()
    assert plain.to_json()["training"].keys() >= change.keys()


def test_how_training_is_carried_out_is_no_part_of_the_identity():
    from alignkit.runs import RuntimeOptions

    runtime = RuntimeOptions("cpu", 3, "5", ("cka",), "2", 9, True, "all", "text")
    one, other = resolve_config(), resolve_config(runtime=runtime)
    assert one.identity == other.identity
    assert one.folder == other.folder
