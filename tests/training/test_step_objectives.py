"""Objectives of plugins: whole steps, their heads, what they read and what their scores are of."""

import json
import threading

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from alignkit.chain.evaluate import evaluate
from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.plugins.load import use_plugin_files
from alignkit.runs import Run, Training, resolve_config
from alignkit.runs.training import objective_entry
from alignkit.search.objectives import check_objectives, parse_objectives
from alignkit.training.objectives import Shapes
from alignkit.training.processes import Processes
from alignkit.training.step_objectives import StepObjective
from alignkit.training.validation import pretraining_scores
from parts import cut, gradients, learner_and_batches
from tiny import TINY_MODEL, TINY_TASK, alignkit

TASK = "toy_redundant:n_train=64,n_validation=32,n_test=48"
ITC = "itc=1:width=8"


class Shared(Processes):
    """One of several processes, all of them threads of this one."""

    def __init__(self, rank, size, barrier, slots):
        self.rank, self.size, self.barrier, self.slots = rank, size, barrier, slots

    def _all(self, value):
        self.barrier.wait()
        self.slots[self.rank] = value
        self.barrier.wait()
        return list(self.slots)

    def total(self, values):
        every = self._all(dict(values))
        return {name: sum(each[name] for each in every) for name in values}

    def gather(self, rows):
        parts = self._all(rows.detach().clone())
        start = sum(len(part) for part in parts[: self.rank])
        return torch.cat(parts), slice(start, start + len(rows))


def _in_processes(learners, prepare, batches):
    """The summed gradient of a step that several processes share, by name of the parameter."""
    size, found = len(learners), {}
    barrier, slots = threading.Barrier(size), [None] * size

    def run(rank):
        torch.set_grad_enabled(True)
        mine = learners[rank]
        mine.processes = Shared(rank, size, barrier, slots)
        _, measured = gradients(mine, [prepare(mine.processes.share(b), 1) for b in batches])
        found[rank] = {n: p.grad for n, p in mine.named_parameters()}, measured

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    total = {}
    for each, _ in found.values():
        for name, grad in each.items():
            if grad is not None:
                total[name] = total.get(name, 0) + grad
    return total, found[0][1]


@pytest.mark.parametrize("objectives", [(ITC,), (ITC, "mlm=0.5", "itm", "task=2")])
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("sizes", [(8,), (4, 4), (5, 1, 2)])
def test_a_step_is_one_whatever_batches_and_processes_share_it(objectives, size, sizes):
    learner, prepare = learner_and_batches(objectives=objectives)
    rows = np.arange(8)
    _, said = gradients(learner, [prepare(rows, 1)])
    whole = {n: p.grad for n, p in learner.named_parameters() if p.grad is not None}
    learners = [learner_and_batches(objectives=objectives)[0] for _ in range(size)]
    parts, also = _in_processes(learners, prepare, cut(rows, *sizes))
    assert parts.keys() == whole.keys()
    scale = max(float(grad.abs().max()) for grad in whole.values())
    for name, grad in whole.items():
        torch.testing.assert_close(parts[name] / scale, grad / scale, rtol=1e-4, atol=1e-6)
    temperature = "heads.objectives.itc.own.log_scale"
    assert abs(float(whole[temperature])) > 1e-3
    assert float(parts[temperature]) == pytest.approx(float(whole[temperature]), rel=1e-4)
    assert also == pytest.approx(said, rel=1e-4)


def test_it_reads_the_last_states_that_no_fusion_has_changed():
    shapes = Shapes(16, 16, None, "t02", "v02")

    def sites(spec, placement):
        chosen = resolve_config(TINY_TASK, placement, TINY_MODEL, Training(objectives=(spec,)))
        schedule = chosen.architecture.make().schedule(chosen.placement)
        (objective,) = chosen.training.weighted_objectives
        made = StepObjective(objective, objective_entry("itc"), schedule, shapes)
        return made.sites, made.where

    assert sites("itc", "1,2") == (
        ("t00", "v00"),
        "compares t00 with v00, before the first fusion; it trains nothing after them",
    )
    assert sites("itc", "2/1")[0] == ("t01", "v00")
    assert sites("itc", "none") == (("t02", "v02"), "")
    assert sites("itc", "3")[0] == ("t02", "v02")
    read, said = sites("itc=1:layer=last", "2")
    assert read == ("t02", "v02")
    assert "where every text has seen its own picture" in said
    with pytest.raises(UsageError, match="this placement fuses before the first"):
        sites("itc", "0")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("itc=1:with=8", "objective 'itc' has no option 'with'; did you mean 'width'?"),
        ("itc=1:with=8", "every objective has: layer, pool"),
        ("itc=1:width=0", "width is 0 and temperature is 0.07"),
        ("itc=1:temperature=nan", "'temperature=nan' is not a number (default 0.07)"),
        ("itc=1:temperature=0", "width is 256 and temperature is 0.0; they must be at least"),
        ("itc=1:pool=top", "`objectives=itc=1:pool=top`: unknown pooling 'top'"),
        ("itc=1:layer=all", "select one: last, unfused, an index"),
    ],
)
def test_faulty_options_are_one_line(spec, message):
    with pytest.raises(UsageError) as caught:
        learner_and_batches(objectives=(spec,))
    assert message in str(caught.value)


def test_an_unknown_objective_gets_a_suggestion():
    with pytest.raises(UsageError, match=r"'itx'; did you mean 'it[cm]'\?.*pretrain stands for"):
        resolve_config(TINY_TASK, "1", TINY_MODEL, Training(objectives=("itx",)))


def test_identities_of_stored_runs_stay_as_they_are():
    chosen = Training(objectives=("itm", "pretrain", "itc", "task=2", "alignkit/mlm"))
    assert chosen.objectives == ("task=2", "mlm=1", "mim=1", "itm=1", "itc=1")
    assert Training(objectives=("task",)).objectives == ()
    stored = Training(objectives=("gone=1:x=2",))  # of a plugin that is not installed
    assert stored.objectives == ("gone=1:x=2",)


def test_equal_texts_and_pictures_are_known_before_anything_is_masked_or_swapped():
    _, prepare = learner_and_batches(objectives=(ITC, "pretrain"))
    rows = np.array([3, 5, 3, 7])
    batch = prepare(rows, 1)
    texts = [" ".join(prepare.data.split.texts[i].lower().split()) for i in rows]
    pictures = [np.asarray(prepare.data.split.image(int(i))).tobytes() for i in rows]
    for codes, known in ((batch.samples.texts, texts), (batch.samples.images, pictures)):
        expected = [[a == b for b in known] for a in known]
        assert (codes[:, None] == codes).tolist() == expected


def test_search_knows_the_scores_before_a_run():
    training = Training(objectives=(ITC, "mlm"))
    known = pretraining_scores(training)
    assert {"itc_accuracy", "itc_loss", "itc_image_to_text_recall_at_5", "mlm_accuracy"} < set(
        known
    )
    config = resolve_config(TASK, "1", TINY_MODEL, training)
    names = ["itc_text_to_image_recall_at_1"]
    objectives = parse_objectives(names, {"toy_redundant": config})
    assert objectives[0].direction == "maximize"
    check_objectives(objectives, {"toy_redundant": config})
    with pytest.raises(UsageError, match="no score 'itc_recall'"):
        check_objectives(
            parse_objectives(["itc_recall"], {"toy_redundant": config}), {"toy_redundant": config}
        )


@pytest.mark.slow
def test_pretraining_by_contrast_finds_pictures_of_samples_that_it_has_not_seen(tmp_path):
    task = "toy_redundant:n_train=512,n_validation=64,n_test=64,noise=0"
    options = Training(epochs=8, learning_rate=3e-3, objectives=("itc=1:width=16",))
    config = resolve_config(task, "none", TINY_MODEL, options)
    run = train(config, tmp_path)
    history = run.history()
    rows = history[history.split == "validation"]
    for way in ("text_to_image", "image_to_text"):
        recall = rows[[f"itc_{way}_recall_at_{k}" for k in (1, 5, 10)]].to_numpy()
        assert (np.diff(recall, axis=1) >= 0).all()
        assert recall[-1, 2] > recall[0, 2] + 0.1
    stored = run.performance()["splits"]["validation"]
    assert run.performance()["primary"] == "pretraining_accuracy"
    assert evaluate(run, "validation", force=True) == pytest.approx(stored, abs=1e-6)
    heads = load_file(run.path / "heads.safetensors")
    assert heads["objectives.itc.own.text.1.weight"].shape == (16, 16)


@pytest.mark.slow
def test_it_goes_with_all_others(tmp_path):
    options = Training(epochs=1, objectives=("itc=0.5:width=8", "pretrain", "task"))
    run = train(resolve_config(TASK, "1", TINY_MODEL, options), tmp_path)
    row = run.history()[lambda h: h.split == "train"].iloc[0]
    names = ("task", "mlm", "mim", "itm")
    assert row["loss"] == pytest.approx(
        sum(row[f"{name}_loss"] for name in names) + 0.5 * row["itc_loss"], rel=1e-6
    )
    assert run.performance()["primary"] == "accuracy"
    again = Training(epochs=0, objectives=("itc=0.5:width=8",))
    start = resolve_config(TASK, "1", TINY_MODEL, again, init=run.path)
    taken = train(start, tmp_path)
    for name, value in load_file(taken.path / "heads.safetensors").items():
        assert np.array_equal(value, load_file(run.path / "heads.safetensors")[name])


OWN = """
import torch
from torch import nn

import alignkit


class Near(nn.Module):
    def __init__(self, context, power: float = 2.0):
        super().__init__()
        self.to_vision = nn.Linear(context.text_width, context.vision_width)
        self.power = power

    def forward(self, text, vision, samples):
        return (self.to_vision(text) - vision).abs().pow(self.power).mean()

    def scores(self, text, vision, samples):
        gap = (self.to_vision(text) - vision).abs().mean()
        return {"accuracy": float(1 / (1 + gap)), "half": 0.5}


@alignkit.hookimpl
def register_objectives(register):
    register("near", Near, summary="Texts close to their pictures", scores=("half",))
"""


@pytest.mark.slow
def test_an_objective_of_a_third_party(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    door = ("--plugin", "own.py")
    assert "near" in alignkit(*door, "list", "objectives", cwd=tmp_path).stdout
    assert "power" in alignkit(*door, "show", "objective", "near", cwd=tmp_path).stdout
    words = ("--task", TASK, "-a", TINY_MODEL, "-p", "1", "--epochs", "1")
    train_words = (*door, "train", *words, "--objective", "near=0.5:power=1")
    folder = tmp_path / alignkit(*train_words, cwd=tmp_path).stdout.strip()
    history = (folder / "history.csv").read_text().splitlines()
    assert "near_half" in history[0]
    stored = json.loads((folder / "config.json").read_text())
    assert stored["plugins"]["objective near"] == "own.py"
    assert stored["training"]["objectives"] == ["near=0.5:power=1"]
    assert json.loads((folder / "train.json").read_text())["inputs"]["code"]["objective near"]
    # Changed code:
    (tmp_path / "own.py").write_text(OWN.replace("1 / (1 + gap)", "1 / (1 + 2 * gap)"))
    done = alignkit(*train_words, cwd=tmp_path)
    assert "the code of its objective near has changed since" in done.stderr
    assert "alignkit train --retrain" in done.stderr
    assert "since" in alignkit(*train_words, "--explain", cwd=tmp_path).stderr
    # Gone:
    done = alignkit("evaluate", cwd=tmp_path, code=2)
    assert "objective 'near' is not installed; it was registered by own.py" in done.stderr
    alignkit("extract", cwd=tmp_path)
    shown = json.loads(alignkit("runs", "show", folder, "--json", cwd=tmp_path).stdout)
    assert shown["missing"][0].startswith("objective 'near' is not installed")


@pytest.mark.slow
def test_a_name_that_two_claim_is_written_with_its_owner(tmp_path):
    (tmp_path / "own.py").write_text(OWN.replace('"near"', '"mlm"'))
    use_plugin_files([tmp_path / "own.py"])
    try:
        options = Training(epochs=0, objectives=("mlm", "own.py/mlm"))
        run = train(resolve_config(TASK, "1", TINY_MODEL, options), tmp_path)
        names = run.performance()["splits"]["validation"]
        assert {"mlm_accuracy", "own_py/mlm_half"} < names.keys()
        assert run.stored["training"]["objectives"] == ["mlm=1", "own.py/mlm=1"]
        assert evaluate(Run(run.path), "test").keys() == names.keys()
    finally:
        use_plugin_files([])
