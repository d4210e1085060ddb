"""Anyone's own data: a table of image, text and label."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import alignkit
from alignkit_tasks.folder import Folder
from alignkit_tasks.folder_tables import labels_of, table_files
from alignkit_tasks.splits import held_out

LABELS = ("cat", "dog", "owl")


def rows(n=60, **further):
    return [
        {"image": f"img/{i}.png", "text": f"text {i}, quoted", "label": LABELS[i % 3], **further}
        for i in range(n)
    ]


def write(root: Path, table, name="data.csv") -> Path:
    (root / "img").mkdir(parents=True, exist_ok=True)
    for row in table:
        picture = next((row[k] for k in ("image", "file_name") if k in row), None)
        if picture and ".." not in picture and not Path(picture).is_absolute():
            Image.new("RGB", (6, 4), (10, 20, 30)).save(root / picture)
    if name.endswith(".jsonl"):
        (root / name).write_text("".join(json.dumps(row) + "\n" for row in table))
        return root
    with (root / name).open("w", newline="") as file:
        writer = csv.DictWriter(
            file, list(table[0]), dialect="excel" if "csv" in name else "excel-tab"
        )
        writer.writeheader()
        writer.writerows(table)
    return root


def test_further_columns_are_facts_of_the_samples(tmp_path):
    table = [row | {"scene": f"s{i % 7}", "id": f"n{i}"} for i, row in enumerate(rows())]
    split = Folder(write(tmp_path / "data", table)).split("train")
    assert set(split.facts) == {"scene"}
    assert split.facts["scene"] == [f"s{int(name[1:]) % 7}" for name in split.ids]


def test_the_folder_is_looked_through_as_often_for_many_rows_as_for_few(tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(
        "alignkit_tasks.folder.table_files", lambda root: looks.append(root) or table_files(root)
    )

    def count(n):
        looks.clear()
        Folder(write(tmp_path / str(n), rows(n))).split("train")
        return len(looks)

    assert count(60) == count(180)


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl", "data.tsv"])
def test_one_table_is_divided_by_itself(tmp_path, name):
    task = Folder(write(tmp_path / "My Data", rows(), name))
    splits = {part: task.split(part) for part in ("train", "validation", "test")}
    assert [len(split) for split in splits.values()] == [42, 9, 9]
    assert len({i for split in splits.values() for i in split.ids}) == 60
    assert isinstance(task.target, alignkit.SingleLabel)
    assert task.target.labels == LABELS
    for split in splits.values():
        assert set(np.bincount(split.targets)) == {len(split) // 3}
        for i, identity in enumerate(split.ids):
            assert split.targets[i] == int(identity) % 3
            assert split.texts[i] == f"text {int(identity)}, quoted"
    assert splits["test"].image(0).size == (6, 4)
    assert task.alias == "folder-my_data"


def test_the_division_does_not_depend_on_the_order_of_rows(tmp_path):
    split = Folder(write(tmp_path / "a", rows())).split("test")
    other = Folder(write(tmp_path / "b", rows()[::-1])).split("test")
    assert set(split.texts) == set(other.texts)
    seeded = Folder(tmp_path / "a", data_seed=1).split("test")
    assert set(seeded.texts) != set(split.texts)


def test_a_split_column(tmp_path):
    table = [row | {"split": ("training", "Val", "test")[i % 3]} for i, row in enumerate(rows(9))]
    task = Folder(write(tmp_path, table))
    assert [list(task.split(name).ids) for name in ("train", "validation", "test")] == [
        ["000000", "000003", "000006"],
        ["000001", "000004", "000007"],
        ["000002", "000005", "000008"],
    ]
    write(tmp_path, [row | {"split": "extra"} for row in table])
    with pytest.raises(alignkit.DataError, match=r"data.csv:2: split is 'extra'; expected train"):
        task.split("train")


def test_tables_of_their_own(tmp_path):
    for part, n in (("train", 12), ("dev", 6), ("test", 3)):
        write(tmp_path, [r | {"id": f"{part}{i}"} for i, r in enumerate(rows(n))], f"{part}.jsonl")
    task = Folder(tmp_path)
    assert [len(task.split(name)) for name in ("train", "validation", "test")] == [12, 6, 3]
    assert task.split("validation").ids[0] == "dev0"


def test_validation_is_taken_from_training_where_it_is_missing(tmp_path):
    write(tmp_path, rows(60), "train.csv")
    write(tmp_path, rows(9), "test.csv")
    task = Folder(tmp_path, validation_share=0.2)
    assert [len(task.split(name)) for name in ("train", "validation", "test")] == [48, 12, 9]


def test_a_missing_test_split_is_said(tmp_path):
    write(tmp_path, rows(12), "train.csv")
    write(tmp_path, rows(9), "val.csv")
    with pytest.raises(alignkit.UsageError, match=r"has no test rows; it has: train, validation"):
        Folder(tmp_path).split("test")


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["yes", "no"], alignkit.Binary, ("no", "yes")),
        ([0, 1], alignkit.Binary, ("0", "1")),
        ([True, False], alignkit.Binary, ("false", "true")),
        ([2, 10, 1], alignkit.SingleLabel, ("1", "2", "10")),
        (["b", "a", "c"], alignkit.SingleLabel, ("a", "b", "c")),
        ([["a"], ["b", "a"]], alignkit.MultiLabel, ("a", "b")),
        ([["a"], []], alignkit.MultiLabel, ("a",)),
        (["a", "b|a"], alignkit.MultiLabel, ("a", "b")),
        (['["a", "b"]', '["c"]'], alignkit.MultiLabel, ("a", "b", "c")),
    ],
)
def test_what_is_predicted_is_found_in_the_labels(tmp_path, labels, kind, names):
    table = [row | {"label": labels[i % len(labels)]} for i, row in enumerate(rows(24))]
    task = Folder(write(tmp_path, table, "data.jsonl"))
    assert task.target.__class__ is kind
    assert tuple(task.target.labels) == names
    split = task.split("train")
    if kind is alignkit.MultiLabel:
        row = int(split.ids[0]) % len(labels)
        value = labels[row]
        if isinstance(value, str):
            value = json.loads(value) if value.startswith("[") else value.split("|")
        assert {names[i] for i in split.targets[0].nonzero()[0]} == set(value)
    else:
        value = str(labels[int(split.ids[0]) % len(labels)]).lower()
        assert names[split.targets[0]] == value


def test_what_is_predicted_can_be_said(tmp_path):
    table = [row | {"label": ("a|b", "c")[i % 2]} for i, row in enumerate(rows(24))]
    write(tmp_path, table)
    assert Folder(tmp_path, kind="single").target.__class__ is alignkit.SingleLabel
    assert Folder(tmp_path, separator="&").target.labels == ("a|b", "c")
    with pytest.raises(alignkit.UsageError, match="kind=binary, but the labels are: cat, dog, owl"):
        _ = Folder(write(tmp_path / "x", rows()), kind="binary").target


def test_without_labels_it_is_pairs(tmp_path):
    table = [{k: v for k, v in row.items() if k != "label"} for row in rows(20)]
    task = Folder(write(tmp_path, table))
    assert isinstance(task.target, alignkit.Pairs)
    assert task.split("train").targets is None
    assert task.listed("train").targets is None


def test_columns_by_usual_and_by_given_names(tmp_path):
    table = [
        {"file_name": row["image"], "Caption": row["text"], "animal": row["label"], "nr": f"x{i}"}
        for i, row in enumerate(rows(30))
    ]
    task = Folder(write(tmp_path, table), label="animal", id="nr")
    assert task.target.labels == LABELS
    assert all(identity.startswith("x") for identity in task.split("train").ids)
    with pytest.raises(alignkit.UsageError, match=r"no column 'aminal'; it has: file_name, Capt"):
        Folder(tmp_path, label="aminal").split("train")
    with pytest.raises(alignkit.UsageError, match=r"the text\? Name it with text=COLUMN"):
        Folder(write(tmp_path / "y", [{"image": "img/1.png", "words": "a"}])).split("train")


def test_the_table_itself_can_be_named(tmp_path):
    write(tmp_path, rows(30), "one.csv")
    write(tmp_path, rows(12), "two.csv")
    assert len(Folder(tmp_path / "two.csv").split("train")) < 12
    assert Folder(tmp_path / "two.csv").alias == "folder-two"
    with pytest.raises(alignkit.DataError, match=r"has one.csv, two.csv: name the table to use"):
        Folder(tmp_path).split("train")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../b.png", "", None])
def test_pictures_outside_of_the_folder_are_refused(tmp_path, name):
    table = rows(9)
    table[4]["image"] = name
    with pytest.raises(alignkit.DataError, match=r"data.jsonl:5: the picture is .*inside"):
        Folder(write(tmp_path, table, "data.jsonl")).split("train")


def test_pictures_in_another_folder(tmp_path):
    write(tmp_path / "tables", rows(12))
    (tmp_path / "tables/img").rename(tmp_path / "img")
    assert len(Folder(tmp_path / "tables", pictures=tmp_path).split("train")) > 0
    table = [row | {"image": str(tmp_path / row["image"])} for row in rows(12)]
    write(tmp_path / "absolute", table)
    assert len(Folder(tmp_path / "absolute", pictures=tmp_path).split("train")) > 0


def test_missing_labels_are_an_error_but_a_test_split_may_lack_all(tmp_path):
    table = [row | {"split": "test" if i > 20 else "train"} for i, row in enumerate(rows(30))]
    for row in table[21:]:
        row["label"] = ""
    task = Folder(write(tmp_path, table))
    assert task.split("test").targets is None
    table[3]["label"] = ""
    write(tmp_path, table)
    with pytest.raises(alignkit.DataError, match=r"data.csv:5: sample 000003 has no label"):
        for name in ("train", "validation"):
            task.split(name)


def test_labels_that_tell_nothing(tmp_path):
    with pytest.raises(alignkit.DataError, match="at least 2 are needed"):
        _ = Folder(write(tmp_path / "a", [r | {"label": "x"} for r in rows(9)])).target
    table = [row | {"label": i / 7} for i, row in enumerate(rows(40))]
    with pytest.raises(alignkit.DataError, match="a different label"):
        _ = Folder(write(tmp_path / "b", table)).target


def test_ids_that_repeat_are_an_error(tmp_path):
    table = [row | {"id": i // 2} for i, row in enumerate(rows(12))]
    with pytest.raises(alignkit.DataError, match=r"id \d already appears at data.csv:\d+"):
        Folder(write(tmp_path, table)).split("train")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the first line must name each column once"),
        ("image,text,text\n", "the first line must name each column once"),
        ("image,text,label\n", "has no rows"),
        ("image,text,label\na.png,one\n", r"data.csv:2: 2 columns, expected 3"),
        ('image,text,label\na.png,"one\n', r"data.csv:\d: unexpected end of data"),
    ],
)
def test_broken_tables_are_reported(tmp_path, content, message):
    (tmp_path / "data.csv").write_text(content)
    with pytest.raises(alignkit.DataError, match=message):
        Folder(tmp_path).split("train")


def test_a_folder_without_table_gets_one_line(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(alignkit.DataError, match=r"has no table; expected: .*found: notes.txt"):
        Folder(tmp_path).split("train")


def test_the_fingerprint_follows_the_table_not_its_place(tmp_path):
    first = Folder(write(tmp_path / "a", rows())).fingerprint()
    assert Folder(write(tmp_path / "b", rows())).fingerprint() == first
    changed = rows()
    changed[0]["text"] = "another"
    assert Folder(write(tmp_path / "b", changed)).fingerprint() != first


@given(st.lists(st.sampled_from(["a", "b", "c d"]), min_size=2, max_size=5))
def test_lists_of_labels_read_alike_however_they_are_written(names):
    once = tuple(dict.fromkeys(names))
    for written in (names, json.dumps(names), "|".join(names)):
        assert labels_of(written, "|", "here") == once


@given(
    st.lists(st.text(max_size=4), unique=True, min_size=1, max_size=40),
    st.integers(0, 3),
    st.floats(0.05, 0.95),
    st.randoms(),
)
def test_what_is_held_out_is_a_function_of_ids_and_seed(ids, seed, share, random):
    strata = [len(identity) for identity in ids]
    held = held_out(ids, strata, share, seed)
    for stratum in set(strata):
        members = {i for i, s in zip(ids, strata, strict=True) if s == stratum}
        assert len(members & held) == round(share * len(members))
    shuffled = random.sample(ids, len(ids))
    assert held_out(shuffled, [len(i) for i in shuffled], share, seed) == held


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (("0", "1"), ("0.0", "1.0"), ("0", "1")),
        (("0.0", "1.0"), ("1", "0"), ("0", "1")),
        (("true", "false"), ("True", "FALSE"), ("false", "true")),
        (("0.0", "1.0"), ("0.0", "1.0"), ("0.0", "1.0")),  # as stored runs know them
        (("1|2", "2"), ("2.0", "1.0"), ("1", "2")),
    ],
)
def test_labels_of_one_meaning_are_one_class(tmp_path, train, test, expected):
    for name, labels in (("train.csv", train), ("test.csv", test)):
        table = [row | {"label": labels[i % 2]} for i, row in enumerate(rows(12))]
        write(tmp_path, table, name)
    task = Folder(tmp_path)
    assert task.target.labels == expected
    targets = task.split("test").targets
    if targets.ndim == 1:
        assert targets.tolist() == [
            expected.index(_plain(test[i % 2], expected)) for i in range(12)
        ]


def _plain(label, expected):
    same = {"0.0": "0", "1.0": "1", "True": "true", "FALSE": "false"}
    return label if label in expected else same[label]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (("cat", "dog"), ("Cat", "dog"), r"'cat' \(train.csv:2\) and 'Cat' \(test.csv:2\)"),
        (("01", "02"), ("1", "02"), r"'01' .* and '1' .* differ in spelling only"),
        (("0", "1"), ("yes", "no"), r"test.csv:2: the label 'yes', as all of test, is none of"),
    ],
)
def test_labels_that_are_spelled_otherwise_in_a_split_are_refused(tmp_path, train, test, message):
    for name, labels in (("train.csv", train), ("test.csv", test)):
        table = [row | {"label": labels[i % 2]} for i, row in enumerate(rows(12))]
        write(tmp_path, table, name)
    with pytest.raises(alignkit.DataError, match=message):
        _ = Folder(tmp_path).target


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_tables_in_any_spelling(tmp_path, separator, encoding):
    expected = Folder(write(tmp_path / "plain", rows(20))).split("train")
    root = write(tmp_path / "other", rows(20))
    table = list(csv.reader((root / "data.csv").read_text().splitlines()))
    with (root / "data.csv").open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(table)
    read = Folder(root).split("train")
    assert (read.ids, read.texts) == (expected.ids, expected.texts)
    assert any("between cells" in note for note in read.notes)
    assert not any("between cells" in note for note in expected.notes)
    assert read.targets.tolist() == expected.targets.tolist()


def test_a_stray_quote_swallows_no_rows(tmp_path):
    root = write(tmp_path, rows(20))
    lines = (root / "data.csv").read_text().splitlines()
    lines[5] = 'img/4.png,"an open quote,red'
    (root / "data.csv").write_text("\n".join(lines))
    task = Folder(root)
    texts = [text for name in ("train", "validation", "test") for text in task.split(name).texts]
    assert len(texts) == 20
    said = "with a quote that is not closed, read as a character"
    assert sum(task.split(name).notes.get(said, 0) for name in ("train", "validation", "test")) == 1
    assert '"an open quote' in texts
