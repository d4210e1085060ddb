"""A search as a user runs it: runs under runs/, values, duplicates, failures, pruning."""

import json
import math
from dataclasses import replace

import optuna
import pytest

from alignkit.chain import train as training
from alignkit.chain.model import load
from alignkit.errors import DataError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.progress import Reporter
from alignkit.runs import load_run, load_runs
from alignkit.search.workers import finished
from tiny import TINY_MODEL, TINY_TASK, alignkit

RUN = ("search", "run", "--task", TINY_TASK, "--architecture", TINY_MODEL, "--epochs", "1")


def _told(study):
    return [(t.state.name, t.params, t.values) for t in study.trials]


@pytest.mark.slow
def test_a_search_is_reproducible_and_goes_on_as_if_undisturbed(tiny_search, tmp_path):
    whole = tiny_search(4, study="whole", sampler="random")
    tiny_search(2, study="parts", sampler="random")
    parts = tiny_search(4, study="parts", sampler="random")
    assert _told(whole) == _told(parts)
    other = tiny_search(1, study="other", sampler="random", seed=1)
    assert _told(other)[0][1] != _told(whole)[0][1]


@pytest.mark.slow
def test_a_trial_is_a_normal_run(tiny_search, tmp_path):
    trial = tiny_search(1).trials[0]
    run = load_run(trial.user_attrs["runs"][0])
    assert run.stored["identity"] == trial.user_attrs["identities"][0]
    assert run.performance()["splits"]["validation"]["auroc"] == trial.value
    assert "test" not in run.performance()["splits"]
    assert list(run.config.placement.text) == trial.user_attrs["placement"]["text"]


@pytest.mark.slow
def test_a_run_of_other_code_than_now_is_used_and_named(tiny_search, monkeypatch):
    before = tiny_search(1, study="before").trials[0]
    assert "stale" not in before.user_attrs
    monkeypatch.setattr("alignkit.runs.inputs.code_of", lambda entry: f"new {entry.name}")
    said = []
    reporter = Reporter()
    monkeypatch.setattr(reporter, "note", said.append)
    after = tiny_search(1, study="after", reporter=reporter).trials[0]
    assert after.user_attrs["runs"] == before.user_attrs["runs"]
    assert "the code of its architecture vilbert" in after.user_attrs["stale"]
    assert any("its run was trained before, but the code of its" in line for line in said)


@pytest.mark.slow
def test_what_rounds_to_the_same_is_not_trained_twice(tiny_search, tmp_path, monkeypatch):
    # Of three layers, rounding leaves few placements, so that six trials must repeat some.
    from alignkit.chain import train as module

    trained = []
    original = module.train
    monkeypatch.setattr(
        module,
        "train",
        lambda config, *a, **k: (trained.append(config.identity), original(config, *a, **k))[1],
    )
    study = tiny_search(6, sampler="random")
    again = [t for t in study.trials if "duplicate_of" in t.user_attrs]
    assert again
    assert len(trained) == len(set(trained)) == 6 - len(again)
    for trial in again:
        first = study.trials[trial.user_attrs["duplicate_of"]]
        assert trial.values == first.values
        assert trial.user_attrs["identities"] == first.user_attrs["identities"]
        assert trial.params != first.params


@pytest.mark.slow
def test_a_failed_trial_is_fail_with_its_error_and_counts(tiny_search):
    study = tiny_search(
        2,
        space="hparams",
        placements=("1",),
        sampler="random",
        bounds=("learning_rate=1e30:1e32", "epochs=1:1", "dropout=0:0"),
    )
    assert [t.state.name for t in study.trials] == ["FAIL", "FAIL"]
    assert all(t.values is None for t in study.trials)
    assert "the training loss became nan" in study.trials[0].user_attrs["error"]
    assert finished(study) == 2


@pytest.mark.slow
def test_an_undefined_objective_is_fail(tiny_search):
    study = tiny_search(
        1,
        space="named",
        placements=("1",),
        objectives=("mknn:k=5@0",),
        training={"epochs": 0},
        tasks=(TINY_TASK,),
    )
    assert study.trials[0].state.name == "COMPLETE"
    study = tiny_search(
        1, study="bad", space="named", placements=("1",), objectives=("mknn:k=500",)
    )
    assert study.trials[0].state.name == "FAIL"
    assert "500" in study.trials[0].user_attrs["error"]


@pytest.mark.slow
def test_pruning_ends_a_training_early_and_leaves_no_run(tiny_search, tmp_path, monkeypatch):
    monkeypatch.setattr(
        optuna.pruners,
        "MedianPruner",
        lambda **kept: optuna.pruners.ThresholdPruner(lower=2, n_warmup_steps=1),
    )
    study = tiny_search(2, training={"epochs": 5}, space="named", placements=("1", "2"))
    trial = study.trials[0]
    assert trial.state.name == "PRUNED"
    assert list(trial.intermediate_values) == [0, 1]
    assert "epoch 1" in trial.user_attrs["pruned"]
    with pytest.raises(UsageError, match="no trained run"):
        load_runs(tmp_path / "runs")


@pytest.mark.slow
def test_a_duplicate_of_a_pruned_trial_is_pruned(tiny_search, monkeypatch):
    monkeypatch.setattr(
        optuna.pruners,
        "MedianPruner",
        lambda **kept: optuna.pruners.ThresholdPruner(lower=2, n_warmup_steps=1),
    )
    study = tiny_search(3, space="named", placements=("1",), sampler="random")
    assert [t.state.name for t in study.trials] == ["PRUNED"] * 3
    assert [t.user_attrs.get("duplicate_of") for t in study.trials] == [None, 0, 0]


@pytest.mark.slow
def test_pruning_uses_the_median_of_earlier_trials(tiny_search):
    """Five trials start up; a sixth that is worse than their median is pruned."""
    study = tiny_search(
        8,
        space="hparams",
        placements=("1",),
        sampler="random",
        training={"epochs": 2},
        bounds=("learning_rate=1e-4:0.5:log", "epochs=2:2", "dropout=0:0"),
    )
    states = [t.state.name for t in study.trials]
    assert states[:5] == ["COMPLETE"] * 5
    assert "PRUNED" in states


@pytest.mark.slow
def test_too_few_blocks_are_pruned_with_the_reason(tiny_search):
    study = tiny_search(2, bounds=("blocks=3:3", "text_spread=0.1:0.1"), sampler="random")
    assert [t.state.name for t in study.trials] == ["PRUNED", "PRUNED"]
    assert "1 block(s) remain after rounding" in study.trials[0].user_attrs["pruned"]


@pytest.mark.slow
def test_several_tasks_and_objectives(tiny_search):
    unique = TINY_TASK.replace("match", "unique")
    study = tiny_search(
        1,
        tasks=(TINY_TASK, unique),
        space="named",
        placements=("1",),
        objectives=("score", "toy_match/loss", "parameters", "toy_unique/information_imbalance"),
    )
    assert study.metric_names == [
        "toy_match/auroc",
        "toy_unique/accuracy",
        "toy_match/loss",
        "parameters",
        "toy_unique/information_imbalance@last",
    ]
    assert [d.name for d in study.directions] == ["MAXIMIZE"] * 2 + ["MINIMIZE"] * 3
    (trial,) = study.trials
    assert len(trial.user_attrs["runs"]) == 2
    assert trial.values[3] == float(int(trial.values[3])) > 1000


@pytest.mark.slow
def test_named_tries_each_placement_once_and_stops(tiny_search):
    study = tiny_search(10, space="named", placements=("2", "1", "none"))
    assert [t.params["placement"] for t in study.trials] == ["2", "1", "none"]


@pytest.mark.slow
def test_masks_are_searched(tiny_search):
    study = tiny_search(2, space="mask", sampler="random")
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 2
    assert len(study.trials[0].params) == 8  # two streams, indices 0 to 3


@pytest.mark.slow
def test_another_search_is_refused_under_the_same_name(tiny_search):
    tiny_search(1)
    with pytest.raises(UsageError, match="differs in: seed"):
        tiny_search(1, seed=5)
    with pytest.raises(UsageError, match="differs in: space, bounds"):
        tiny_search(1, space="placement:distinct=true", bounds=("blocks=1:3",))


UNLABELLED = """
import alignkit, numpy as np

class Captions:
    target = alignkit.Pairs()
    def fingerprint(self): return "captions"
    def split(self, name):
        pictures = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
        texts = [f"word{i % 7} and word{i % 5}" for i in range(24)]
        return alignkit.Split([f"{name}{i}" for i in range(24)], texts, pictures.__getitem__, None)

@alignkit.hookimpl
def register_tasks(register): register("captions", Captions)
"""


@pytest.fixture
def pairs(tmp_path):
    """The name of a task without labels."""
    file = tmp_path / "captions.py"
    file.write_text(UNLABELLED)
    use_plugin_files([file])
    yield "captions"
    use_plugin_files([])


@pytest.mark.slow
def test_the_score_of_pretraining_is_the_one_that_selects_the_epoch(tiny_search, pairs):
    study = tiny_search(
        1,
        tasks=(pairs,),
        training={"epochs": 1, "objectives": ("itm",)},
        objectives=("score", "itm_loss", "parameters"),
    )
    (trial,) = study.trials
    performance = load_run(trial.user_attrs["runs"][0]).performance()
    scores = performance["splits"]["validation"]
    assert study.metric_names == ["pretraining_accuracy", "itm_loss", "parameters"]
    assert performance["primary"] == "pretraining_accuracy"
    assert trial.values[:2] == [scores["pretraining_accuracy"], scores["itm_loss"]]
    assert [direction.name for direction in study.directions] == [
        "MAXIMIZE",
        "MINIMIZE",
        "MINIMIZE",
    ]


@pytest.mark.slow
def test_labels_that_training_does_not_use_give_no_score(tiny_search):
    pretraining = {"epochs": 1, "objectives": ("itm",)}
    study = tiny_search(1, training=pretraining)
    assert study.metric_names == ["pretraining_accuracy"]
    assert math.isfinite(study.trials[0].value)
    with pytest.raises(UsageError, match="no score 'auroc'; it has: pretraining_accuracy, itm_acc"):
        tiny_search(1, study="t", training=pretraining, objectives=("auroc",))


def test_a_task_without_a_score_is_refused(tiny_search, pairs, tmp_path):
    with pytest.raises(UsageError, match="no labels and so no scores; pretrain on its pairs with"):
        tiny_search(1, tasks=(pairs,))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"objectives": ("cka@first",)}, "unknown layer rule"),
        ({"objectives": ("other/score",)}, "names task 'other'"),
        ({"objectives": ("scor",)}, "no score 'scor'; it has: auroc, accuracy, loss"),
        ({"objectives": ("cka@99",)}, "'cka@99': the layers are 0 to 2"),
        ({"bounds": ("blocks=5:8",)}, "'blocks' starts at 5; at most 4 blocks fit"),
        ({"objectives": ("score", "auroc")}, "given twice"),
        ({"objectives": ("score", "parameters"), "pruner": "median"}, "needs a single task"),
        ({"sampler": "grid"}, "unknown sampler"),
        ({"sampler": "brute"}, "finite space"),
        ({"pruner": "nop"}, "unknown pruner"),
        ({"placements": ("1",)}, "cannot be combined with 1 values of `placement`"),
        ({"training": {"epochz": 1}}, "no option 'epochz'"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(tiny_search, tmp_path, asked, message):
    with pytest.raises(UsageError, match=message):
        tiny_search(1, **asked)
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "search.db").exists()


def test_a_negative_number_of_retries_is_refused(tmp_path):
    done = alignkit(*RUN, "--retries", "-1", cwd=tmp_path, code=2)
    assert "--retries is -1; it must be at least 0" in done.stderr
    assert not list(tmp_path.iterdir())


def _break(*_):
    raise DataError("the disk is gone")


@pytest.mark.slow
def test_a_search_in_which_every_trial_fails_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_train", _break)
    done = alignkit(*RUN, "--space", "named", "-p", "1", "-n", "1", cwd=tmp_path, code=1)
    assert "Error: every trial failed; the last error was: the disk is gone" in done.stderr
    assert "1 FAIL" in done.stdout


@pytest.mark.slow
def test_the_command_prints_the_best_and_continues(tmp_path):
    first = alignkit(*RUN, "--space", "named", "-p", "1", "-p", "2", "-n", "1", cwd=tmp_path)
    assert "1 COMPLETE" in first.stdout
    assert "points" not in first.stderr
    assert (tmp_path / "runs" / "search.db").is_file()
    done = alignkit(
        *RUN, "--space", "named", "-p", "1", "-p", "2", "-n", "2", "--json", cwd=tmp_path
    )
    assert "resumes: 1 of 2 trials are finished" in done.stderr
    more = alignkit(*RUN, "--space", "named", "-p", "1", "-p", "2", "-n", "9", cwd=tmp_path)
    assert "the space has only 2 points; all of them were tried" in more.stderr
    found = json.loads(done.stdout)
    assert found["trials"]["COMPLETE"] == 2
    assert found["pareto"][0]["placement"]["text"] in ([1], [2])
    listed = json.loads(alignkit("search", "list", "--json", cwd=tmp_path).stdout)
    assert listed == [
        {
            "study": "named_toy_match",
            "objectives": ["auroc"],
            "trials": 2,
            "complete": 2,
            "best": found["pareto"][0]["values"]["auroc"],
        }
    ]


@pytest.mark.slow
def test_numbers_of_parameters_are_printed_as_counts(tmp_path):
    done = alignkit(
        *RUN, "--space", "named", "-p", "none", "-n", "1", "--objective", "parameters", cwd=tmp_path
    )
    (run,) = (path.parent for path in (tmp_path / "runs").rglob("model.safetensors"))
    model, _, _ = load(load_run(run), 1)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert f" {count} " in done.stdout


@pytest.mark.slow
def test_every_option_reaches_the_search(tmp_path, monkeypatch):
    from pathlib import Path

    from alignkit.search import workers

    asked = {}

    def take(search, storage, trials, number, reporter):
        asked.update(search=search, storage=storage, trials=trials, workers=number)
        raise UsageError("enough")

    monkeypatch.setattr(workers, "run_search", take)
    alignkit(
        "search",
        "run",
        "-t",
        TINY_TASK,
        "--space",
        "hparams",
        "-n",
        "7",
        "--storage",
        "sqlite:///a.db",
        "--study",
        "x",
        "--objective",
        "loss",
        "--bound",
        "epochs=1:2",
        "-p",
        "1",
        "-a",
        TINY_MODEL,
        "--epochs",
        "2",
        "--option",
        "batch_size=16",
        "--seed",
        "3",
        "--training-seed",
        "4",
        "--sampler",
        "random",
        "--pruner",
        "halving",
        "-j",
        "2",
        "--heartbeat",
        "5",
        "--retries",
        "1",
        "--runs",
        "r",
        cwd=tmp_path,
        code=2,
    )
    search, place = asked["search"], asked["storage"]
    assert (asked["trials"], asked["workers"]) == (7, 2)
    assert (place.study, place.heartbeat, place.retries) == ("x", 5, 1)
    assert place.url.file == Path("a.db")
    assert (search.seed, search.training_seed) == (3, 4)
    assert next(iter(search.configs.values())).training.batch_size == 16
    assert next(iter(search.configs.values())).seed == 4
    assert (search.chosen_sampler, search.chosen_pruner) == ("random", "halving")
    assert isinstance(search.make_pruner(), optuna.pruners.SuccessiveHalvingPruner)
    assert [o.name for o in search.resolved_objectives] == ["loss"]
    assert str(search.resolved_space.bounds["epochs"]) == "1:2"
    assert replace(search, data="x") != search
