"""``alignkit data``, and tasks that are named by a path."""

import csv
import json
import shutil

import pytest
from PIL import Image

from named_models import text_folder, vision_folder
from tiny import TINY_MODEL, TINY_TASK, alignkit

TRAIN = ("--architecture", TINY_MODEL, "--placement", "1", "--epochs", "1")


@pytest.fixture
def mine(tmp_path):
    """Somebody's own table, and pictures."""
    root = tmp_path / "My pictures"
    (root / "img").mkdir(parents=True)
    with (root / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "caption", "label"])
        for i in range(48):
            label = ("red", "blue")[i % 2]
            Image.new("RGB", (16, 12), label).save(root / f"img/{i}.png")
            writer.writerow([f"s{i}", f"img/{i}.png", f"a {label} thing {i}", label])
    return root


def test_info_counts(tmp_path):
    done = alignkit("data", "info", TINY_TASK, "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert [(row["split"], row["listed"]) for row in found["splits"]] == [
        ("train", 64),
        ("validation", 32),
        ("test", 48),
    ]
    assert found["problems"] == []
    table = alignkit("data", "info", TINY_TASK, cwd=tmp_path).stdout
    assert "repeated_texts" in table
    assert "missing" not in table


def test_verify_exits_with_1_and_lists_what_is_wrong(mine, tmp_path):
    assert "no problems found" in alignkit("data", "verify", "folder", mine, cwd=tmp_path).stdout
    (mine / "img/3.png").write_bytes((mine / "img/3.png").read_bytes()[:40])
    (mine / "img/4.png").unlink()
    done = alignkit("data", "verify", f"folder:{mine}", cwd=tmp_path, code=1)
    assert "picture of sample s3" in done.stdout
    assert "picture of sample s4" in done.stdout
    assert "images missing, such as" in done.stdout
    done = alignkit("data", "verify", f"folder:{mine}", "--json", cwd=tmp_path, code=1)
    found = json.loads(done.stdout)
    assert {(p["id"], p["fault"]) for p in found["pictures"]} == {
        ("s3", "broken"),
        ("s4", "missing"),
    }
    assert sum(row["missing"] for row in found["splits"]) == 1


def test_verify_without_data_is_one_line(tmp_path):
    done = alignkit("data", "verify", "mm_imdb", "absent", cwd=tmp_path, code=1)
    assert done.stderr.startswith("Error: mm_imdb: there is no folder absent; expected: ")
    assert done.stderr.count("\n") == 1
    done = alignkit("data", "verify", "toy_match", "x", cwd=tmp_path, code=2)
    assert "does not read a folder" in done.stderr


def test_control_characters_in_data_do_not_reach_the_terminal(mine, tmp_path):
    (mine / "data.csv").write_text(
        "id,image,text,label\n\x1b[31mred,img/x.png,a,b\n1,img/1.png,a,c\n"
    )
    done = alignkit("data", "verify", "folder", mine, cwd=tmp_path, code=1)
    assert "\x1b" not in done.stdout
    assert r"\x1b[31mred" in done.stdout


def test_cache_prints_the_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "kept"))
    done = alignkit(
        "data", "cache", TINY_TASK, "--architecture", TINY_MODEL, "--split", "test", cwd=tmp_path
    )
    (folder,) = done.stdout.split()
    assert folder.startswith(str(tmp_path / "kept"))
    again = alignkit("data", "cache", TINY_TASK, "-a", TINY_MODEL, "--json", cwd=tmp_path)
    assert [(row["split"], row["n"]) for row in json.loads(again.stdout)] == [
        ("train", 64),
        ("validation", 32),
        ("test", 48),
    ]
    assert f"{folder} exists already" in again.stderr


@pytest.mark.slow
def test_the_advice_about_broken_pictures_can_be_followed(mine, tmp_path):
    """What it says to type names the folder too."""
    mine = mine.rename(tmp_path / "mine")
    (mine / "img/3.png").unlink()
    done = alignkit("train", "--task", f"folder:{mine}", *TRAIN, cwd=tmp_path, code=1)
    task = done.stderr.partition("use --task ")[2].partition(" or ")[0]
    assert task == f"folder:{mine},images=skip"
    check = done.stderr.strip().partition("see: alignkit ")[2].split()
    assert alignkit(*check, cwd=tmp_path, code=1).stdout
    assert not (tmp_path / "runs").exists()
    alignkit("train", "--task", task, *TRAIN, cwd=tmp_path)


@pytest.mark.slow
def test_a_named_vision_model_takes_kept_pixels(mine, tmp_path, monkeypatch):
    """The same bytes as without them, and no picture is decoded again."""
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "kept"))
    text, vision = text_folder(tmp_path / "t"), vision_folder(tmp_path / "v", size=16)
    words = [
        "--task",
        f"folder:{mine}",
        "--text-model",
        text,
        "--vision-model",
        vision,
        "--placement",
        "1",
        "--epochs",
        "1",
    ]
    fresh = alignkit("train", *words, "--runs", "fresh", cwd=tmp_path).stdout.strip()
    alignkit("data", "cache", f"folder:{mine}", "--vision-model", vision, cwd=tmp_path)
    monkeypatch.setattr(
        "alignkit_vilbert.images.ImageTransform.pixels", lambda *_: pytest.fail("decoded again")
    )
    kept = alignkit("train", *words, "--runs", "kept", cwd=tmp_path).stdout.strip()
    for file in ("model.safetensors", "history.csv", "performance.json"):
        assert (tmp_path / kept / file).read_bytes() == (tmp_path / fresh / file).read_bytes()


def test_models_that_cut_pictures_alike_share_pixels(mine, tmp_path, monkeypatch):
    """Whatever their weights; another crop or size has pixels of its own."""
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "kept"))

    def folder(*words):
        done = alignkit("data", "cache", f"folder:{mine}", "--split", "test", *words, cwd=tmp_path)
        return done.stdout.strip()

    vision = vision_folder(tmp_path / "v", size=32)
    first = folder("--vision-model", vision)
    assert folder("--vision-model", vision_folder(tmp_path / "w", size=32, seed=1)) == first
    assert folder("-a", f"vilbert:vision_model={vision},fit=squash") != first
    assert folder("-a", f"vilbert:vision_model={vision},fit=squash") == folder()
    assert folder("--vision-model", "test_vit", "--from-scratch") != first  # 160 pixels


@pytest.mark.slow
@pytest.mark.parametrize("form", ["folder:{}", "folder:{}/data.csv,text=caption"])
def test_a_path_is_a_task(mine, tmp_path, form):
    done = alignkit("train", "--task", form.format(mine), *TRAIN, cwd=tmp_path)
    name = "folder-data" if "csv" in form else "folder-my_pictures"
    assert done.stdout.startswith(f"runs/{name}/at_1/seed0")
    config = json.loads((tmp_path / done.stdout.strip() / "config.json").read_text())
    assert config["data"]["labels"] == ["blue", "red"]
    assert config["task"]["alias"] == name
    scores = json.loads(alignkit("evaluate", "--task", name, "--json", cwd=tmp_path).stdout)
    assert scores[0]["task"] == name
    assert 0 <= scores[0]["auroc"] <= 1
    assert json.loads(alignkit("evaluate", "--task", "folder", "--json", cwd=tmp_path).stdout)


@pytest.mark.slow
def test_two_folders_are_two_tasks(mine, tmp_path):
    other = shutil.copytree(mine, tmp_path / "other")
    table = other / "data.csv"
    table.write_text(table.read_text().replace("a red thing 0", "a red thing of another kind"))
    for folder in (mine, other):
        alignkit("train", "--task", "folder", "--data", folder, *TRAIN, cwd=tmp_path)
    listed = json.loads(alignkit("runs", "--json", cwd=tmp_path).stdout)
    assert {run["task"] for run in listed} == {"folder-my_pictures", "folder-other"}


def test_a_folder_and_the_table_in_it_are_the_same_data(mine, tmp_path):
    other = mine.rename(tmp_path / "other")
    (tmp_path / "My pictures").symlink_to(tmp_path / "nowhere")
    words = (("--task", "folder", "--data", other), ("--task", f"folder:{other}/data.csv"))
    first, second = (alignkit("train", *given, *TRAIN, cwd=tmp_path) for given in words)
    assert "this run, of data that had another name" in second.stderr
    assert first.stdout == second.stdout
    (run,) = json.loads(alignkit("runs", "--json", cwd=tmp_path).stdout)
    assert run["task"] == "folder-other"


@pytest.mark.slow
def test_the_folder_from_the_environment_and_data_wins(mine, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    mine.rename(tmp_path / "data/folder")
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path / "data"))
    done = alignkit("train", "--task", "folder", *TRAIN, cwd=tmp_path)
    run = tmp_path / done.stdout.strip()
    assert json.loads((run / "config.json").read_text())["task"]["options"]["root"] is None
    (tmp_path / "data").rename(tmp_path / "moved")
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path / "moved"))
    alignkit("evaluate", run, cwd=tmp_path)  # data that have moved are found again
    done = alignkit(
        "train", "--task", "folder", "--data", "elsewhere", *TRAIN, cwd=tmp_path, code=1
    )
    assert "there is no folder elsewhere" in done.stderr


def test_show_says_where_labels_come_from(mine, tmp_path):
    assert (
        "the labels are read from the data"
        in alignkit("show", "task", "folder", cwd=tmp_path).stdout
    )
    assert "blue, red" in alignkit("show", "task", f"folder:{mine}", cwd=tmp_path).stdout


def test_pairs_cannot_be_trained_on_labels(mine, tmp_path):
    table = (mine / "data.csv").read_text().replace("label", "colour")
    (mine / "data.csv").write_text(table)
    done = alignkit("train", "--task", f"folder:{mine}", *TRAIN, cwd=tmp_path, code=1)
    assert "has no labels" in done.stderr
    assert alignkit("data", "verify", f"folder:{mine}", cwd=tmp_path).returncode == 0
