"""Encoders on the command line: stored once, compared as a grid of grids."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import tiny_models as tiny
from tiny import alignkit, alignkit_process, digest, killed_while_encoding

pytestmark = pytest.mark.slow

TASK = "toy_match:n_train=8,n_validation=8,n_test=300"
TEXT_KINDS, VISION_KINDS = ("bert", "gpt2", "albert"), ("vit", "resnet", "swin")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in TEXT_KINDS:
        tiny.text_model(folder / kind, kind)
    for kind in VISION_KINDS:
        tiny.vision_model(folder / kind, kind)
    return folder


def specs(models):
    kinds = (*TEXT_KINDS, *VISION_KINDS)
    return [word for kind in kinds for word in ("--encoder", f"hf:{models}/{kind}")]


@pytest.fixture(scope="module")
def stored(models, tmp_path_factory):
    place = tmp_path_factory.mktemp("stored")
    words = ("extract", "--task", TASK, *specs(models), "--json")
    rows = json.loads(alignkit(*words, cwd=place).stdout)
    assert len(rows) == 6
    return place


def test_six_extractions_make_nine_comparisons(stored, models):
    words = ("measure", "--encoder", "*", "--layers", "max-pair", "--null", "20")
    rows = json.loads(alignkit(*words, "--json", cwd=stored).stdout)
    pairs = {(row["x_encoder"].split("@")[0], row["y_encoder"].split("@")[0]) for row in rows}
    assert pairs == {(x, y) for x in TEXT_KINDS for y in VISION_KINDS}
    assert all(row["n"] == 300 and 0 < row["p"] <= 1 for row in rows)
    shown = alignkit(*words, cwd=stored).stdout
    assert "p <= 0.05 in" in shown
    assert "bert@" in shown
    before = digest(stored / "encoders")
    again = alignkit("extract", "--task", TASK, *specs(models), cwd=stored)
    assert digest(stored / "encoders") == before
    assert "sites x" not in again.stderr


def test_pairs_of_one_stream(stored):
    words = ("measure", "--encoder", "*", "--streams", "text", "--layers", "last", "--json")
    rows = json.loads(alignkit(*words, cwd=stored).stdout)
    assert len(rows) == 3
    assert {row["x"] for row in rows} <= {"final", "embedding"}


def test_classes_and_groups_of_the_samples_are_known(stored):
    words = ("measure", "-e", "bert", "-e", "vit", "--layers", "last", "-m", "mknn", "--json")
    rows = json.loads(alignkit(*words, "--within", "label", cwd=stored).stdout)
    assert {row["within"] for row in rows} == {"", "label"}
    rows = json.loads(alignkit(*words, "--groups", "text", cwd=stored).stdout)
    assert {row["groups"] for row in rows} == {"text"}


@pytest.fixture(scope="module")
def captions(models, tmp_path_factory):
    """Three encoders on twelve pictures with five captions each, as ``folder:`` reads them."""
    place = tmp_path_factory.mktemp("captions")
    rng = np.random.default_rng(0)
    lines = ["image,caption,split"]
    for picture in range(12):
        noise = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(place / f"{picture}.png")
        common = " ".join(rng.choice(tiny.WORDS[5:], 4))
        lines += [f"{picture}.png,{common} {word},test" for word in tiny.WORDS[:5]]
    (place / "data.csv").write_text("\n".join(lines))
    encoders = [f"hf:{models}/{kind}" for kind in ("bert", "gpt2", "vit")]
    words = [word for spec in encoders for word in ("--encoder", spec)]
    alignkit("extract", "--task", f"folder:{place}/data.csv", *words, cwd=place)
    return place


def test_captions_of_one_picture_are_permuted_together(captions):
    """Pictures that do not differ within a group make the plain null too narrow."""
    words = ("measure", "-e", "bert", "-e", "vit", "--layers", "last", "--json", "-m", "cka")
    words += ("--null", "200")
    (plain,) = json.loads(alignkit(*words, cwd=captions).stdout)
    (grouped,) = json.loads(alignkit(*words, "--groups", "image", cwd=captions).stdout)
    assert (plain["value"], plain["n"]) == (grouped["value"], 60)
    assert grouped["null_mean"] > 2 * plain["null_mean"]
    assert grouped["p"] > plain["p"] == 1 / 201


def test_the_picture_is_known_to_text_encoders_from_those_of_vision(captions, tmp_path):
    words = ("measure", "-e", "bert", "-e", "gpt2", "--streams", "text", "--layers", "last")
    words += ("--groups", "image", "--json", "-m", "mknn:k=3")
    (row,) = json.loads(alignkit(*words, cwd=captions).stdout)
    assert row["groups"] == "image"
    shutil.copytree(captions / "encoders", tmp_path / "encoders")
    (vision,) = tmp_path.glob("encoders/*/vit@*")
    shutil.rmtree(vision)
    done = alignkit(*words, cwd=tmp_path, code=2)
    assert "stores no fact 'image' of its samples; known: text" in done.stderr
    assert "is stored with encoders of vision: alignkit extract --encoder SPEC" in done.stderr


def test_one_encoder_that_fails_does_not_stop_the_others(models, tmp_path):
    words = ("--encoder", f"hf:{models}/bert", "--encoder", "hf:/nowhere", "--encoder", "hf:./x")
    done = alignkit("extract", "--task", TASK, *words, cwd=tmp_path, code=1)
    assert len(done.stdout.splitlines()) == 1
    assert "hf:/nowhere is left out: there is no folder /nowhere" in done.stderr
    assert "2 of 3 extractions failed" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("extract", "--encoder", "hf"), "encoders need --task"),
        (("extract", "--encoder", "hf", "--task", TASK), "name a model"),
        (("extract", "--encoder", "hg:x", "--task", TASK), "unknown encoder 'hg'; known: effic"),
        (("extract", "--encoder", "hf:x", "--task", TASK, "--placement", "late"), "only to runs"),
        (("extract", "--batch-size", "3"), "applies only to encoders; name one with --encoder"),
        (("measure", "--encoder", "x"), "no stored encoder on test under encoders matches 'x'"),
        (("measure", "--encoder", "x", "runs/a"), "does not go with --encoder"),
    ],
)
def test_mistakes_are_one_line(tmp_path, words, message):
    done = alignkit(*words, cwd=tmp_path, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pooling_is_refused_with_the_reason(models, tmp_path):
    words = ("extract", "--task", TASK, "--encoder", f"hf:{models}/resnet", "--pool", "cls")
    done = alignkit(*words, cwd=tmp_path, code=2)
    assert "a feature map has no class token" in done.stderr


def test_a_kill_in_the_middle_gives_the_same_bytes(models, tmp_path):
    words = ["extract", "--task", TASK, "--encoder", f"hf:{models}/vit", "--batch-size", "16"]
    words += ["--shard-size", "16", "--device", "cpu"]
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    alignkit_process(*words, cwd=tmp_path / "whole")
    killed_while_encoding(
        words, "encoders/*/*/representations/.test.shards/0*-*/", tmp_path / "cut"
    )
    alignkit_process(*words, cwd=tmp_path / "cut")
    assert digest(tmp_path / "cut" / "encoders") == digest(tmp_path / "whole" / "encoders")


def test_pairs_without_labels_are_enough(models, tmp_path):
    from PIL import Image

    (tmp_path / "pairs").mkdir()
    rows = ["image,text", *(f"{i}.png,a red disc {i}" for i in range(40))]
    (tmp_path / "pairs" / "data.csv").write_text("\n".join(rows) + "\n")
    for i in range(40):
        Image.new("RGB", (9, 8), (i, 0, 0)).save(tmp_path / "pairs" / f"{i}.png")
    pair = ("--encoder", f"hf:{models}/bert", "--encoder", f"hf:{models}/vit")
    done = alignkit("extract", "--task", "folder:pairs", *pair, cwd=tmp_path)
    assert len(done.stdout.splitlines()) == 2
