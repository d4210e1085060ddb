"""Scores are stored with their noise, in addition to what was stored before."""

import json

import numpy as np
import pytest

from alignkit.analysis.score_noise import score_noise
from alignkit.chain.evaluate import evaluate
from alignkit.report.score_noise import noise_sentences
from alignkit.statistics.score_errors import score_errors
from alignkit.tasks import MultiLabel, SingleLabel
from tiny import train_tiny


def test_scores_of_a_run_have_errors_beside_them(tmp_path):
    run = train_tiny(tmp_path / "runs")
    scores = evaluate(run)
    errors = run.score_errors("test")
    assert set(errors) == {"auroc", "accuracy"}
    assert errors["auroc"]["method"] == "DeLong"
    assert errors["auroc"]["chance"] == 0.5
    assert errors["accuracy"]["low"] < scores["accuracy"] < errors["accuracy"]["high"]
    assert errors["accuracy"]["method"] == "exact"
    assert run.score_errors("validation") == {}  # scored while training


def test_single_labels_have_chance_and_a_bootstrapped_f1():
    target = SingleLabel(["a", "b", "c"])
    labels = np.array([0] * 30 + [1] * 15 + [2] * 15)
    logits = np.eye(3)[np.roll(labels, 8)] + 0.0
    scores = target.scores(labels, logits)
    errors = score_errors(target, labels, logits, scores | {"loss": 1.0, "n": 60})
    assert set(errors) == {"accuracy", "macro_f1"}
    assert errors["accuracy"]["chance"] == 0.5
    assert errors["macro_f1"]["chance"] == pytest.approx((2 * 0.5 / 1.5) / 3)
    assert errors["macro_f1"]["method"] == "bootstrap"
    assert 0 < errors["macro_f1"]["se"] < 0.2


def test_several_labels_have_the_chance_of_always_saying_yes():
    target = MultiLabel(["a", "b"])
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 2)) < 0.4).astype(np.int64)
    logits = rng.standard_normal((80, 2))
    errors = score_errors(target, labels, logits, target.scores(labels, logits))
    shares = labels.mean(axis=0)
    assert errors["macro_f1"]["chance"] == pytest.approx((2 * shares / (1 + shares)).mean())


def test_scores_near_chance_are_said_and_old_runs_are_counted(tmp_path):
    runs = [train_tiny(tmp_path / "runs", seed=seed) for seed in (0, 1)]
    for run, value in zip(runs, (0.52, 0.9), strict=True):
        evaluate(run)
        stored = run.performance()
        stored["splits"]["test"]["auroc"] = value
        stored["errors"]["test"]["auroc"] |= {"se": 0.03, "chance": 0.5}
        run.performance_file.write_text(json.dumps(stored))
    (noise,) = score_noise(runs, {runs[0].task: "auroc"}, "test")
    assert (noise.runs, noise.known, noise.near) == (2, 2, 1)
    (line,) = noise_sentences([noise])
    assert "auroc is within two standard errors of chance in 1 of 2 runs (0.520 to 0.900" in line
    del stored["errors"]
    runs[1].performance_file.write_text(json.dumps(stored))
    lines = noise_sentences(score_noise(runs, {runs[0].task: "auroc"}, "test"))
    assert "1 of 2 runs of toy_match" in lines[1]
    assert score_noise(runs, {runs[0].task: "loss"}, "test") == []
