"""Hateful Memes, as it was distributed and as mirrors have it."""

import json
import shutil

import numpy as np
import pytest

import alignkit
from alignkit_tasks.hateful_memes import HatefulMemes


def test_a_split_has_what_the_lines_say(memes):
    split = HatefulMemes(memes).split("train")
    assert split.ids == [f"{number:05d}" for number in range(1000, 1008)]
    assert split.targets.tolist() == [0, 1] * 4
    assert split.texts[0] == split.texts[1] == "look who is here 500"
    assert split.notes == {}
    for i in range(8):
        picture = split.image(i)
        assert (picture.mode, picture.size) == ("RGB", (12, 8))
    assert split.image(0).getpixel((0, 0)) == (200, 1000 % 256, 40)
    assert split.image(1).getpixel((0, 0)) == (255, 255, 255)


def test_the_target_is_scored_by_auroc(memes):
    assert HatefulMemes(memes).target.primary == "auroc"
    assert tuple(HatefulMemes(memes).target.labels) == ("not hateful", "hateful")


def test_ids_as_numbers_and_as_padded_text_are_one(memes, rewrite):
    rewrite("train", {1003: {"id": "01003"}, 1004: {"id": "1004", "img": ...}, 1005: {"id": 5}})
    assert HatefulMemes(memes).split("train").ids[3:6] == ["01003", "01004", "00005"]


@pytest.mark.parametrize(
    ("option", "part", "first"),
    [
        ({"validation": "dev_seen"}, "validation", "02000"),
        ({}, "validation", "02006"),
        ({}, "test", "04000"),
        ({"test": "test_seen"}, "test", "03000"),
    ],
)
def test_which_files_a_split_is(memes, option, part, first):
    split = HatefulMemes(memes, **option).split(part)
    assert (len(split), split.ids[0]) == (8, first)


def test_both_takes_a_shared_meme_once(memes):
    task = HatefulMemes(memes, validation="both", test="both")
    validation = task.split("validation")
    assert (len(validation), len(set(validation.ids))) == (14, 14)
    assert validation.notes == {"listed twice, taken once": 2}
    assert len(task.split("test")) == 16


def test_the_study_keeps_what_is_listed_twice(memes):
    for options in ({"splits": "study"}, {"validation": "both", "duplicates": "keep"}):
        split = HatefulMemes(memes, **options).split("validation")
        assert (len(split), len(set(split.ids))) == (16, 16)
        assert split.notes == {"listed twice, kept twice": 2}
        assert split.ids[8:10] == ["02006-1", "02007-2"]
        assert split.texts[6] == split.texts[8]
        assert split.facts["meme"][6:10] == ["02006", "02007", "02006", "02007"]
    assert len(HatefulMemes(memes, splits="study").split("test")) == 16


def joined(memes):
    """Join the seen and unseen parts, as some copies do."""
    for name, parts in (
        ("validation", ("dev_seen", "dev_unseen")),
        ("test", ("test_seen", "test_unseen")),
    ):
        lines = [(memes / f"{part}.jsonl").read_text() for part in parts]
        for part in parts:
            (memes / f"{part}.jsonl").unlink()
        (memes / f"{name}.jsonl").write_text("".join(lines))
    return memes


def test_a_copy_that_joined_the_parts(memes):
    both = {"validation": "both", "test": "both"}
    apart = {name: HatefulMemes(memes, **both).split(name) for name in both}
    joined(memes)
    for name, expected in apart.items():
        split = HatefulMemes(memes, **both).split(name)
        assert (split.ids, split.notes) == (expected.ids, expected.notes)
        assert len(HatefulMemes(memes, splits="study").split(name)) == 16
    with pytest.raises(alignkit.DataError, match=r"use `task=hateful_memes:validation=both`"):
        HatefulMemes(memes).split("validation")


def tables(memes, suffix, pictures):
    """Rewrite the annotations as tables, with the pictures inside or as paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in memes.glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            content = (memes / row["img"]).read_bytes()
            match pictures:
                case "struct":
                    row["image"] = {"bytes": content, "path": row.pop("img")}
                case "bytes":
                    row["image"] = content
                    del row["img"], row["id"]
                    row["text"] = [row["text"]]
        table = pa.Table.from_pylist(rows)
        if suffix == "arrow":
            target = memes / f"hatefulmemes_{path.stem}.arrow"
            with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, table.schema) as out:
                out.write_table(table)
        else:
            (memes / "data").mkdir(exist_ok=True)
            pq.write_table(table, memes / f"data/{path.stem}-00000-of-00001.parquet")
        path.unlink()


@pytest.mark.parametrize(
    ("suffix", "pictures"), [("parquet", "struct"), ("parquet", "path"), ("arrow", "bytes")]
)
def test_tables_of_mirrors(memes, suffix, pictures):
    expected = HatefulMemes(memes).split("train")
    tables(memes, suffix, pictures)
    split = HatefulMemes(memes).split("train")
    if pictures != "bytes":
        assert len(HatefulMemes(memes, validation="both").split("validation")) == 14
    assert split.texts == expected.texts
    assert split.targets.tolist() == expected.targets.tolist()
    if pictures == "bytes":  # these tables have no ids
        assert split.ids[:2] == ["hatefulmemes_train-00000", "hatefulmemes_train-00001"]
    else:
        assert split.ids == expected.ids
    for i in range(8):
        assert np.array_equal(np.asarray(split.image(i)), np.asarray(expected.image(i)))


def test_a_key_called_image_is_as_good_as_img(memes, rewrite):
    rewrite("train", {1000: {"img": ..., "image": "img/01000.png"}})
    assert HatefulMemes(memes).split("train").image(0).size == (12, 8)


def test_everything_that_is_listed(memes, rewrite):
    rewrite("train", {1002: {"label": ...}})
    damage(memes)
    task = HatefulMemes(memes, validation="both")
    listed = task.listed("train")
    assert listed.targets.tolist() == [0, 1, -1, 1, 0, 1, 0, 1]
    with pytest.raises(alignkit.MissingError, match="sample 01002"):
        listed.image(2)
    with pytest.raises(alignkit.DataError, match="sample 01005"):
        listed.image(5)
    assert len(task.listed("validation").ids) == 16
    assert task.published == {"train": 8500, "validation": 1040, "test": 2000}
    assert HatefulMemes(memes, splits="study").published["test"] == 3000


def test_both_with_contradicting_labels_is_refused(memes, rewrite):
    rewrite("dev_unseen", {2007: {"label": 0}})
    with pytest.raises(
        alignkit.DataError, match=r"dev_unseen.jsonl:2: meme 02007 .*dev_seen.jsonl:8"
    ):
        HatefulMemes(memes, validation="both").split("validation")


@pytest.mark.parametrize("place", ["data", "annotations"])
def test_layouts_of_mirrors(memes, place):
    (memes / place).mkdir()
    for path in memes.glob("*.jsonl"):
        path.rename(memes / place / path.name)
    pictures = "data/img" if place == "data" else "images/img"
    shutil.move(memes / "img", memes / pictures)
    split = HatefulMemes(memes).split("train")
    assert split.image(7).size == (12, 8)


def test_pictures_may_lie_on_another_disk(memes, tmp_path):
    shutil.move(memes / "img", tmp_path / "elsewhere")
    (memes / "img").symlink_to(tmp_path / "elsewhere")
    assert HatefulMemes(memes).split("train").image(0).size == (12, 8)


def test_phase_one_names(memes):
    (memes / "dev_seen.jsonl").rename(memes / "dev.jsonl")
    (memes / "test_seen.jsonl").rename(memes / "test.jsonl")
    (memes / "dev_unseen.jsonl").unlink()
    task = HatefulMemes(memes, validation="dev_seen", test="test_seen")
    assert (task.split("validation").ids[0], task.split("test").ids[0]) == ("02000", "03000")
    with pytest.raises(alignkit.DataError, match="use `task=hateful_memes:validation=dev_seen`"):
        HatefulMemes(memes).split("validation")


def test_a_test_split_without_labels_has_no_targets(memes, rewrite):
    rewrite("test_seen", {number: {"label": ...} for number in range(3000, 3008)})
    split = HatefulMemes(memes, test="test_seen").split("test")
    assert split.targets is None
    assert len(split) == 8
    ((note, count),) = split.notes.items()
    assert "fetch test_seen.jsonl from phase 2" in note
    assert count == 8


@pytest.mark.parametrize(("part", "split"), [("train", "train"), ("test_unseen", "test")])
def test_some_labels_missing_is_an_error(memes, rewrite, part, split):
    number = {"train": 1002, "test_unseen": 4002}[part]
    rewrite(part, {number: {"label": None}})
    with pytest.raises(alignkit.DataError, match=rf"{part}.jsonl:3: sample 0{number} has no label"):
        HatefulMemes(memes).split(split)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "x12"}, r"train.jsonl:3: id is 'x12'; expected a number"),
        ({"id": True}, r"train.jsonl:3: id is True"),
        ({"id": 1000}, r"train.jsonl:3: id 01000 already appears at train.jsonl:1"),
        ({"text": None}, r"train.jsonl:3: text is None; expected a string"),
        ({"label": 2}, r"train.jsonl:3: label is 2; expected 0, 1 or none"),
        ({"label": True}, r"train.jsonl:3: label is True"),
        ({"img": "../../etc/passwd"}, r"train.jsonl:3: img is '../../etc/passwd'; expected a"),
        ({"img": "/etc/passwd"}, r"train.jsonl:3: img is '/etc/passwd'"),
        ({"img": 7}, r"train.jsonl:3: img is 7"),
    ],
)
def test_a_wrong_line_is_named(memes, rewrite, changed, message):
    rewrite("train", {1002: changed})
    with pytest.raises(alignkit.DataError, match=message):
        HatefulMemes(memes).split("train")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b'{"id": 1, "text": \n',
            r"train.jsonl:9 is not valid JSON: Expecting value \(column 18\)",
        ),
        (
            b'{"id": 1, "text": "a", "label": NaN}\n',
            r"train.jsonl:9 is not valid JSON: NaN is no number",
        ),
        (
            b'{"id": 1, "text": "a", "id": 2}\n',
            r"train.jsonl:9 is not valid JSON: it has the key 'id' twice",
        ),
        (
            b'{"id": ' + b"9" * 5000 + b"}\n",
            r"train.jsonl:9 is not valid JSON: a number has too many digits",
        ),
        (b"[" * 100000 + b"\n", r"train.jsonl:9 is not valid JSON: it is nested more than 64"),
        (
            '{"id": 1, "text": "a"}\n'.encode("utf-16"),
            r"train.jsonl:9 is not UTF-8 text \(byte 1\)",
        ),
        (b"[1, 2]\n", r"train.jsonl:9 is not a JSON object: \[1, 2\]"),
        (b'{"id": 1, "text": "\xff"}\n', r"train.jsonl:9 is not UTF-8 text \(byte 20\)"),
    ],
)
def test_a_malformed_line_is_named(memes, line, message):
    with (memes / "train.jsonl").open("ab") as file:
        file.write(line)
    with pytest.raises(alignkit.DataError, match=message):
        HatefulMemes(memes).split("train")


def test_empty_lines_and_a_byte_order_mark_are_passed_over(memes):
    path = memes / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n\n")
    assert len(HatefulMemes(memes).split("train")) == 8


def test_an_empty_split_is_an_error(memes):
    (memes / "dev_unseen.jsonl").write_text("\n")
    with pytest.raises(alignkit.DataError, match=r"split 'validation' is empty"):
        HatefulMemes(memes).split("validation")


def damage(memes):
    (memes / "img/01002.png").unlink()
    whole = (memes / "img/01004.png").read_bytes()
    (memes / "img/01004.png").write_bytes(whole[: len(whole) // 2])
    (memes / "img/01005.png").write_bytes(b"<html>not found</html>")


def test_missing_pictures_stop_by_default(memes):
    damage(memes)
    expected = r"2 broken and 1 missing of 8 pictures; the first is missing: id 01002, .*01002\.png"
    with pytest.raises(alignkit.DataError, match=expected) as caught:
        HatefulMemes(memes).split("train")
    assert "images=skip" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_pictures_can_be_skipped(memes):
    damage(memes)
    split = HatefulMemes(memes, images="skip").split("train")
    assert split.ids == ["01000", "01001", "01003", "01006", "01007"]
    assert split.targets.tolist() == [0, 1, 1, 0, 1]
    assert split.texts[2] == "look who is here 501"
    assert split.notes == {"picture missing, left out": 1, "picture broken, left out": 2}
    assert np.asarray(split.image(3)).shape == (8, 12, 3)


def test_missing_pictures_can_be_blank(memes):
    damage(memes)
    split = HatefulMemes(memes, images="blank").split("train")
    assert len(split) == 8
    assert split.notes == {"picture missing, shown blank": 1, "picture broken, shown blank": 2}
    assert split.image(2).getextrema() == ((255, 255),) * 3
    assert split.image(0).size == (12, 8)


def test_skipping_every_picture_is_an_error(memes):
    shutil.rmtree(memes / "img")
    with pytest.raises(alignkit.DataError, match="no sample of the train split has a picture"):
        HatefulMemes(memes, images="skip").split("train")


def test_a_folder_that_is_not_there_shows_the_expected_tree(tmp_path, monkeypatch):
    monkeypatch.delenv("ALIGNKIT_DATA", raising=False)
    for task in (HatefulMemes(), HatefulMemes(tmp_path / "nowhere"), HatefulMemes(tmp_path)):
        with pytest.raises(alignkit.DataError, match=r"img/01235.png") as caught:
            task.split("train")
        assert "hateful_memes" in str(caught.value).splitlines()[0]
        with pytest.raises(alignkit.DataError, match=r"img/01235.png"):
            task.fingerprint()
    monkeypatch.setenv("ALIGNKIT_DATA", str(tmp_path))
    with pytest.raises(alignkit.DataError, match=f"there is no folder {tmp_path}/hateful_memes"):
        HatefulMemes().split("train")


def test_the_folder_from_the_environment(memes, monkeypatch):
    monkeypatch.setenv("ALIGNKIT_DATA", str(memes.parent))
    assert len(HatefulMemes().split("train")) == 8


def test_the_fingerprint_is_of_the_content(memes, rewrite, tmp_path):
    first = HatefulMemes(memes).fingerprint()
    shutil.copytree(memes, tmp_path / "copy")
    assert HatefulMemes(tmp_path / "copy").fingerprint() == first
    assert HatefulMemes(memes, validation="both").fingerprint() != first
    rewrite("train", {1000: {"text": "another"}})
    assert HatefulMemes(memes).fingerprint() != first


def test_the_fingerprint_counts_what_is_skipped(memes, tmp_path):
    first = HatefulMemes(memes, images="skip").fingerprint()
    damage(memes)
    assert HatefulMemes(memes, images="skip").fingerprint() != first


@pytest.mark.parametrize("option", ["validation", "test", "images", "splits", "duplicates"])
def test_unknown_choices_are_refused(option):
    with pytest.raises(alignkit.UsageError, match=f"hateful_memes: {option}=other is not one of"):
        HatefulMemes(**{option: "other"})
    with pytest.raises(alignkit.UsageError, match="no split 'dev'; it has: train"):
        HatefulMemes().split("dev")
