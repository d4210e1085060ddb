"""A run directory that an earlier version wrote (``stored/``) is read, listed and left as it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import runs_table
from alignkit.chain.evaluate import evaluate
from alignkit.chain.extract import extract
from alignkit.chain.train import train
from alignkit.engines.perform import Notes
from alignkit.runs import Training, load_run, load_runs, resolve_config
from tiny import alignkit

STORED = Path(__file__).parent / "stored"
FOLDER = "toy_unique/at_1/seed0-59708105"
IDENTITY = "2b09b86c94f162ea7e7722d53f90130b62dd59313ade08d5107204b57d4fe30e"
TASK = "toy_unique:n_train=24,n_validation=12,n_test=16"
MODEL = (
    "vilbert:depth=2,width=8,heads=2,feedforward=8,"
    "fusion_width=8,fusion_heads=2,fusion_feedforward=8"
)


@pytest.fixture
def root(tmp_path):
    """A copy of the folder of runs."""
    shutil.copytree(STORED, tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def run(root):
    return load_run(root / FOLDER)


def bytes_of(root):
    """The content of every file but locks, which have none, and indexes, which are derived."""
    files = (
        path
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock" and ".index" not in path.parts
    )
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_the_identity_and_the_folder_are_unchanged(run):
    assert run.stored["identity"] == run.config.identity == IDENTITY
    assert run.unit == run.config.unit
    assert run.config.folder == FOLDER
    asked = resolve_config(TASK, "1", MODEL, Training(epochs=1))
    assert asked.identity == IDENTITY
    assert asked.folder == FOLDER


def test_the_configuration_is_read_and_written_alike(run):
    assert (run.task, run.placement, run.seed) == ("toy_unique", "at_1", 0)
    assert run.config.training == Training(epochs=1)
    assert run.config.architecture.options["depth"] == 2
    written = run.config.to_json()
    kept = {key: run.stored[key] for key in written if key != "data"}
    kept["conduct"] |= {"track_layers": "same", "track_streams": "cross"}  # options since then
    assert {key: value for key, value in written.items() if key != "data"} == kept
    assert written["data"]["fingerprint"] == run.stored["data"]["fingerprint"]


def test_scores_and_history_are_read(run):
    assert run.is_trained
    assert run.performance()["primary"] == "accuracy"
    assert run.performance()["splits"]["validation"]["accuracy"] == 0.25
    history = run.history()
    assert history["split"].tolist() == ["validation", "train", "validation"]
    assert history["loss"].notna().all()


def test_representations_are_read_with_their_ids(run):
    index = run.representation_index("test")
    assert index["sites"] == ["t.in", "v.in", "t00", "v00", "t.f0", "v.f0", "t01", "v01"]
    for site in index["sites"]:
        for pool in ("cls", "mean"):
            representation = run.representation(site, "test", pool)
            assert representation.values.shape == (16, 8)
            assert np.isfinite(representation.values).all()
            assert list(representation.ids) == [f"test-{i:05}" for i in range(16)]


def test_alignment_is_read(run):
    table = run.alignment().set_index(["metric", "parameters", "x", "y"])["value"]
    assert len(table.xs("unbiased_cka")) == 9
    assert len(table.xs(("mknn", "distance=cosine,k=3"))) == 9
    assert table["cka", "normed=false", "t01", "v01"] == 0.5121809750769861


@pytest.mark.slow
def test_every_step_finds_its_work_done(run, root, monkeypatch):
    before = bytes_of(root)
    for work in ("chain.train._train", "chain.extract._Extraction", "chain.model.load"):
        monkeypatch.setattr(f"alignkit.{work}", lambda *_, **__: pytest.fail("worked again"))
    assert train(run.config, root).path == run.path
    assert evaluate(run)["n"] == 16
    extract(run)
    assert len(measure_run(run, ["unbiased_cka"])) == 9
    assert len(measure_run(run, ["cka"], layers="last")) == 1
    best = measure_run(run, ["cka"], layers="max-pair", null=20)
    assert best["value"].tolist() == [0.6148931373545528]
    assert bytes_of(root) == before


def test_values_of_an_older_version_of_a_metric_are_measured_again(run):
    reporter = Notes()
    table = measure_run(run, ["mknn:k=3", "unbiased_cka"], reporter=reporter)
    again = [text for text in reporter.said if "measured again" in text]
    assert len(again) == 1
    assert "9 stored value(s) of mknn:k=3" in again[0]
    assert "of version 1 of the metric, and the installed one is version 2" in again[0]
    assert table.groupby("metric")["version"].first().to_dict() == {"mknn": 2, "unbiased_cka": 1}
    measure_run(run, ["mknn:k=3"], reporter=reporter)
    assert len([text for text in reporter.said if "measured again" in text]) == 1
    versions = run.alignment().groupby(["metric", "parameters"])["version"].agg(["min", "max"])
    assert versions.loc[("mknn", "distance=cosine,k=3")].tolist() == [2, 2]
    assert versions.loc[("mknn", "distance=cosine,k=10")].tolist() == [1, 1]


def test_a_command_says_once_what_is_measured_again(root, tmp_path):
    shutil.copytree(root / FOLDER, root / "toy_unique/at_1/seed1-copy")
    words = ("measure", *sorted(root.glob("*/*/seed*")), "-m", "mknn:k=3", "--layers", "same")
    said = [
        line
        for line in alignkit(*words, cwd=tmp_path).stderr.splitlines()
        if "measured again" in line
    ]
    assert said == [
        "note: 4 stored value(s) in 2 file(s) were of another version of their metric, and were "
        "measured again: mknn:k=3 (version 1, now 2)"
    ]
    assert "again" not in alignkit(*words, cwd=tmp_path).stderr


def test_it_is_listed_and_shown(root):
    (row,) = json.loads(alignkit("runs", "--runs", root, "--json", cwd=root).stdout)
    assert row["placement"] == "at_1"
    assert row["representations"] == ["test"]
    assert {"cka", "unbiased_cka"} <= set(row["alignment"])
    page = json.loads(alignkit("runs", "show", root / FOLDER, "--json", cwd=root).stdout)
    assert page["identity"] == IDENTITY


def test_it_is_joined_and_correlated(root):
    runs = load_runs(root)
    before = bytes_of(root)
    table = runs_table(runs, TableOptions(("cka", "unbiased_cka")))
    assert table["accuracy"].tolist() == [0.0]
    assert table["cka"].tolist() == [0.5121809750769861]
    found, _ = correlate_runs(runs, TableOptions(("cka",)))
    assert found.table["n"].tolist() == [1]
    assert bytes_of(root) == before
