"""Data that moved, splits that are missing, and bad runs beside good ones, as a user meets them."""

import json
import shutil

import pytest

from alignkit.runs import load_run
from alignkit.runs.data import open_task
from tiny import TINY_MODEL, TINY_TASK, alignkit

TRAIN = ("train", "--architecture", TINY_MODEL, "--placement", "1", "--epochs", "0", "--task")


@pytest.fixture(scope="module")
def trained(write_memes, tmp_path_factory):
    """A folder with a run on memes whose copy lacks ``test_unseen``, and one on a toy task."""
    place = tmp_path_factory.mktemp("trained")
    write_memes(place / "data" / "hm")
    (place / "data" / "hm" / "test_unseen.jsonl").unlink()
    done = alignkit(*TRAIN, "hateful_memes", "--data", "data/hm", cwd=place)
    assert "there is no test split, which training does not need" in done.stderr
    assert "use --task hateful_memes:test=test_seen" in done.stderr
    alignkit(*TRAIN, TINY_TASK, cwd=place)
    return place


@pytest.fixture
def place(trained, tmp_path):
    """A copy of the folder for each test."""
    return shutil.copytree(trained, tmp_path / "place")


def _scores(place, *words, code=0):
    done = alignkit("evaluate", "--json", *words, cwd=place, code=code)
    return {row["task"]: row for row in json.loads(done.stdout)}, done.stderr


def _memes(place):
    (run,) = (place / "runs" / "hateful_memes").glob("*/*")
    return run


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("evaluate",), 1),
        (("extract",), 1),
        (("measure", "--metric", "cka"), 1),
        (("correlate", "--metric", "cka"), 0),
        (("report", "--metric", "cka"), 0),
        (("agreement", "--metric", "cka", "--metric", "rsa"), 0),
        (("stability", "--metric", "cka", "--samples", "24", "--samples", "48"), 0),
    ],
)
def test_a_run_without_the_split_does_not_stop_the_others(place, words, code):
    done = alignkit(*words, cwd=place, code=code)
    assert "hateful_memes: there is no test_unseen.jsonl" in done.stderr
    assert "1 of 2" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout


def test_an_option_that_changes_only_the_test_split_may_be_given_later(place):
    scores, _ = _scores(place, "--task", "hateful_memes:test=test_seen")
    assert scores["hateful_memes"]["n"] == 8
    identity = load_run(_memes(place)).stored["identity"]
    assert set(_scores(place)[0]) == {"hateful_memes", "toy_match"}  # remembered
    alignkit("measure", "--metric", "cka", "--layers", "last", cwd=place)
    assert load_run(_memes(place)).stored["identity"] == identity
    # What the model saw is not changed, and results of two test splits are never mixed.
    for option, message in (
        ("validation=dev_seen", "validation=dev_seen would give the model other data"),
        ("test=test_unseen", "has results on test of other data"),
    ):
        task = f"hateful_memes:{option}"
        assert message in alignkit("evaluate", "--task", task, cwd=place, code=1).stderr
    assert "has no option 'tset'; did you mean 'test'" in (
        alignkit("evaluate", "--task", "hateful_memes:tset=both", cwd=place, code=2).stderr
    )


def test_force_replaces_results_of_another_test_split(place):
    alignkit("measure", "--task", "hateful_memes:test=test_seen", "--metric", "cka", cwd=place)
    shutil.copy(place / "data/hm/test_seen.jsonl", place / "data/hm/test_unseen.jsonl")
    run = _memes(place)
    assert (run / "alignment" / "test").is_dir()
    alignkit("evaluate", "--task", "hateful_memes:test=both", "--force", cwd=place, code=1)
    words = ("--task", "hateful_memes:test=test_seen", "--data", "data/hm", "--force")
    scores, _ = _scores(place, *words)
    assert scores["hateful_memes"]["n"] == 8


def test_the_fingerprint_decides_and_not_the_place(place, monkeypatch):
    words = ("--split", "validation", "--force")
    before = _scores(place, *words)[0]["hateful_memes"]
    (place / "sub").mkdir()
    elsewhere = json.loads(
        alignkit("evaluate", "--json", "--runs", "../runs", *words, cwd=place / "sub").stdout
    )
    assert elsewhere[0] | {"run": before["run"]} == before
    (place / "data" / "hm").rename(place / "hateful_memes")
    moved = alignkit("evaluate", *words, cwd=place, code=1)
    assert "its data are not found (data/hm: it does not exist); say where they are with: " in (
        moved.stderr
    )
    monkeypatch.setenv("ALIGNKIT_DATA", str(place))
    assert _scores(place, *words)[0]["hateful_memes"] == before
    monkeypatch.delenv("ALIGNKIT_DATA")
    for given in (
        ("--data", "hateful_memes", "--task", "hateful_memes"),
        ("--task", "hateful_memes:hateful_memes"),
    ):
        scores, said = _scores(place, *words, *given)
        assert scores["hateful_memes"] == before
        assert "from now on" in said
        (_memes(place) / "data.json").unlink()
    alignkit(
        "extract", "--split", "validation", "--data", "hateful_memes", _memes(place), cwd=place
    )
    assert _scores(place, *words)[0]["hateful_memes"] == before


def test_other_data_in_the_same_place_are_refused(place):
    root = place / "data" / "hm"
    for part, told in (
        ("test_unseen", "its test split is another one than at the training"),
        ("train", "it holds other data than at the training"),
    ):
        source = root / ("test_seen.jsonl" if part == "test_unseen" else f"{part}.jsonl")
        lines = source.read_text().splitlines()[:-1]
        (root / f"{part}.jsonl").write_text("\n".join(lines) + "\n")
        words = ("evaluate", "--task", "hateful_memes", "--split", "validation", "--force")
        failed = alignkit(*words, cwd=place, code=1).stderr
        assert told in failed
        # Given explicitly, a test split that is new is accepted; other training data are not.
        again = alignkit(*words, "--data", "data/hm", cwd=place, code=int(part == "train"))
        assert ("data/hm holds other data than those that it was trained on" in again.stderr) == (
            part == "train"
        )


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"task": {"name": "x"}}', "\x00"])
@pytest.mark.parametrize("file", ["config.json", "performance.json"])
def test_a_damaged_run_is_named_and_left_out(place, file, content):
    damaged = _memes(place)
    (damaged / file).write_text(content)
    for words in (
        ("evaluate",),
        ("extract",),
        ("measure", "--metric", "cka"),
        ("runs",),
        ("correlate", "--metric", "cka"),
    ):
        done = alignkit(*words, cwd=place)
        assert f"{damaged.relative_to(place)} is left out" in done.stderr
        assert file in done.stderr
        assert done.stdout


def test_a_damaged_representation_is_named_and_left_out(place):
    alignkit("extract", "--split", "validation", cwd=place)
    array = _memes(place) / "representations" / "validation" / "t00.cls.npy"
    array.write_bytes(array.read_bytes()[:200])
    words = ("--metric", "cka", "--split", "validation")
    assert "t00.cls.npy is damaged" in alignkit("measure", *words, cwd=place, code=1).stderr
    assert "1 of 2 runs is left out" in alignkit("correlate", *words, cwd=place).stderr


def test_a_folder_of_runs_stands_for_the_runs_inside(place):
    alignkit("extract", "--split", "validation", cwd=place)
    words = ("--metric", "cka", "--layers", "last", "--split", "validation", "--json")
    every = json.loads(alignkit("measure", *words, cwd=place).stdout)
    assert json.loads(alignkit("measure", "runs", *words, cwd=place).stdout) == every
    part = json.loads(alignkit("measure", "runs/toy_match", *words, cwd=place).stdout)
    assert part == [row for row in every if "toy_match" in row["run"]]


def test_a_task_without_a_folder_still_opens(place):
    (run,) = (place / "runs" / "toy_match").glob("*/*")
    assert open_task(load_run(run)).split("test").ids
    done = alignkit("evaluate", run, "--data", "data", cwd=place, code=2)
    assert "task 'toy_match' does not read a folder; leave out --data" in done.stderr
