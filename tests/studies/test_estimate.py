"""What a study needs, estimated from models and data before any run is done."""

import json

import pytest

from alignkit.cli.printing.study import _duration
from alignkit.errors import DataError
from alignkit.studies.estimate import GUESSED_BYTES
from alignkit.studies.sizes import _published
from tiny import alignkit
from tiny_study import write_study


def _estimate(file, cwd, *words):
    plan = alignkit("study", "plan", file, "--json", *words, cwd=cwd)
    return json.loads(plan.stdout)["estimate"]


@pytest.fixture(autouse=True)
def _no_download(monkeypatch):
    def absent(name, *_):
        raise DataError(f"{name} is not on this machine")

    monkeypatch.setattr("alignkit_vilbert.named.fetched_folder", absent)


def _named(tmp_path, architecture="", more=""):
    """Write a study of Hateful Memes without its data and without the files of its models."""
    file = tmp_path / "named.toml"
    models = "text_model=bert-base-uncased,vision_model=vit_base_patch16_224" + architecture
    file.write_text(
        '[grid]\ntasks = ["hateful_memes"]\nplacements = ["late"]\n'
        f'[options]\narchitecture = "vilbert:{models}"\ndata = "nowhere"\nepochs = 9\n'
        f'[measure]\nmetrics = ["cka"]\n{more}'
    )
    return file


def test_the_study_itself_is_estimated_from_its_models_without_data_or_files(tmp_path):
    file = _named(tmp_path)
    cpu, gpu = _estimate(file, tmp_path), _estimate(file, tmp_path, "--gpus", "1")
    for left in (cpu, gpu):
        assert "243 million parameters" in left["seconds_from"]
        assert "guess" not in left["seconds_from"] + left["bytes_from"]
    # 8500 memes, 9 times: at least 2 s each on a CPU, and some minutes to hours on a GPU.
    assert cpu["seconds"] > 8500 * 9 * 1.5
    assert 300 < gpu["seconds"] < 3 * 3600
    # Weights of 0.97 GB, 2000 memes at 32 sites of width 768, and a checkpoint of four times that.
    weights, representations = 4 * 243e6, 4 * 2000 * 32 * 768
    assert cpu["bytes"] == pytest.approx(5 * weights + representations, rel=0.02)
    longer = _named(tmp_path, more="")
    longer.write_text(longer.read_text().replace("epochs = 9", "epochs = 18"))
    assert _estimate(longer, tmp_path)["seconds"] == pytest.approx(2 * cpu["seconds"], rel=0.05)


def test_an_architecture_that_gives_no_size_leaves_a_guess(tmp_path, monkeypatch):
    from alignkit_vilbert.two_stream import TwoStream

    monkeypatch.delattr(TwoStream, "size")
    file = write_study(tmp_path)
    left = _estimate(file, tmp_path)
    assert left["seconds_from"] == "a rough guess of 1 minute per epoch"
    assert left["bytes_from"] == "a rough guess of 1 GB for 8 runs"
    assert left["bytes"] == 8 * GUESSED_BYTES


def test_samples_are_those_published_where_the_data_are_missing():
    published = {"train+validation": (67972, 67988), "test": 22716}
    assert _published(published, "test") == 22716
    assert _published(published, "train") + _published(published, "validation") == 67972
    assert _published({}, "test") is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30 s"), (600, "10 min"), (7260, "2 h 1 min"), (864000, "10 days")]
)
def test_a_duration_is_given_in_a_unit_that_fits(seconds, text):
    assert _duration(seconds) == text
