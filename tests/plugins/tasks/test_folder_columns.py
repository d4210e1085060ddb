"""Parquet with pictures inside, as data sets of Hugging Face are saved, and several captions."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import alignkit
from alignkit_tasks.folder import Folder

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["cat", "dog", "owl"]
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(number):
    file = io.BytesIO()
    Image.new("RGB", (4, 4), (10 * number, 0, 0)).save(file, "png")
    return file.getvalue()


def table(numbers, captions=None, **columns):
    """Rows whose picture has the colour of their number; columns as ``datasets`` saves them."""
    content = {
        "image": pa.array([{"bytes": png(i), "path": f"{i}.png"} for i in numbers], PICTURE),
        "caption": pa.array([captions(i) if captions else f"text {i}" for i in numbers]),
        "label": pa.array([i % 3 for i in numbers]),
        "embedding": pa.array([[0.5, 1.5] for _ in numbers]),
        **columns,
    }
    features = {"label": {"names": CLASSES, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    stored = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(content).replace_schema_metadata(stored)


def save(root, shards, **further):
    """Write shards of six rows each; a row's number goes through all of them."""
    for at, name in enumerate(shards):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(range(6 * at, 6 * at + 6), **further), root / name)
    return root


def numbers(split):
    """The numbers of the pictures of a split, checked against their texts."""
    seen = [split.image(i).getpixel((0, 0))[0] // 10 for i in range(len(split))]
    assert [int(text.split()[1]) for text in split.texts] == seen
    return seen


@pytest.mark.parametrize("place", ["", "data/"])
def test_shards_are_splits_by_their_names(tmp_path, place):
    names = ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001-1a2b")
    task = Folder(save(tmp_path, [f"{place}{name}.parquet" for name in names]))
    assert task.target.labels == tuple(CLASSES)
    assert numbers(task.split("train")) == list(range(12))
    validation = task.split("validation")
    assert numbers(validation) == list(range(12, 18))
    assert [CLASSES[target] for target in validation.targets] == CLASSES * 2
    assert not validation.facts


def test_splits_may_be_folders_of_numbered_files(tmp_path):
    task = Folder(save(tmp_path, ["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"]))
    assert numbers(task.split("test")) == list(range(12, 18))
    assert len(task.split("train")) + len(task.split("validation")) == 12


def test_one_file_is_divided_by_itself_wherever_it_lies(tmp_path):
    save(tmp_path / "a", ["all.parquet"])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    splits = [Folder(tmp_path / side, test_share=0.34).split("test") for side in "ab"]
    assert len(splits[0]) == 2 or len(splits[0]) == 3
    assert splits[0].texts == splits[1].texts
    whole = Folder(tmp_path / "a" / "all.parquet", test_share=0.34)
    assert whole.split("test").texts == splits[0].texts
    assert whole.fingerprint() == Folder(tmp_path / "b", test_share=0.34).fingerprint()


def test_arrow_of_save_to_disk(tmp_path):
    for at, split in enumerate(("train", "test")):
        (tmp_path / split).mkdir()
        rows = table(range(6 * at, 6 * at + 6))
        path = tmp_path / split / "data-00000-of-00001.arrow"
        with path.open("wb") as file, pa.ipc.new_stream(file, rows.schema) as writer:
            writer.write_table(rows)
    assert numbers(Folder(tmp_path).split("test")) == list(range(6, 12))


def test_the_table_of_an_image_folder_may_be_parquet(tmp_path):
    for at, split in enumerate(("train", "test")):
        folder = tmp_path / split
        folder.mkdir()
        for i in range(6):
            (folder / f"{i}.png").write_bytes(png(6 * at + i))
        columns = {"file_name": [f"{i}.png" for i in range(6)]}
        columns["text"] = [f"text {6 * at + i}" for i in range(6)]
        pq.write_table(pa.table(columns), folder / "metadata.parquet")
    assert numbers(Folder(tmp_path).split("test")) == list(range(6, 12))
    (tmp_path / "test" / "metadata.csv").write_text("file_name,text\n0.png,text 6\n")
    assert len(Folder(tmp_path).split("test")) == 1  # text comes before Parquet, as it did


def test_a_picture_may_be_a_file_that_its_cell_names(tmp_path):
    cells = [{"bytes": None, "path": f"img/{i}.png"} for i in range(3)]
    (tmp_path / "img").mkdir()
    for i in range(2):
        (tmp_path / "img" / f"{i}.png").write_bytes(png(i))
    content = {"image": pa.array(cells, PICTURE), "text": [f"text {i}" for i in range(3)]}
    pq.write_table(pa.table(content), tmp_path / "train.parquet")
    task = Folder(tmp_path, validation_share=0.01, test_share=0.01)
    with pytest.raises(alignkit.DataError, match=r"1 missing of 3 pictures; the first is missing"):
        task.split("train")
    (tmp_path / "img" / "2.png").write_bytes(png(2))
    assert numbers(task.split("train")) == [0, 1, 2]


# Several captions of one picture


def test_a_list_of_captions_gives_a_sample_each(tmp_path):
    ids = {"img_id": pa.array([f"p{i}" for i in range(6)])}
    save(tmp_path, ["test.parquet"], captions=lambda i: [f"text {i} {k}" for k in "abc"], **ids)
    split = Folder(tmp_path, id="img_id").split("test")
    assert numbers(split) == [i for i in range(6) for _ in range(3)]
    assert split.ids[:4] == ["p0#0", "p0#1", "p0#2", "p1#0"]
    assert split.notes == {"with one of several texts of a picture": 18}
    assert split.facts == {"img_id": [f"p{i}" for i in range(6) for _ in range(3)]}
    first = Folder(tmp_path, captions="first").split("test")
    assert first.texts == [f"text {i} a" for i in range(6)]
    assert first.facts == {"img_id": [f"p{i}" for i in range(6)]}
    with pytest.raises(alignkit.UsageError, match="captions=some is not one of: all, first"):
        Folder(tmp_path, captions="some")


def test_the_option_of_captions_leaves_fingerprints_as_they_were(tmp_path):
    task = Folder(save(tmp_path, ["train.parquet"]))
    assert "captions" not in task._options()
    assert task.fingerprint() != Folder(tmp_path, captions="first").fingerprint()


def captions_of(root, pictures=30, each=5, **columns):
    root.mkdir(exist_ok=True)
    with (root / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption", *columns])
        for i in range(pictures):
            (root / f"{i}.png").write_bytes(png(i % 25))
            for k in range(each):
                writer.writerow([f"{i}.png", f"text {i} {k}", *(f(i) for f in columns.values())])
    return root


def test_captions_of_one_picture_are_held_out_together(tmp_path):
    task = Folder(captions_of(tmp_path))
    splits = {name: task.split(name) for name in ("train", "validation", "test")}
    pictures = {n: {text.split()[1] for text in split.texts} for n, split in splits.items()}
    assert sum(map(len, pictures.values())) == len(set.union(*pictures.values())) == 30
    assert all(len(split) == 5 * len(pictures[name]) for name, split in splits.items())
    assert abs(len(pictures["test"]) - 0.15 * 30) < 2


def test_an_id_of_pictures_is_no_id_of_samples(tmp_path):
    task = Folder(captions_of(tmp_path, image_id=lambda i: f"p{i}"), test_share=0.5)
    split = task.split("test")
    assert len(set(split.ids)) == len(split)
    assert split.facts["image_id"][0].startswith("p")
    (note,) = split.notes
    assert note == "whose image_id is that of its picture, which other samples share"
    with pytest.raises(alignkit.DataError, match=r"id p.* already appears"):
        Folder(tmp_path, id="image_id").split("test")


def test_ids_that_repeat_on_other_pictures_stay_an_error(tmp_path):
    captions_of(tmp_path, each=1, image_id=lambda i: f"p{i // 2}")
    with pytest.raises(alignkit.DataError, match="already appears"):
        Folder(tmp_path, test_share=0.9, validation_share=0.05).split("test")


# What is wrong


def test_a_missing_shard_is_refused(tmp_path):
    save(tmp_path, ["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"])
    message = r"train-00001-of-00003 is missing: 2 of 3 files are there"
    with pytest.raises(alignkit.DataError, match=message):
        Folder(tmp_path).split("train")


def test_files_with_and_without_splits_are_refused(tmp_path):
    save(tmp_path, ["train.parquet", "more.parquet"])
    with pytest.raises(alignkit.DataError, match=r"more\.parquet belongs to no split"):
        Folder(tmp_path).split("train")


def test_texts_that_are_none_and_columns_that_are_missing(tmp_path):
    save(tmp_path, ["train.parquet"], captions=lambda i: [i, i + 1])
    message = r"train\.parquet, row 1: the texts are a list of other things than texts"
    with pytest.raises(alignkit.DataError, match=message):
        Folder(tmp_path).split("train")
    pq.write_table(table(range(3)).drop_columns(["image"]), tmp_path / "train.parquet")
    with pytest.raises(alignkit.UsageError, match="which column is the image"):
        Folder(tmp_path).split("train")


@pytest.mark.parametrize("share", [0, 0.3, 0.8, 0.99])
def test_cut_files_are_one_line(tmp_path, share):
    path = save(tmp_path, ["train.parquet"]) / "train.parquet"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(alignkit.DataError, match=r"train\.parquet cannot be read") as caught:
        Folder(tmp_path).split("train")
    assert "\n" not in str(caught.value)


def _said_of(root):
    """What is said where a split or its pictures cannot be read; empty where they can."""
    try:
        split = Folder(root).split("train")
        for i in range(len(split)):
            split.image(i)
    except alignkit.AlignkitError as error:
        return str(error)
    return ""


def test_changed_bytes_are_read_or_refused(tmp_path):
    path = save(tmp_path, ["train.parquet"]) / "train.parquet"
    raw, rng = path.read_bytes(), np.random.default_rng(0)
    for at in rng.integers(0, len(raw), 60):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x5A]) + raw[at + 1 :])
        said = _said_of(tmp_path)
        assert "\n" not in said


def test_a_broken_picture_inside_is_named_by_its_row(tmp_path):
    rows = table(range(4)).to_pylist()
    rows[2]["image"]["bytes"] = b"no picture"
    pq.write_table(pa.Table.from_pylist(rows, table(range(4)).schema), tmp_path / "test.parquet")
    with pytest.raises(alignkit.DataError, match=r"1 broken of 4 pictures; .*parquet, row 3"):
        Folder(tmp_path).split("test")
    assert len(Folder(tmp_path, images="skip").split("test")) == 3
