"""What a third party adds without touching core: a metric, a placement, a task."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alignkit.errors import DataError, UsageError
from alignkit.plugins import use_plugin_files
from alignkit.plugins.code import import_file
from alignkit.testing import check_placement, check_space, check_task
from easy_vqa_data import write_easy_vqa
from tiny import TINY_MODEL, TINY_TASK, alignkit, alignkit_process

EXAMPLES = Path(__file__).parents[2] / "examples"
THIRD = EXAMPLES / "third_party"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder into which pip has installed the metric's distribution."""
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--disable-pip-version-check",
        "--target",
        target,
        THIRD / "alignkit-rv",
    ]
    subprocess.run(command, check=True)
    return target


def test_a_metric_is_two_files_of_under_30_lines():
    lines = [
        line
        for name in ("alignkit_rv/plugin.py", "pyproject.toml")
        for line in (THIRD / "alignkit-rv" / name).read_text().splitlines()
    ]
    assert len(lines) < 30


@pytest.mark.slow
def test_the_installed_metric_is_listed_and_measured(installed, tmp_path):
    path = {"PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])}
    rows = json.loads(alignkit_process("list", "metrics", "--json", cwd=tmp_path, **path).stdout)
    assert {
        "name": "rv",
        "summary": "RV coefficient",
        "plugin": "alignkit-rv",
        "default": False,
    } in rows
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 30, 4))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    command = ("measure", "x.npy", "y.npy", "--metric", "rv", "--metric", "cka", "--json")
    rv, cka = json.loads(alignkit_process(*command, cwd=tmp_path, **path).stdout)
    assert rv["value"] == pytest.approx(cka["value"])  # on centred data they are one


def test_the_bare_file_works_before_packaging(tmp_path):
    file = THIRD / "alignkit-rv" / "alignkit_rv" / "plugin.py"
    rows = json.loads(alignkit("--plugin", file, "list", "metrics", "--json", cwd=tmp_path).stdout)
    assert "rv" in {row["name"] for row in rows}


@pytest.mark.slow
def test_a_placement_is_one_line(tmp_path):
    file = THIRD / "placements.py"
    shown = alignkit("--plugin", file, "show", "placement", "crossed", "--json", cwd=tmp_path)
    page = json.loads(shown.stdout)
    assert (page["text"], page["vision"]) == ([9, 11], [3, 5])
    assert page["schedule"].index("fuse    0") < page["schedule"].index("run     vision layer 3")
    done = alignkit(
        "--plugin",
        file,
        "train",
        "--task",
        TINY_TASK,
        "--placement",
        "two_late",
        "--epochs",
        "0",
        cwd=tmp_path,
    )
    assert "/two_late/" in done.stdout


def test_a_placement_by_depth_and_a_space(tmp_path):
    use_plugin_files([THIRD / "placements.py"])
    try:
        steps = [str(step) for step in check_placement("evenly:count=2", TINY_MODEL)]
        assert steps.index("fuse    0") < steps.index("run     text layer 0") + 6
        assert check_space("block", TINY_MODEL) == 4  # starts 0 and 1 in each stream
        with pytest.raises(UsageError, match="count=5 is more than the streams hold"):
            check_space("block:count=5", TINY_MODEL)
    finally:
        use_plugin_files([])
    words = ("search", "run", "--space", "block:count=3", "--task", TINY_TASK, "--trials", "1")
    done = alignkit(
        "--plugin",
        THIRD / "placements.py",
        *words,
        "--architecture",
        TINY_MODEL,
        "--epochs",
        "0",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(done.stdout)


@pytest.mark.slow
def test_a_task_of_ones_own_runs_the_chain(tmp_path):
    file = THIRD / "colours_task.py"
    words = (
        "--task",
        "colours:n=64",
        "--placement",
        "1",
        "--architecture",
        "vilbert:depth=2,width=16,heads=2",
        "--epochs",
        "2",
    )
    alignkit("--plugin", file, "train", *words, cwd=tmp_path)
    rows = json.loads(
        alignkit("--plugin", file, "measure", "--metric", "cka", "--json", cwd=tmp_path).stdout
    )
    assert len(rows) == 9
    scores = json.loads(alignkit("--plugin", file, "evaluate", "--json", cwd=tmp_path).stdout)
    assert scores[0]["n"] == 16


@pytest.mark.slow
def test_plugin_files_reach_processes_that_train_side_by_side(tmp_path):
    file = THIRD / "colours_task.py"
    words = (
        "--task",
        "colours:n=32",
        "--placement",
        "1",
        "--placement",
        "none",
        "--architecture",
        "vilbert:depth=1,width=16,heads=2",
        "--epochs",
        "0",
        "--jobs",
        "2",
    )
    done = alignkit_process("--plugin", file, "train", *words, cwd=tmp_path)
    assert len(done.stdout.split()) == 2


def test_a_wrong_option_of_a_third_partys_task(tmp_path):
    file = THIRD / "colours_task.py"
    done = alignkit("--plugin", file, "train", "--task", "colours:n=3", cwd=tmp_path, code=2)
    assert "n=3 must be at least 16" in done.stderr


def test_easy_vqa_is_read_as_its_package_has_it(tmp_path):
    folder = write_easy_vqa(tmp_path / "data")
    task = import_file("easy_vqa_of_a_test", THIRD / "easy_vqa_task.py").EasyVqa(folder)
    assert check_task(task) == {"train": 36, "validation": 4, "test": 20}
    assert task.target.labels == ("gray", "no", "red", "teal", "yes")
    test = task.split("test")
    assert (test.ids[3], test.texts[3]) == ("test-3", "is there a circle in the image?")
    assert [task.target.labels[i] for i in test.targets[:4]] == ["red", "no", "teal", "yes"]
    assert test.facts["picture"][:4] == ["test-0", "test-0", "test-1", "test-1"]
    shown = {name: set(task.split(name).facts["picture"]) for name in ("train", "validation")}
    assert not shown["train"] & shown["validation"]
    assert shown["validation"] == {"train-0", "train-10"}
    before = task.content_digest("train"), task.content_digest("test"), task.fingerprint()
    Image.new("RGB", (64, 64)).save(folder / "test" / "images" / "0.png")
    after = task.content_digest("train"), task.content_digest("test"), task.fingerprint()
    assert before[0] == after[0]
    assert before[1] != after[1]
    (folder / "answers.txt").write_text("no\nyes\nteal\nred\ngray\nblue\n")
    assert task.fingerprint() != after[2]


@pytest.mark.slow
def test_easy_vqa_runs_the_chain(tmp_path):
    folder = write_easy_vqa(tmp_path / "data")
    file = THIRD / "easy_vqa_task.py"
    words = ("--task", f"easy_vqa:{folder}", "--placement", "1", "--epochs", "1")
    alignkit("--plugin", file, "train", *words, "--architecture", TINY_MODEL, cwd=tmp_path)
    words = ("--metric", "unbiased_cka", "--layers", "last", "--groups", "picture", "--json")
    (row,) = json.loads(alignkit("--plugin", file, "measure", *words, cwd=tmp_path).stdout)
    assert row["n"] == 20
    (scores,) = json.loads(alignkit("--plugin", file, "evaluate", "--json", cwd=tmp_path).stdout)
    assert scores["n"] == 20


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "answers.txt").unlink(), r"holds no easy-VQA; expected train/ and test/"),
        (lambda f: (f / "test/images/4.png").unlink(), r"question 8: there is no picture .*/4.png"),
        (
            lambda f: (f / "test/questions.json").write_text('[["what?", "purple", 0]]'),
            r"question 0: expected \[question, one of the answers",
        ),
        (lambda f: (f / "test/questions.json").write_text("[1]"), r"questions.json.*a list"),
        (lambda f: (f / "test/questions.json").unlink(), r"questions.json"),
    ],
)
def test_what_is_no_easy_vqa_is_refused_in_one_line(tmp_path, damage, message):
    folder = write_easy_vqa(tmp_path / "data")
    damage(folder)
    task = import_file("easy_vqa_of_a_test", THIRD / "easy_vqa_task.py").EasyVqa(folder)
    with pytest.raises(DataError, match=message) as refused:
        task.split("test")
    assert "\n" not in str(refused.value)


def test_easy_vqa_without_data_says_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.delenv("ALIGNKIT_DATA", raising=False)
    found = importlib.util.find_spec
    others = lambda name, *more: None if name == "easy_vqa" else found(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", others)
    words = ("data", "info", "easy_vqa")
    done = alignkit("--plugin", THIRD / "easy_vqa_task.py", *words, cwd=tmp_path, code=1)
    assert "run pip install easy-vqa, or name a folder with --data" in done.stderr
