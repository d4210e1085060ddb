"""Data sets that share a name are told apart by their fingerprints."""

import json

import pytest

from alignkit.runs import load_runs
from alignkit.runs.data_sets import tell_apart


def _run(root, number, place, fingerprint, placement="none", alias="folder-data", **options):
    folder = root / "runs" / (alias or "toy") / placement / f"seed{number}"
    folder.mkdir(parents=True)
    task = {"name": "folder" if alias else "toy", "options": {"root": place, **options}}
    config = {
        "task": task | ({"alias": alias} if alias else {}),
        "architecture": {"name": "vilbert", "options": {}},
        "placement": {"name": placement, "text": [], "vision": []},
        "training": {},
        "init": None,
        "identity": f"{number:064}",
        "unit": f"{number:064}",
        "data": {"fingerprint": fingerprint},
        "seed": number,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "train.json").write_text("{}")
    (folder / "performance.json").write_text('{"primary": "accuracy", "splits": {}}')


def _tasks(root):
    return {run.seed: run.task for run in load_runs(root / "runs")}


def test_two_folders_with_tables_of_one_name(tmp_path):
    for number, (place, data) in enumerate([("A", "a" * 64), ("A", "a" * 64), ("B", "b" * 64)]):
        _run(tmp_path, number, f"/d/{place}/data.csv", data)
    assert _tasks(tmp_path) == {0: "folder-data-a", 1: "folder-data-a", 2: "folder-data-b"}
    chosen = load_runs(tmp_path / "runs", task=["folder-data-b"])
    assert [run.seed for run in chosen] == [2]
    assert len(load_runs(tmp_path / "runs", task=["folder-data"])) == 3
    names = tell_apart(load_runs(tmp_path / "runs"))["folder-data"]
    assert names == {"folder-data-a": "/d/A/data.csv", "folder-data-b": "/d/B/data.csv"}


@pytest.mark.parametrize(
    ("places", "data", "options"),
    [
        (("A/data.csv", "B/data.csv"), "aa", ({}, {})),  # moved
        (("A/data.csv", "A/data.csv"), "ab", ({"data_seed": 0}, {"data_seed": 1})),
    ],
)
def test_the_same_data_keep_their_name(tmp_path, places, data, options):
    for number, place in enumerate(places):
        _run(tmp_path, number, place, data[number] * 64, **options[number])
    assert set(_tasks(tmp_path).values()) == {"folder-data"}


def test_other_data_in_one_place_are_named_by_fingerprint(tmp_path):
    for number, data in enumerate("ab"):
        _run(tmp_path, number, "data.csv", data * 64)
    assert _tasks(tmp_path) == {0: "folder-data-aaaaaaaa", 1: "folder-data-bbbbbbbb"}


def test_variants_of_a_task_without_data_keep_their_name(tmp_path):
    for number, data in enumerate("ab"):
        _run(tmp_path, number, None, data * 64, alias="", noise=number)
    assert set(_tasks(tmp_path).values()) == {"toy"}


def test_every_run_is_in_one_data_set_whatever_the_order(tmp_path):
    cases = [("A", "a", 0), ("A", "b", 1), ("B", "c", 0), ("C", "a", 2), ("B", "c", 1)]
    for number, (place, data, seed) in enumerate(cases):
        _run(tmp_path, number, f"{place}/data.csv", data * 64, data_seed=seed)
    tasks = _tasks(tmp_path)
    assert tasks[0] == tasks[1] == tasks[3]
    assert tasks[2] == tasks[4] != tasks[0]
