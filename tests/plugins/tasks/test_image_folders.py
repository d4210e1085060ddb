"""Image folders as Hugging Face reads them: a folder for each split, a table of texts in each."""

import csv
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import alignkit
from alignkit_tasks.folder import Folder
from odd_files import sprinkle

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
NOTE = "whose label is the folder of its picture"


def make(root, classes=("cat", "dog"), form="csv", labels=False, splits=SPLITS, inner=False):
    """Six pictures a split, whose colour is their number; returns the root."""
    for split, folder in splits.items():
        rows = {}
        for number in range(6):
            name = classes[number % len(classes)]
            path = root / folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (10 * number, len(split), 0)).save(path)
            row = {"file_name": f"{name}/{number}.png", "text": f"{split} {number}"}
            row |= {"label": "xyz"[number % 3]} if labels else {}
            place = root / folder / name if inner else root / folder
            rows.setdefault(place, []).append(
                row | {"file_name": f"{number}.png"} if inner else row
            )
        for place, table in rows.items():
            write(place / f"metadata.{form}", table)
    return root


def write(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@settings(deadline=None, max_examples=12)
@given(
    st.sampled_from(["csv", "jsonl"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "data/"]),
    st.sampled_from([("train", "val", "test"), ("Training", "DEV", "testing")]),
    st.sampled_from([("cat", "dog"), ("owl", "a b", "é")]),
)
def test_splits_classes_and_texts_come_from_the_right_places(
    tmp_path_factory, form, inner, leftovers, place, names, classes
):
    root = tmp_path_factory.mktemp("folders")
    splits = {s: place + name for s, name in zip(SPLITS, names, strict=True)}
    make(root, classes, form, splits=splits, inner=inner)
    if leftovers:
        sprinkle(root)
    task = Folder(root)
    assert task.target.labels == tuple(sorted(classes))
    for name in SPLITS:
        split = task.split(name)
        assert split.notes == {NOTE: 6}
        for i, text in enumerate(split.texts):
            number = int(text.removeprefix(f"{name} "))
            assert split.image(i).getpixel((0, 0)) == (10 * number, len(name), 0)
            assert task.target.labels[split.targets[i]] == classes[number % len(classes)]


def test_a_column_of_labels_comes_before_the_folders(tmp_path):
    task = Folder(make(tmp_path, labels=True))
    assert task.target.labels == ("x", "y", "z")
    assert task.split("train").notes == {}
    assert Folder(tmp_path, label="folder").target.labels == ("cat", "dog")


@pytest.mark.parametrize("classes", [("images",), ("000", "001")])
def test_folders_that_are_no_classes_give_pairs(tmp_path, classes):
    task = Folder(make(tmp_path, classes))
    assert isinstance(task.target, alignkit.Pairs)
    assert len(task.split("train")) == 6


def test_folders_that_are_just_numbered_are_classes_if_you_say_so(tmp_path):
    task = Folder(make(tmp_path, ("000", "001")), label="folder")
    assert len(task.target.labels) == 2
    assert task.split("train").targets.tolist() == [0, 1, 0, 1, 0, 1]


def test_a_missing_split_is_held_out(tmp_path):
    task = Folder(make(tmp_path, splits={"train": "train"}), test_share=0.34, validation_share=0.33)
    assert {name: len(task.split(name)) for name in SPLITS} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }


def test_lines_are_named_with_their_folder(tmp_path):
    make(tmp_path, form="jsonl")
    path = tmp_path / "valid/metadata.jsonl"
    path.write_text(path.read_text().replace("dog/1.png", "../../1.png"))
    with pytest.raises(alignkit.DataError, match=r"^valid/metadata.jsonl:2: the picture is"):
        Folder(tmp_path).split("validation")


def test_pictures_without_texts_are_refused(tmp_path):
    make(tmp_path)
    (tmp_path / "test/metadata.csv").unlink()
    message = "no texts for the pictures in test; put a table .* metadata.csv with the columns"
    with pytest.raises(alignkit.DataError, match=message):
        Folder(tmp_path).split("train")


def test_two_tables_or_folders_for_a_split_are_refused(tmp_path):
    make(tmp_path)
    write(tmp_path / "train/metadata.jsonl", [{"file_name": "cat/0.png", "text": "a"}])
    message = re.escape(f"{tmp_path}/train has metadata.csv and metadata.jsonl: keep only one")
    with pytest.raises(alignkit.DataError, match=message):
        Folder(tmp_path).split("train")
    (tmp_path / "train/metadata.jsonl").unlink()
    (tmp_path / "val").mkdir()
    with pytest.raises(alignkit.DataError, match="has val and valid: keep only one"):
        Folder(tmp_path).split("train")


def test_the_folder_as_label_of_one_table(tmp_path):
    make(tmp_path, splits={"train": "all"})
    (tmp_path / "all/metadata.csv").rename(tmp_path / "all/data.csv")
    root = tmp_path / "all"
    assert isinstance(Folder(root).target, alignkit.Pairs)
    assert Folder(root, label="folder").target.labels == ("cat", "dog")
    write(root / "data.csv", [{"file_name": "0.png", "text": "a"}])
    with pytest.raises(alignkit.UsageError, match=r"`label=folder` .* '0.png' lies in none"):
        Folder(root, label="folder").split("train")
