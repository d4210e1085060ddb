"""Interrupted runs are listed with the command that resumes them: the same run, to its identity."""

import json
import shlex

import pytest

from alignkit.runs import RuntimeOptions, Training, resolve_config
from alignkit.runs.interrupted import interrupted_runs, train_command
from tiny import TINY_MODEL, TINY_TASK, alignkit

CONFIGS = {
    "defaults": {},
    "options": {
        "task": TINY_TASK,
        "placement": "1/2",
        "architecture": TINY_MODEL,
        "training": Training(
            epochs=7,
            learning_rate=3e-5,
            class_weights=True,
            objectives=("task", "mlm=0.5:share=0.2"),
            aux=("cka=0.2:layer=last",),
        ),
        "seed": 3,
        "runtime": RuntimeOptions(
            track=("cka", "mknn:k=3"), track_layers="all", track_every="5s", tensorboard=True
        ),
    },
    "a name": {"placement": "3,4,10"},
    "options of a placement": {"placement": "late:count=4"},
    "by depth": {"placement": "late", "architecture": TINY_MODEL},
    "no fusion": {"placement": "none", "architecture": TINY_MODEL},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_resolves_to_the_same_run(name, tmp_path):
    config = resolve_config(**CONFIGS[name])
    program, *words = shlex.split(train_command(config, tmp_path / "my runs"))
    assert program == "alignkit"
    (planned,) = json.loads(alignkit(*words, "--dry-run", "--json", cwd=tmp_path).stdout)
    assert planned["identity"] == config.identity
    assert planned["conduct"] == config.runtime.to_json()
    assert planned["run"] == str(tmp_path / "my runs" / config.folder)


def test_interrupted_runs_are_listed_beside_trained_ones_and_without_any(tmp_path):
    folder = tmp_path / "runs" / "toy_match" / "late" / "seed0" / "checkpoint" / "step-12"
    folder.mkdir(parents=True)
    state = {"identity": "x", "command": "alignkit train --task toy_match"}
    (folder / "state.json").write_text(json.dumps(state))
    done = alignkit("runs", cwd=tmp_path)
    assert "seed0 was interrupted, 12 steps are stored; resume with: alignkit train --task" in (
        done.stderr
    )
    (folder / "state.json").write_text("{")  # of an earlier version, or damaged
    assert "the alignkit train command that began it" in alignkit("runs", cwd=tmp_path).stderr
    (folder.parents[1] / "train.json").write_text("{}")
    assert not list(interrupted_runs(tmp_path / "runs"))
