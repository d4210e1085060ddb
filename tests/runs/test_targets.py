"""Registered targets: named by users, guarded as their plugin's, and remembered by runs."""

import json

import pytest

import alignkit
from alignkit.chain.train import train
from alignkit.contracts.guard import plain, whose
from alignkit.errors import PluginError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.runs import Training, load_run
from alignkit.runs.config import resolve_config
from alignkit.runs.inputs import changes_since_training
from alignkit.runs.makers import missing_plugins
from tiny import TINY_MODEL

PLUGIN = """
import dataclasses
import numpy as np
import alignkit

@dataclasses.dataclass(frozen=True)
class Forecast(alignkit.Binary):
    primary: str = "brier"
    sharpness: float = 1.0
    power: int = 2

    def scores(self, targets, logits):
        guess = 1 / (1 + np.exp(-self.sharpness * logits[:, 0]))
        return {"brier": float(np.mean(abs(guess - targets) ** self.power))}

    def declared_scores(self):
        return (alignkit.Score("brier", higher_is_better=False),)

class Task:
    def __init__(self, kind: str = "forecast"):
        self.kind = kind

    @property
    def target(self):
        return alignkit.choose_target(self.kind).make(("low", "high"))

    def fingerprint(self):
        return alignkit.fingerprint_of({"kind": self.kind})

    def split(self, name):
        n = np.arange(12) % 2
        image = lambda i: np.full((8, 8, 3), 90 * n[i], np.uint8)
        return alignkit.Split([f"{name}{i}" for i in range(12)], ["words"] * 12, image, n)

@alignkit.hookimpl
def register_targets(register):
    register("forecast", Forecast)
    register("sound", Forecast, reads="labels")

@alignkit.hookimpl
def register_tasks(register):
    register("chosen", Task)
"""


@pytest.fixture
def file(tmp_path):
    """A plugin with a target and a task that lets its users choose."""
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    use_plugin_files([file])
    yield file
    use_plugin_files([])


def test_a_target_is_made_for_labels_with_its_options(file):
    chosen = alignkit.choose_target("forecast:sharpness=2.5+power=1")
    target = chosen.make(["low", "high"])
    assert (target.labels, target.sharpness, target.power) == (("low", "high"), 2.5, 1)
    assert isinstance(target, alignkit.Binary)
    assert whose(target).title == "target 'forecast' of mine.py"
    assert chosen.reads == "label"
    assert alignkit.choose_target("sound").reads == "labels"
    assert alignkit.choose_target("regression:scale=1e+3").make(["height"]).scale == 1000


def test_what_comes_with_alignkit():
    for name, kind in (("single", alignkit.SingleLabel), ("binary", alignkit.Binary)):
        assert type(plain(alignkit.choose_target(name).make(["a", "b"]))) is kind
    multi = alignkit.choose_target("multi:primary=micro_f1")
    assert multi.reads == "labels"
    assert multi.make(["a"]).primary == "micro_f1"
    with pytest.raises(UsageError, match="two labels, but there are 3"):
        alignkit.choose_target("binary").make(["a", "b", "c"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("forcast", "did you mean 'forecast'"),
        ("forecast:sharp=1", "no option 'sharp'"),
        ("forecast:labels=a", "sets the labels, which are those of the data"),
        ("single:primary=f1", "is not one of accuracy, macro_f1"),
    ],
)
def test_what_cannot_be_chosen(file, spec, message):
    with pytest.raises(UsageError, match=message):
        alignkit.choose_target(spec)


def test_a_run_knows_the_plugin_of_its_target(file, tmp_path):
    config = resolve_config("chosen:kind=forecast:power=1", "1", TINY_MODEL, Training(epochs=1))
    run = train(config, tmp_path / "runs")
    assert run.stored["plugins"]["target forecast"] == "mine.py"
    assert run.performance()["primary"] == "brier"
    assert not run.higher_is_better("brier")
    assert changes_since_training(run) == []
    # The task is the same file here, so its code changes too.
    file.write_text(PLUGIN.replace("abs(guess", "np.abs(guess"))
    use_plugin_files([file])
    (change,) = changes_since_training(load_run(run.path))
    assert "its target forecast" in change


def test_a_run_whose_target_is_gone_names_what_made_it(file, tmp_path):
    config = resolve_config("chosen", "1", TINY_MODEL, Training(epochs=1))
    run = train(config, tmp_path / "runs")
    file.write_text(PLUGIN.replace('register("forecast", Forecast)', ""))
    use_plugin_files([file])
    (line,) = missing_plugins(load_run(run.path).stored)
    assert line.startswith("target 'forecast' is not installed; it was registered by mine.py")
    with pytest.raises(UsageError, match="'forecast' is not installed"):
        _ = load_run(run.path).config


def test_a_target_of_alignkit_itself_is_no_plugin_of_a_run(file, tmp_path):
    run = train(
        resolve_config("chosen:kind=binary", "1", TINY_MODEL, Training(epochs=1)), tmp_path / "runs"
    )
    assert sorted(run.stored["plugins"]) == ["architecture vilbert", "task chosen"]
    made = json.loads((run.path / "train.json").read_text())["inputs"]["code"]
    assert sorted(made) == ["architecture vilbert", "task chosen"]


def test_what_makes_no_target_is_named(file):
    file.write_text(PLUGIN.replace('"forecast", Forecast', '"forecast", lambda labels: labels'))
    use_plugin_files([file])
    with pytest.raises(PluginError, match=r"'forecast' of mine.py.*expected an alignkit.Target"):
        alignkit.choose_target("forecast").make(["a", "b"])
