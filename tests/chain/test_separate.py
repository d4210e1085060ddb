"""Runs of two separate encoders, which earlier versions stored: measured, never scored."""

from dataclasses import replace

import pytest

import alignkit
from alignkit.chain.model import build, make_repeatable, outputs_of, save
from alignkit.models.placement import Placement
from alignkit.runs import Run, Training, resolve_config
from alignkit.runs.files import sha256_of, write_json
from named_models import text_folder, vision_folder
from tiny import TINY_TASK, train_tiny
from tiny import alignkit as command

REASON = "its encoders are separate and were not trained on the task"


@pytest.fixture
def run(tmp_path):
    """A run with the files that `extract --text-model --vision-model` wrote."""
    models = {
        "text_model": text_folder(tmp_path / "text"),
        "vision_model": vision_folder(tmp_path / "vision"),
    }
    config = resolve_config(TINY_TASK, ",", None, None, 0, options=models)
    config = replace(config, placement=Placement([], [], "separate"), training=Training(epochs=0))
    run = Run(tmp_path / "runs" / config.folder)
    make_repeatable(config.seed, config.training.threads)
    task = config.task.make()
    inputs = config.architecture.make().inputs(task.split("train").texts)
    model, _ = build(config, outputs_of(task), inputs)
    stored = config.to_json()
    stored["data"] |= {"labels": list(task.target.labels)}
    run.path.mkdir(parents=True)
    write_json(run.path / "config.json", stored)
    save(run, model, inputs)
    scores = {"primary": task.target.primary, "splits": {}, "unscored": REASON}
    write_json(run.performance_file, scores)
    write_json(run.train_manifest, {"model_sha256": sha256_of(run.model_file)})
    return run


@pytest.mark.slow
def test_measure_works_and_scores_are_absent_with_a_reason(run, tmp_path):
    name = str(run.path.relative_to(tmp_path))
    words = ("measure", "--placement", "separate", "--metric", "cka", "--layers", "last")
    assert '"value": ' in command(*words, "--json", cwd=tmp_path).stdout
    done = command("evaluate", name, cwd=tmp_path, code=1)
    assert "has no scores: its encoders are separate" in done.stderr
    done = command("correlate", "--metric", "cka", cwd=tmp_path, code=1)
    assert "no run has scores: its encoders are separate" in done.stderr
    assert "train a run that has: alignkit train" in done.stderr
    train_tiny(tmp_path / "runs", "1")
    done = command("correlate", "--metric", "cka", cwd=tmp_path)
    assert f"{name} is left out: its encoders are separate" in done.stderr
    assert alignkit.load_run(run.path).unscored
    assert name in command("runs", "--json", cwd=tmp_path).stdout


def test_another_split_is_extracted_without_the_folders_of_the_models(run, tmp_path):
    import shutil

    shutil.rmtree(tmp_path / "text")
    shutil.rmtree(tmp_path / "vision")
    folder = command("extract", run.path, "--split", "validation", cwd=tmp_path).stdout.strip()
    assert (tmp_path / folder / "index.json").is_file()
    assert [site for site in run.representation_index("validation")["sites"] if ".f" in site] == []
