"""Named models on the command line: flags, runs that need no folder, one clear line."""

import json
import shutil

import pytest

import alignkit
from named_models import text_folder, vision_folder
from tiny import TINY_TASK, alignkit_process
from tiny import alignkit as command

BARE = """
import alignkit

class Bare:
    def __init__(self, size: int = 3):
        self.size = size

@alignkit.hookimpl
def register_architectures(register):
    register("bare", Bare, summary="has no such option")
"""
SMALL = "vilbert:fusion_width=8,fusion_heads=2,depth=2,width=16,heads=2"


def _train(folder, *words, code=0):
    return command("train", "--task", TINY_TASK, "--epochs", 1, *words, cwd=folder, code=code)


@pytest.mark.slow
def test_flags_are_the_architectures_options(tmp_path):
    text, vision = text_folder(tmp_path / "t"), vision_folder(tmp_path / "v")
    done = _train(
        tmp_path,
        "--text-model",
        text,
        "--vision-model",
        vision,
        "--from-scratch",
        "--freeze",
        "text:0",
        "--placement",
        "1,2/3,6",
        "-a",
        SMALL,
    )
    stored = alignkit.load_run(tmp_path / done.stdout.strip()).stored["architecture"]["options"]
    assert stored["from_scratch"] is True
    assert stored["freeze"] == "text:0"
    assert (stored["text_depth"], stored["vision_depth"]) == (3, 6)
    assert stored["text_model"].startswith("t@")
    assert stored["final"] == "norm"  # what others decide is spelled out
    assert stored["fusion_feedforward"] is None  # it depends on the stream


def test_an_architecture_without_the_option_says_so(tmp_path):
    (tmp_path / "bare.py").write_text(BARE)
    done = command(
        "--plugin", "bare.py", "train", "-a", "bare", "--text-model", "x", cwd=tmp_path, code=2
    )
    assert "architecture 'bare' has no option 'text_model'; it has: size" in done.stderr
    done = _train(tmp_path, "-a", "vilbert:freeze=text", "--freeze", "vision", code=2)
    assert "option 'freeze' is given both in 'vilbert:freeze=text' and separately" in done.stderr


@pytest.mark.slow
def test_a_trained_run_needs_no_folder_and_its_place_is_no_part_of_it(tmp_path):
    text = text_folder(tmp_path / "here" / "t")
    done = _train(tmp_path, "--text-model", text, "--placement", "1", "-a", SMALL)
    run = alignkit.load_run(tmp_path / done.stdout.strip())
    moved = tmp_path / "there" / "t"
    moved.parent.mkdir()
    shutil.move(text, moved)
    command("measure", run.path, "--metric", "cka", "--layers", "all", cwd=tmp_path)
    again = _train(tmp_path, "--text-model", moved, "--placement", "1", "-a", SMALL)
    assert again.stdout == done.stdout
    assert "is already trained" in again.stderr


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path):
    text, vision = text_folder(tmp_path / "t"), vision_folder(tmp_path / "v")
    words = ["--text-model", text, "--vision-model", vision, "--placement", "2/4", "-a", SMALL]
    files = []
    for root in ("a", "b"):
        done = _train(tmp_path, *words, "--runs", root)
        files.append((tmp_path / done.stdout.strip() / "model.safetensors").read_bytes())
    assert files[0] == files[1]


@pytest.mark.slow
def test_runs_side_by_side(tmp_path):
    text = text_folder(tmp_path / "t")
    done = _train(
        tmp_path,
        "--text-model",
        text,
        "--placement",
        "1",
        "-a",
        SMALL,
        "--seed",
        0,
        "--seed",
        1,
        "--jobs",
        2,
    )
    assert len(done.stdout.split()) == 2


def test_placements_are_held_against_each_streams_depth(tmp_path):
    text = text_folder(tmp_path / "t")
    done = _train(tmp_path, "--text-model", text, "--placement", "middle", "-a", SMALL, code=2)
    assert "text index 6 (fusion 0) is beyond the depth of the text stream, 3" in done.stderr
    done = _train(tmp_path, "--text-model", text, "--placement", "late", "-a", SMALL, code=2)
    assert "late': count=3 is more than the depth of the vision stream, 2; write" in done.stderr
    done = _train(tmp_path, "--text-model", text, "--placement", "2/3", "-a", SMALL, code=2)
    assert "vision index 3 (fusion 0) is beyond the depth of the vision stream, 2" in done.stderr


@pytest.mark.slow
def test_the_real_command_without_weights_is_one_clear_line(tmp_path):
    """Hateful Memes with BERT and ViT, as the study trained it, on a machine without a network."""
    root = tmp_path / "memes"
    (root / "img").mkdir(parents=True)
    from PIL import Image

    Image.new("RGB", (8, 8)).save(root / "img" / "1.png")
    line = json.dumps({"id": 1, "img": "img/1.png", "label": 0, "text": "a"}) + "\n"
    for name in ("train", "dev_seen", "dev_unseen", "test_seen", "test_unseen"):
        (root / f"{name}.jsonl").write_text(line)
    done = alignkit_process(
        "train",
        "--task",
        "hateful_memes",
        "--data",
        root,
        "--text-model",
        "bert-base-uncased",
        "--vision-model",
        "vit_base_patch16_224",
        "--placement",
        "late",
        "--seed",
        "0",
        cwd=tmp_path,
        code=1,
        HF_HUB_CACHE=str(tmp_path / "hub"),
        HF_HUB_OFFLINE="1",
    )
    assert done.stderr.splitlines()[-1].startswith(
        "Error: text model 'bert-base-uncased' is not on this machine and cannot be downloaded ("
    )
    assert "--from-scratch with one of bert-base-uncased" in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line]) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("kind", ["lxmert", "mbt", "one_way"])
def test_pages_of_architectures(tmp_path, kind):
    page = command("show", "architecture", kind, cwd=tmp_path).stdout
    assert "text_model" in page
    # The documentation of inherited options:
    assert "Parts that are not trained, for example `text:0-5" in page
