"""Pictures, code and weights that change after a step: nothing of theirs is used silently."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from alignkit.alignment.runs import measure_run
from alignkit.chain.evaluate import evaluate
from alignkit.chain.extract import extract
from alignkit.chain.train import train
from alignkit.data.pixels import find_pixels, identity_of_pictures
from alignkit.engines.perform import Notes
from alignkit.errors import DamagedError, DataError
from alignkit.plugins.code import code_of
from alignkit.runs import Run, RuntimeOptions, Training, resolve_config
from alignkit.runs.config import choose_task
from alignkit.runs.inputs import changes_since_training
from alignkit.runs.manifests import entries_of, read_checked, write_checked
from alignkit.runs.verify import repair, verify_run
from alignkit.training.loop import Loop
from tiny import TINY_MODEL, alignkit, without_manifests

WORDS = (
    *("--task", "folder:data", "--placement", "1"),
    *("--architecture", TINY_MODEL, "--epochs", "3", "--batch-size", "4"),
    *("--learning-rate", "0.01"),
)
# Enough to learn the label from the text, so that the weights kept have seen the pictures.
TRAINING = Training(epochs=3, batch_size=4, learning_rate=0.01)
SPLITS = {"train": 16, "validation": 8, "test": 12}


class Listening(Notes):
    def heard(self, *words):
        return any(all(word in line for word in words) for line in self.said)


def paint(path, seed):
    """Draw a picture whose file has the same size whatever it shows."""
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "BMP")


def pictures(root):
    root.mkdir()
    lines = ["image,text,label,split"]
    for split, n in SPLITS.items():
        for number in range(n):
            paint(root / f"{split}{number}.bmp", number)
            label = "ab"[number % 2]
            lines.append(f"{split}{number}.bmp,{label * 3} {number % 3},{label},{split}")
    (root / "table.csv").write_text("\n".join(lines))
    return root


def repaint(split):
    """Replace one picture of a split by another of the same size in bytes."""
    file = Path("data") / f"{split}0.bmp"
    size = file.stat().st_size
    paint(file, 1000)
    assert file.stat().st_size == size


def _config(**options):
    return resolve_config("folder:data", "1", TINY_MODEL, TRAINING, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on pictures, scored, extracted and measured."""
    place = tmp_path_factory.mktemp("stale")
    with contextlib.chdir(place):
        pictures(place / "data")
        run = train(_config(), Path("runs"))
        evaluate(run)
        measure_run(run, ["cka"])
    return place


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    """The run in a copy of the folder, with its data."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return Run(next(Path("runs").glob("*/*/*")))


def test_nothing_is_done_again_where_nothing_has_changed(run):
    heard = Listening()
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.*")}
    train(_config(), Path("runs"), reporter=heard)
    evaluate(run, reporter=heard)
    extract(run, reporter=heard)
    measure_run(run, ["cka"], reporter=heard)
    assert heard.said == [f"{run.path} is already trained; retrain it with `force`"]
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert not changes_since_training(run)
    assert {part.state for part in verify_run(run)} == {"whole"}


def test_what_is_derived_from_changed_pictures_is_made_again(run):
    score, before = run.performance(), run.representation("v01").values.copy()
    values = measure_run(run, ["cka"])["value"]
    repaint("test")
    assert {part.path.name: part.why for part in verify_run(run) if part.state == "stale"} == {
        "performance.json": "scored on test, but the pictures are other ones now",
        "test": "the pictures are other ones now",
    }
    heard = Listening()
    evaluate(run, reporter=heard)
    assert heard.heard("scored on test, but the pictures are other ones now", "scored again")
    assert run.performance()["splits"]["test"]["loss"] != score["splits"]["test"]["loss"]
    assert run.performance()["splits"]["validation"] == score["splits"]["validation"]
    again = measure_run(run, ["cka"], reporter=heard)["value"]
    assert heard.heard("representations on test", "the pictures are other ones now")
    assert not np.allclose(run.representation("v01").values[0], before[0])
    assert np.array_equal(run.representation("v01").values[1:], before[1:])
    assert (again != values).any()
    # The weights saw other pictures, which have not changed.
    assert not changes_since_training(run)
    assert {part.state for part in verify_run(run)} == {"whole"}


def test_weights_of_changed_pictures_are_named_and_trained_again_only_when_asked(run):
    before = run.model_digest
    repaint("train")
    said = "is already trained, but its pictures (train) have changed since; train it again with: "
    done = alignkit("train", *WORDS, cwd=Path.cwd())
    assert said + "alignkit train --retrain" in " ".join(done.stderr.split())
    assert Run(run.path).model_digest == before
    (part,) = [part for part in verify_run(run) if part.state == "stale"]
    assert (part.step, part.why) == ("train", "its pictures (train) have changed since")
    assert not repair(run, part)
    shown = alignkit("runs", "show", run.path, cwd=Path.cwd()).stdout
    assert "its pictures (train) have changed since" in " ".join(shown.split())
    alignkit("train", *WORDS, "--retrain", cwd=Path.cwd())
    again = Run(run.path)
    assert again.model_digest != before
    assert not changes_since_training(again)
    assert "test" not in again.performance()["splits"]
    heard = Listening()
    train(_config(), Path("runs"), reporter=heard, retrain=True)
    assert heard.heard("is already trained; retrain it with `force`")


def _crash_after(patch, step):
    plain = Loop._record

    def crash(self, *args):
        plain(self, *args)
        if self.position.step > step:
            raise KeyboardInterrupt

    patch.setattr(Loop, "_record", crash)


def test_a_checkpoint_of_changed_pictures_is_not_resumed(run, monkeypatch):
    config = _config(seed=1, runtime=RuntimeOptions(checkpoint_every="1"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _crash_after(patch, 2)
        train(config, Path("runs"))
    other = Run(Path("runs") / config.folder)
    assert list(other.path.glob("checkpoint/step-*/state.json"))
    repaint("train")
    with pytest.raises(DataError, match=r"its pictures \(train\) have changed since.*--retrain"):
        train(config, Path("runs"))
    heard = Listening()
    train(config, Path("runs"), reporter=heard, retrain=True)
    assert not heard.heard("resuming")
    assert not changes_since_training(other)


def test_kept_pixels_of_changed_pictures_are_not_used(run):
    alignkit("data", "cache", "folder", "data", "--architecture", TINY_MODEL, cwd=Path.cwd())
    task = choose_task("folder:data").make()
    split = task.split("test")
    inputs = _config().architecture.make().inputs(split.texts)

    def kept():
        return find_pixels(split, inputs, "test", lambda: identity_of_pictures(task, "test"))

    assert kept() is not None
    repaint("test")
    assert kept() is None
    alignkit("data", "cache", "folder", "data", "--architecture", TINY_MODEL, cwd=Path.cwd())
    assert np.array_equal(kept()[0], inputs.pixels(split.image(0)))


def test_an_unfinished_extraction_of_changed_pictures_is_begun_anew(run, monkeypatch):
    whole = extract(run, "validation")
    before = run.representation("v01", "validation").values.copy()
    shutil.rmtree(run.representations_folder("validation"))

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("alignkit.chain.shards.Shards.join", crash)
        extract(run, "validation")
    assert list(run.path.glob("representations/.validation.shards/0*"))
    repaint("validation")
    assert extract(run, "validation") == whole
    assert not np.allclose(run.representation("v01", "validation").values[0], before[0])


def test_replaced_weights_are_refused_although_scores_are_stored(run):
    scores = evaluate(run)
    held = bytearray(run.model_file.read_bytes())
    held[-1] ^= 1
    run.model_file.write_bytes(held)
    for step in (evaluate, extract):
        with pytest.raises(DamagedError, match="its content is not what was written"):
            step(Run(run.path))
    held[-1] ^= 1
    run.model_file.write_bytes(held)
    assert evaluate(Run(run.path)) == scores


def test_stored_scores_of_other_weights_are_made_again(run):
    stored = evaluate(run)
    weights = {name: -value for name, value in load_file(run.model_file).items()}
    save_file(weights, run.model_file)
    manifest = read_checked(run.train_manifest)
    manifest["files"] |= entries_of(run.path, ["model.safetensors"])
    manifest["model_sha256"] = manifest["files"]["model.safetensors"]["sha256"]
    write_checked(run.train_manifest, manifest)
    heard = Listening()
    scores = evaluate(Run(run.path), reporter=heard)
    assert heard.heard("scored on test, but the weights are other ones now")
    assert scores["loss"] != stored["loss"]
    heard = Listening()
    assert evaluate(Run(run.path), reporter=heard) == scores
    assert not heard.said


def test_runs_without_digests_are_used_as_they_are(run):
    score = evaluate(run)
    without_manifests(run.path)
    repaint("test")
    repaint("train")
    heard = Listening()
    assert evaluate(run, reporter=heard) == score
    measure_run(run, ["cka"], reporter=heard)
    train(_config(), Path("runs"), reporter=heard)
    assert heard.said == [f"{run.path} is already trained; retrain it with `force`"]
    assert {part.state for part in verify_run(run)} == {"unverified"}


def test_stored_results_are_used_where_the_data_are_gone(run):
    score = evaluate(run)
    Path("data").rename("elsewhere")
    assert evaluate(run) == score
    assert extract(run)["n"] == SPLITS["test"]
    assert not changes_since_training(run)


def test_code_of_a_plugin_that_has_changed_makes_weights_stale(run, monkeypatch):
    before = changes_since_training(run)
    monkeypatch.setattr(
        "alignkit.runs.inputs.code_of",
        lambda entry: "another" if entry.name == "vilbert" else code_of(entry),
    )
    assert not before
    assert changes_since_training(run) == ["the code of its architecture vilbert has changed since"]
    listed = alignkit("runs", "list", cwd=Path.cwd()).stdout
    assert "the code of its architecture vilbert has changed since" in " ".join(listed.split())
    heard = Listening()
    train(_config(), Path("runs"), reporter=heard)
    assert heard.heard("is already trained, but the code of its architecture vilbert has changed")
    monkeypatch.undo()


def test_weights_to_start_from_that_have_changed_make_a_run_stale(run):
    config = _config(init=run.path)
    second = train(config, Path("runs"))
    assert second.inputs["init"] == run.model_digest
    assert not changes_since_training(second)
    repaint("train")
    train(_config(), Path("runs"), retrain=True)
    assert changes_since_training(second) == [
        "its pictures (train) have changed since",
        "the run that it started from has other weights now",
    ]
    train(config, Path("runs"), retrain=True)
    assert not changes_since_training(Run(second.path))


def test_a_renamed_folder_of_data_is_the_same_run(run):
    """Its name is part of the folder of the run, but not of the run."""
    Path("data").rename("moved")
    before = {path: path.stat().st_mtime_ns for path in run.path.glob("*.safetensors")}
    words = ("--task", "folder:moved", *WORDS[2:])
    planned = alignkit("train", *words, "--dry-run", "--json", cwd=Path.cwd()).stdout
    assert [(row["run"], row["trained"]) for row in json.loads(planned)] == [(str(run.path), True)]
    done = alignkit("train", *words, cwd=Path.cwd())
    assert done.stdout.split() == [str(run.path)]
    assert f"{run.path} is this run, of data that had another name" in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert not Path("runs/folder-moved").exists()
    alignkit("evaluate", run.path, "--split", "validation", "--force", cwd=Path.cwd())
    other = resolve_config("folder:moved", "1", TINY_MODEL, TRAINING, seed=1)
    assert train(other, Path("runs")).path == Path("runs") / other.folder


def test_a_checkpoint_is_resumed_after_the_data_were_renamed(run, monkeypatch):
    config = _config(seed=1, runtime=RuntimeOptions(checkpoint_every="1"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _crash_after(patch, 2)
        train(config, Path("runs"))
    Path("data").rename("moved")
    heard = Listening()
    moved = resolve_config("folder:moved", "1", TINY_MODEL, TRAINING, seed=1)
    again = train(moved, Path("runs"), reporter=heard)
    assert again.path == Path("runs") / config.folder
    assert heard.heard("resuming from step")


STUDY = f"""
[grid]
tasks = ["folder:DATA"]
placements = ["1"]
seeds = [0]
[options]
architecture = "{TINY_MODEL}"
epochs = 3
batch_size = 4
learning_rate = 0.01
[evaluate]
splits = ["test"]
[extract]
splits = ["test"]
[measure]
splits = ["test"]
metrics = ["cka"]
"""


def _study(folder):
    Path("study.toml").write_text(STUDY.replace("DATA", folder))
    return alignkit("study", "plan", "study.toml", "--json", cwd=Path.cwd())


def test_a_study_makes_again_what_has_changed_and_names_stale_runs(run):
    (planned,) = json.loads(_study("data").stdout)["runs"]
    assert set(planned["steps"].values()) == {"done"}
    repaint("test")
    (planned,) = json.loads(_study("data").stdout)["runs"]
    assert {name.split()[0]: state for name, state in planned["steps"].items()} == {
        "train": "done",
        "evaluate": "missing",
        "extract": "missing",
        "measure": "missing",
    }
    alignkit("study", "run", "study.toml", cwd=Path.cwd())
    (planned,) = json.loads(_study("data").stdout)["runs"]
    assert set(planned["steps"].values()) == {"done"}
    repaint("train")
    done = alignkit("study", "run", "study.toml", cwd=Path.cwd())
    assert "trained already, but its pictures (train) have changed since" in done.stderr
    alignkit("runs", "verify", "--repair", "--retrain", cwd=Path.cwd())
    (planned,) = json.loads(_study("data").stdout)["runs"]
    assert planned["steps"]["train"] == "missing"


def test_a_study_goes_on_after_the_data_were_renamed(run):
    before = run.model_digest
    shutil.rmtree(run.path / "representations")
    shutil.rmtree(run.path / "alignment")
    Path("data").rename("moved")
    (planned,) = json.loads(_study("moved").stdout)["runs"]
    assert planned["run"] == str(run.path.relative_to("runs"))
    alignkit("study", "run", "study.toml", cwd=Path.cwd())
    (planned,) = json.loads(_study("moved").stdout)["runs"]
    assert set(planned["steps"].values()) == {"done"}
    assert Run(run.path).model_digest == before
    assert not Path("runs/folder-moved").exists()


def _explained(*words):
    """What a command says of units of work, without their names."""
    said = alignkit(*words, "--explain", cwd=Path.cwd()).stderr
    return [line for line in said.splitlines() if ": done, as " in line or ": not done ag" in line]


def test_every_step_says_why_it_is_or_is_not_done_again(run):
    same = "of the weights and pictures that are there now"
    assert _explained("train", *WORDS) == [
        f"train {run.path}: not done again, as it is trained, and nothing that it was made from "
        "has changed"
    ]
    assert _explained("evaluate") == [
        f"evaluate {run.path} on test: not done again, as the stored scores are {same}"
    ]
    assert _explained("extract") == [
        f"extract {run.path} on test: not done again, as the stored representations are {same}"
    ]
    assert _explained("extract", "--jobs", "2") == _explained("extract")
    (stored, new) = _explained("measure", "--metric", "cka", "--metric", "rsa")
    assert stored.startswith(f"measure {run.path}/alignment/test/cka.cls.csv: not done again, as ")
    assert stored.endswith("values are stored")
    assert re.search(r"rsa.cls.csv: done, as (\d+) of \1 values are not stored as they are", new)
    repaint("test")
    other = "done, as the pictures are other ones now"
    assert _explained("evaluate") == [f"evaluate {run.path} on test: {other}"]
    extract_line, measure_line = _explained("measure", "--metric", "cka")
    assert extract_line == f"extract {run.path} on test: {other}"
    assert "cka.cls.csv: done, as " in measure_line
    repaint("train")
    (line,) = _explained("train", *WORDS, "--dry-run")
    assert line.endswith(
        "not done again, as it is trained, and its pictures (train) have changed since; weights "
        "are trained again only with --retrain"
    )
    (line,) = _explained("train", *WORDS, "--dry-run", "--retrain")
    assert line == f"train {run.path}: done, as its pictures (train) have changed since"
    (line,) = _explained("train", *WORDS, "--dry-run", "--seed", "1")
    assert line.endswith(": done, as it is not trained yet")
    Path("data").rename("elsewhere")
    (line,) = _explained("evaluate")
    assert line.endswith("; the pictures are not compared, as the data are not here")


def test_a_study_says_why_each_step_is_or_is_not_done(run):
    _study("data")
    name = run.path.relative_to("runs")
    repaint("test")
    other = "done, as the pictures are other ones now"
    lines = _explained("study", "plan", "study.toml")
    assert lines == [
        f"train of {name}: not done again, as it is done",
        f"evaluate test of {name}: {other}",
        f"extract test of {name}: {other}",
        f"measure test cls of {name}: done, as values are not stored as they are asked for, or "
        "are stale",
    ]
    assert _explained("study", "run", "study.toml") == lines
    assert all(
        "not done again, as it is done" in line
        for line in _explained("study", "plan", "study.toml")
    )
