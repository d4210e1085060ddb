"""Every command of the table of analyses does its part, on tiny runs."""

import re
import shlex
from pathlib import Path

import pytest

from easy_vqa_data import write_easy_vqa
from tiny import TINY_MODEL, TINY_TASK, alignkit, train_tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "analyses.md").read_text()
ROWS = {
    int(number): re.findall(r"`(alignkit .*?)`", cells)
    for number, cells in re.findall(r"^\| (\d+) \|(.*)$", PAGE, flags=re.MULTILINE)
}
COMMANDS = [(number, command) for number, row in sorted(ROWS.items()) for command in row]
TINY = {
    "emoji": TINY_TASK,
    "toy_match": TINY_TASK,
    "toy_unique": TINY_TASK.replace("match", "unique"),
    "64": "24",
    "128": "48",
    "10": "7",
    "svcca:dims=10": "svcca:dims=3",
}
TRAINING = ("train", "search", "new", "data")  # in a folder of their own


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with runs of several tasks, placements and seeds."""
    place = tmp_path_factory.mktemp("analyses")
    words = ["--track-alignment", "unbiased_cka", "--track-samples", "16", "--runs", "tracked"]
    words += ["--track-layers", "all", "--track-streams", "all"]
    _run(["train", "--placement", "1", *words], place)
    for task in (TINY_TASK, TINY["toy_unique"]):
        for placement in ("none", "1"):
            for seed in (0, 1):
                train_tiny(place / "runs", placement, task, seed)
    return place


@pytest.fixture(scope="module")
def ablations(tmp_path_factory):
    """A folder with runs from scratch and pretrained ones, with two heads."""
    place = tmp_path_factory.mktemp("ablations")
    (place / "study.toml").write_text(
        f"""
        [grid]
        tasks = ["{TINY["toy_unique"]}"]
        placements = ["none", "1"]
        init = [false, true]
        architecture = ["{TINY_MODEL}", "{TINY_MODEL},head=sum"]
        [grid.pretrain]
        objectives = [["mlm", "itm"], ["itm"]]
        [pretrain]
        task = "{TINY_TASK}"
        epochs = 1
        [options]
        epochs = 1
        """
    )
    alignkit("study", "run", "study.toml", cwd=place)
    return place


@pytest.mark.parametrize(("number", "command"), COMMANDS)
def test_every_command_of_the_table_runs(place, ablations, tmp_path, monkeypatch, number, command):
    words = [TINY.get(word, word) for word in shlex.split(command)[1:]]
    before = []
    if words[0] == "--plugin":
        before, words = ["--plugin", ROOT / words[1]], words[2:]
        write_easy_vqa(tmp_path / "data" / "easy_vqa")
        monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path / "data"))
    if words[:2] == ["search", "analyse"]:
        _run(["search", "run", "--space", "placement", "--trials", "2", "--epochs", "1"], tmp_path)
    where = tmp_path if words[0] in TRAINING else place
    if words[0] == "ablation" or "variant" in words:
        where = ablations
        words += ["--task", "toy_unique"]  # on the other, the runs were pretrained
        words += ["--where", "head=sum"] if words[:2] == ["ablation", "pretraining"] else []
    words = [{"late": "1" if where == tmp_path else "at_1"}.get(word, word) for word in words]
    assert _run(words, where, before).stdout.strip()


def _run(words, where, before=()):
    if words[0] == "train" or words[:2] == ["search", "run"]:
        words = [w.replace("vilbert:", f"{TINY_MODEL},") for w in words]
        words += [] if "--task" in words else ["--task", TINY_TASK]
        words += [] if "--architecture" in words else ["--architecture", TINY_MODEL]
        words += ["--epochs", "1"]
    if words[0] == "train":
        words += [] if "--placement" in words else ["--placement", "1"]
    if words[:2] == ["search", "run"]:
        words += [] if "--trials" in words else ["--trials", "2"]
        words += ["--placement", "1"] if {"hparams", "named"} & set(words) else []
    return alignkit(*before, *words, cwd=where)


def test_the_table_has_all_analyses():
    assert sorted(ROWS) == list(range(1, 37))
    assert all(ROWS.values())
