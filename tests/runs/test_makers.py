"""Runs whose plugins are gone: what they say of what they were made with."""

import json

import pytest

from alignkit.errors import UsageError
from alignkit.plugins import registry
from alignkit.plugins.load import use_plugin_files
from alignkit.runs.makers import makers_of, missing_plugins, require_plugins
from tiny import TINY_MODEL, alignkit

TASK = """
import numpy as np

import alignkit


class Grey:
    target = alignkit.Binary()

    def fingerprint(self):
        return "grey"

    def split(self, name):
        images = np.zeros((16, 32, 32, 3), np.uint8)
        ids = [f"{name}{i}" for i in range(16)]
        return alignkit.Split(ids, ["a text"] * 16, images.__getitem__, np.arange(16) % 2)


def pull(text, vision):
    return (text.mean(1) - vision.mean(1)).square().mean()


@alignkit.hookimpl
def register_tasks(register):
    register("grey", Grey)


@alignkit.hookimpl
def register_losses(register):
    register("pull", pull)
"""


def _stored(**more):
    return {"task": {"name": "grey"}, "architecture": {"name": "vilbert"}, **more}


def test_names_have_their_makers():
    label = registry().get("tasks", "emoji").plugin.label
    assert label.startswith("alignkit-emoji ")
    assert makers_of([("tasks", "emoji")]) == {"task emoji": label}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"plugins": {"task grey": "alignkit-grey 1.2"}, "versions": {"alignkit-grey": "1.2"}},
            "; it was registered by alignkit-grey 1.2; to have it again: "
            "pip install alignkit-grey==1.2",
        ),
        (
            {"plugins": {"task grey": "grey.py"}},
            "; it was registered by grey.py; to have it again: alignkit --plugin grey.py ...",
        ),
        (  # of an earlier version of alignkit
            {"versions": {"numpy": "1.0", "alignkit-grey": "1.2", "more.py": ""}},
            "; the run was made with alignkit-grey 1.2 and more.py; to have it again: "
            "pip install alignkit-grey==1.2 and alignkit --plugin more.py ...",
        ),
        ({"versions": {"numpy": "1.0"}}, ""),
        ({}, ""),
    ],
)
def test_a_missing_plugin_is_named(more, said):
    stored = _stored(**more)
    assert missing_plugins(stored) == [f"task 'grey' is not installed{said}"]
    with pytest.raises(UsageError, match="task 'grey' is not installed"):
        require_plugins(stored)


def test_what_is_installed_is_not_missing():
    assert missing_plugins(_stored(task={"name": "emoji"})) == []


def test_a_plugin_that_does_not_load_is_not_to_be_installed(tmp_path, capsys):
    (tmp_path / "grey.py").write_text("import absent_module")
    use_plugin_files([tmp_path / "grey.py"])
    try:
        for more in ({"plugins": {"task grey": "grey.py"}}, {"versions": {"grey.py": ""}}):
            (line,) = missing_plugins(_stored(**more))
            assert "grey.py, which does not load now: alignkit plugins -v" in line
    finally:
        use_plugin_files([])


@pytest.mark.slow
def test_every_command_on_a_run_names_the_plugin_that_it_lacks(tmp_path):
    (tmp_path / "grey.py").write_text(TASK)
    words = ("--task", "grey", "--placement", "1", "--epochs", "0", "--aux", "pull=0.1")
    door = ("--plugin", "grey.py")
    alignkit(*door, "train", *words, "--architecture", TINY_MODEL, cwd=tmp_path)
    (run,) = (tmp_path / "runs/grey").glob("*/*")
    plugins = json.loads((run / "config.json").read_text())["plugins"]
    assert plugins["task grey"] == plugins["loss pull"] == "grey.py"
    assert plugins["architecture vilbert"].startswith("alignkit-vilbert ")
    said = "task 'grey' is not installed; it was registered by grey.py"
    for command in (["evaluate"], ["extract"], ["measure"], ["correlate"], ["report"]):
        done = alignkit(*command, cwd=tmp_path, code=2)
        assert said in done.stderr, command
    shown = alignkit("runs", "show", run, "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["missing"][0].startswith(said)
    assert said in alignkit("runs", "show", run, cwd=tmp_path).stdout
    assert (
        json.loads(alignkit(*door, "runs", "show", run, "--json", cwd=tmp_path).stdout)["missing"]
        == []
    )
