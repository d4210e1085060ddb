"""Folders in which other processes work are listed: what they remove meanwhile is left out."""

import os
import shutil
from pathlib import Path

import pytest

from alignkit.runs.files import discard
from alignkit.runs.listing import files_below, found, size_of
from alignkit.runs.litter import find_litter, find_litter_of_results
from listings import listing


def _made(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("12345")
    return folder


@pytest.fixture
def removing(monkeypatch):
    """Remove something as soon as a folder that holds it has been listed."""

    def when_listed(path):
        def remove():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

        for name, function in listing(path, remove).items():
            monkeypatch.setattr(os, name, function)

    return when_listed


def test_what_matches_is_found_in_order(tmp_path):
    folder = _made(tmp_path, "b/1.csv", "a/2.csv", "a/1.csv", "a/1.json", "a/b/1.csv")
    assert found(folder, "*/*.csv") == [folder / n for n in ("a/1.csv", "a/2.csv", "b/1.csv")]
    assert found(folder, "a/*.json", "a/1.*") == [folder / "a/1.csv", folder / "a/1.json"]
    assert found(folder / "none", "*") == []


def test_hidden_files_are_found_only_by_their_dot_and_leftovers_never(tmp_path):
    names = (".a.tmp", "._1.csv", "~$1.csv", "Thumbs.db", "1.csv", "._x.shards/plan.json")
    folder = _made(tmp_path, *names)
    assert found(folder, "*") == [folder / "1.csv"]
    assert found(folder, ".*.tmp") == [folder / ".a.tmp"]
    assert found(folder, ".*.shards") == [folder / "._x.shards"]


def test_names_of_folders_are_no_patterns(tmp_path):
    folder = _made(tmp_path / "[runs] *", "a/1.csv")
    assert found(folder, "*/*.csv") == [folder / "a/1.csv"]


@pytest.mark.parametrize("gone", ["a", "a/b", "a/b/1.csv", "c/1.csv"])
def test_what_is_removed_meanwhile_is_left_out(tmp_path, removing, gone):
    folder = _made(tmp_path, "a/b/1.csv", "a/b/2.csv", "a/3.csv", "c/1.csv", "c/2.csv")
    removing(folder / gone)
    assert found(folder, "*/*/2.csv") == [folder / "a/b/2.csv"] * (gone not in ("a", "a/b"))
    left = [file for file in files_below(folder) if file.exists()]
    assert folder / "c/2.csv" in left
    assert folder / gone not in left


def test_the_size_is_that_of_the_files_that_are_left(tmp_path, removing):
    folder = _made(tmp_path / "f", "a/1.npy", "a/2.npy", "b/3.npy")
    assert size_of(folder) == 15
    assert size_of(folder / "a/1.npy") == 5
    assert size_of(folder / "none") == 0
    removing(folder / "a")
    assert size_of(folder) == 5


def test_links_are_counted_as_links_and_not_followed(tmp_path):
    folder = _made(tmp_path / "f", "1.npy")
    _made(tmp_path / "large", "1.npy", "2.npy")
    (folder / "link").symlink_to(tmp_path / "large")
    (folder / "again").symlink_to(folder)
    assert list(files_below(folder)) == [folder / "1.npy"]
    assert size_of(folder) == 5


@pytest.mark.parametrize(
    "name", [".a.1.tmp/x.npy", ".test.shards/0-1/x.npy", "checkpoint/step-1/x"]
)
def test_litter_that_another_command_removes_is_no_error(tmp_path, removing, name):
    run = _made(tmp_path / "runs/t/p/seed0", name, "train.json", ".b.2.tmp")
    removing(run / Path(name).parts[0])
    litter = [each.path.name for each in find_litter(tmp_path / "runs")]
    assert ".b.2.tmp" in litter
    assert [each.path.name for each in find_litter_of_results(run)] == [".b.2.tmp"]


def test_litter_beside_and_in_results_is_found_once(tmp_path):
    names = (".out.1.tmp/figures/.x.2.tmp", "out/.y.3.tmp", "out/.z.4.old/.w.5.tmp", "out/.keep")
    folder = _made(tmp_path, *names)
    litter = [str(each.path.relative_to(folder)) for each in find_litter_of_results(folder / "out")]
    assert litter == [".out.1.tmp", "out/.y.3.tmp", "out/.z.4.old"]


def test_two_commands_may_discard_the_same_folder(tmp_path, monkeypatch):
    folder = _made(tmp_path / "f", "x").absolute()
    replace = Path.replace

    def late(self, target):
        if self == folder:
            shutil.rmtree(folder)  # by the other one
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", late)
    discard(folder)
    assert list(tmp_path.iterdir()) == []
