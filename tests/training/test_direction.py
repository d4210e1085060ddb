"""A score's direction: declared by its target, kept to by training and read from the run."""

import json
import math
from pathlib import Path

import pytest

from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.chain.evaluate import evaluate
from alignkit.chain.train import train
from alignkit.errors import PluginError
from alignkit.plugins.load import use_plugin_files
from alignkit.runs import Run, Training, resolve_config
from alignkit.search.objectives import parse_objectives
from alignkit.tasks import Binary, Pairs, Score
from alignkit.testing.task import check_task
from tiny import TINY_MODEL

TASK = "brier_match:n_train=64,n_validation=32,n_test=48"


@pytest.fixture(scope="module", autouse=True)
def plugin():
    use_plugin_files([Path(__file__).with_name("brier_task.py")])
    yield
    use_plugin_files([])


def _config(placement="1", **options):
    return resolve_config(TASK, placement, TINY_MODEL, Training(learning_rate=0.05, **options))


def _scores(run):
    history = run.history()
    return history[history["split"] == "validation"].set_index("epoch")["brier"]


@pytest.mark.slow
def test_the_epoch_with_the_lowest_score_is_kept(tmp_path):
    run = train(_config(epochs=6), tmp_path)
    scores = _scores(run)
    assert scores.idxmin() not in (scores.idxmax(), scores.index[-1]), "epochs must differ"
    assert run.performance()["epoch"] == scores.idxmin()
    assert evaluate(run, "validation", force=True)["brier"] == pytest.approx(scores.min())


@pytest.mark.slow
def test_patience_counts_epochs_without_a_lower_score(tmp_path):
    run = train(_config(epochs=30, patience=2), tmp_path)
    scores = _scores(run)
    assert scores.index[-1] < 30
    assert scores.index[-1] - scores.idxmin() == 2
    assert run.performance()["epoch"] == scores.idxmin()


@pytest.mark.slow
def test_a_run_knows_the_direction_without_its_plugin(tmp_path):
    run = train(_config(epochs=0), tmp_path)
    assert run.performance()["higher_is_better"] == {"brier": False}
    use_plugin_files([])
    try:
        stored = Run(run.path)
        assert not stored.higher_is_better("brier")
        assert stored.higher_is_better("auroc")
        assert not stored.higher_is_better("loss")
    finally:
        use_plugin_files([Path(__file__).with_name("brier_task.py")])
    evaluate(run, "test")
    assert not run.higher_is_better("brier")


def test_a_run_whose_scores_all_rise_stores_no_direction(tiny_run):
    assert set(tiny_run.performance()) == {"primary", "epoch", "splits", "inputs"}
    assert tiny_run.higher_is_better("auroc")
    assert not tiny_run.higher_is_better("loss")


@pytest.mark.parametrize("name", ["loss", "itm_loss", "top1_error", "perplexity", "val-nll"])
def test_an_older_run_tells_the_direction_by_the_name(tmp_path, name):
    (tmp_path / "performance.json").write_text(json.dumps({"primary": name, "splits": {}}))
    assert not Run(tmp_path).higher_is_better(name)
    assert Run(tmp_path).higher_is_better("terror_score")


def test_a_declaration_says_more_than_the_name(tmp_path):
    stored = {"primary": "error_recall", "splits": {}, "higher_is_better": {"error_recall": True}}
    (tmp_path / "performance.json").write_text(json.dumps(stored))
    assert Run(tmp_path).higher_is_better("error_recall")


def test_targets_that_declare_nothing():
    assert Binary().declaration("auroc") == Score("auroc", True, 0.0, 1.0)
    assert Pairs().declaration("loss") == Score("loss", False, 0.0, math.inf)


def test_any_value_is_better_than_none():
    up, down = Score("up"), Score("down", higher_is_better=False)
    assert up.is_better(0.2, 0.1)
    assert not up.is_better(0.1, 0.1)
    assert down.is_better(0.1, 0.2)
    assert up.is_better(0.0, math.nan)
    assert not down.is_better(math.nan, 0.2)
    assert not down.is_better(math.nan, math.nan)


def test_a_search_minimises_it():
    configs = {"brier_match": _config()}
    directions = {
        name: parse_objectives([name], configs)[0].direction
        for name in ("score", "brier", "auroc", "loss", "parameters")
    }
    assert directions == {
        "score": "minimize",
        "brier": "minimize",
        "auroc": "maximize",
        "loss": "minimize",
        "parameters": "minimize",
    }


def test_a_score_outside_its_declared_range_is_named(tmp_path, monkeypatch):
    target = _config().task.make().target.__class__
    monkeypatch.setattr(target, "scores", lambda *_: {"brier": 1.5})
    with pytest.raises(PluginError, match=r"gave 1\.5 as 'brier', outside \[0, 1\]"):
        train(_config(epochs=0), tmp_path)


def test_the_check_of_tasks_knows_declared_ranges(monkeypatch):
    task = _config().task.make()
    assert check_task(task)["train"] == 64
    declared = (Score("brier", False, 0.0, 0.01), Score("auroc"), Score("accuracy"))
    monkeypatch.setattr(task.target.__class__, "declared_scores", lambda _: declared)
    with pytest.raises(AssertionError, match=r"gave 0\.\d+ as 'brier', outside \[0, 0\.01\]"):
        check_task(task)
    monkeypatch.setattr(
        task.target.__class__, "declared_scores", lambda _: (Score("ece", False), *declared[1:])
    )
    with pytest.raises(AssertionError, match="'ece'"):
        check_task(task)


@pytest.mark.slow
def test_correlate_reads_it_from_the_runs(tmp_path):
    runs = [train(_config(placement, epochs=1), tmp_path) for placement in ("none", "1", "1,2")]
    correlations, _ = correlate_runs(runs, TableOptions(("cka",)))
    assert correlations.settings["lower_is_better"] == ["brier"]
    correlations, _ = correlate_runs(runs, TableOptions(("cka",), outcome="auroc"))
    assert correlations.settings["lower_is_better"] == []
