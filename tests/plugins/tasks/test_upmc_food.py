"""UPMC Food-101 in every layout, and the traps of its tables."""

import dishes
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alignkit
from alignkit_tasks.splits import held_out
from alignkit_tasks.upmc_food import UpmcFood
from alignkit_tasks.upmc_food_layouts import cleaned

LAYOUTS = {
    "titles": dishes.titles,
    "titles at the top": lambda root: dishes.titles(root, ""),
    "nested": dishes.nested,
    "pages": dishes.pages,
    "split.json": dishes.split_file,
    "text.json": lambda root: dishes.split_file(root, with_titles=False),
    "jsonl image": dishes.jsonl,
    "jsonl img": lambda root: dishes.jsonl(root, "img"),
    "arrow": dishes.arrow,
    "study": dishes.study,
}


@pytest.fixture
def root(tmp_path):
    return dishes.titles(tmp_path / "upmc_food")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_copy_is_divided_alike(tmp_path, layout):
    task = UpmcFood(LAYOUTS[layout](tmp_path / "food"), validation_share=0.34)
    train, validation, test = (task.split(name) for name in ("train", "validation", "test"))
    held = held_out(dishes.TRAIN, [dishes.class_of(s) for s in dishes.TRAIN], 0.34, 0)
    assert set(validation.ids) == held
    assert set(train.ids) == set(dishes.TRAIN) - held
    assert sorted(test.ids) == sorted(dishes.TEST)
    assert [list(validation.targets).count(label) for label in range(3)] == [2, 2, 2]
    assert task.target.labels == dishes.CLASSES
    for split in (train, validation, test):
        for i, identity in enumerate(split.ids):
            assert dishes.CLASSES[split.targets[i]] == dishes.class_of(identity)
            red, *_ = split.image(i).getpixel((5, 5))
            assert abs(red - (60 * split.targets[i] + 40)) < 6


@pytest.mark.parametrize("layout", LAYOUTS)
def test_titles_survive_quotes_entities_and_na(tmp_path, layout):
    task = UpmcFood(LAYOUTS[layout](tmp_path / "food"))
    texts = {}
    for name in ("train", "validation", "test"):
        split = task.split(name)
        texts |= dict(zip(split.ids, split.texts, strict=True))
        assert split.facts["title"] == [" ".join(t.lower().split()) for t in split.texts]
    assert texts["apple_pie_0"] == "Casa de Luna Creations: Apple Pie, from Scratch"
    assert texts["apple_pie_1"] == 'The "best" pie'
    assert texts["apple_pie_3"] == "Pie & Cream"
    assert texts["apple_pie_7"] == "Wrapped pie"
    assert (texts["cup_cakes_0"], texts["cup_cakes_1"], texts["tacos_0"]) == ("NA", "null", "")


@given(st.text())
def test_cleaning_twice_changes_no_more_than_entities(title):
    once = cleaned(title)
    assert once == once.strip()
    if "&" not in title and "[[" not in title:
        assert once == title.strip()


@pytest.mark.parametrize("layout", ["split.json", "text.json", "jsonl img", "arrow"])
def test_the_development_part_that_a_copy_lists(tmp_path, layout):
    task = UpmcFood(LAYOUTS[layout](tmp_path / "food"), splits="listed")
    assert sorted(task.split("validation").ids) == ["apple_pie_7", "cup_cakes_7", "tacos_7"]
    assert len(task.split("train")) == 15


def test_a_copy_that_lists_none_says_so(root):
    with pytest.raises(alignkit.UsageError, match="use splits=stratified"):
        UpmcFood(root, splits="listed").split("validation")


def test_the_study_s_shuffle(tmp_path, root):
    copy = dishes.study(tmp_path / "study")
    task = UpmcFood(copy, splits="study")
    table = pd.read_csv(copy / "upmcfood_trainval.csv", keep_default_na=False)
    table = table.sample(frac=1, random_state=42)
    stems = [path.rpartition("/")[2].removesuffix(".jpg") for path in table["image_path"]]
    assert list(task.split("train").ids) == stems[: int(0.8 * 18)]
    assert list(task.split("validation").ids) == stems[int(0.8 * 18) :]
    with pytest.raises(alignkit.UsageError, match=r"upmcfood_trainval.csv"):
        UpmcFood(root, splits="study").split("train")


def test_whole_pages(tmp_path, root):
    task = UpmcFood(dishes.pages(tmp_path / "pages"), text="page")
    test = task.split("test")
    assert test.texts[0] == f"The whole page of {test.ids[0]} \ufffd"
    left_out = sum(
        task.split(name).notes.get("without a page text, left out", 0)
        for name in ("train", "validation")
    )
    assert left_out == 1
    for copy in (root, dishes.jsonl(tmp_path / "lines")):
        with pytest.raises(alignkit.DataError, match=r"holds no pages .*text=title"):
            UpmcFood(copy, text="page").split("test")


def test_listed_but_missing_and_corrupt_pictures(root):
    (root / "images/train/tacos/tacos_0.jpg").unlink()
    (root / "images/train/tacos/tacos_1.jpg").write_bytes(b"<html>404</html>")
    with pytest.raises(alignkit.DataError, match=r"1 broken and 1 missing|1 missing|1 broken"):
        for name in ("train", "validation"):
            UpmcFood(root).split(name)
    task = UpmcFood(root, images="skip")
    splits = [task.split(name) for name in ("train", "validation")]
    assert sum(len(split) for split in splits) == 16
    notes = {note for split in splits for note in split.notes}
    assert notes == {"picture missing, left out", "picture broken, left out"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tacos_9.jpg,Title,apple_pie\r\n", r"train_titles.csv:19: 'tacos_9.jpg' is not named"),
        (
            "tacos_9.jpg,Title, with a comma,tacos\r\n",
            r"train_titles.csv:19: 4 columns, expected 3",
        ),
        ("../x/tacos_9.jpg,Title,tacos\r\n", r"'../x/tacos_9.jpg' is not a file name"),
    ],
)
def test_a_wrong_line_is_named(root, line, message):
    with (root / "texts/train_titles.csv").open("a", newline="") as file:
        file.write(line)
    with pytest.raises(alignkit.DataError, match=message):
        UpmcFood(root).split("train")


def test_a_picture_that_is_listed_twice_is_taken_once(root):
    with (root / "texts/test_titles.csv").open("a", newline="") as file:
        file.write("tacos_2.jpg,Again,tacos\r\n")
    split = UpmcFood(root).split("test")
    assert (len(split), split.notes) == (6, {"listed twice, taken once": 1})
    assert split.texts[split.ids.index("tacos_2")] == "Title of tacos_2"
    assert len(UpmcFood(root).listed("test")) == 7


def test_a_stray_quote_is_taken_as_it_stands(root):
    with (root / "texts/test_titles.csv").open("a", newline="") as file:
        file.write('tacos_9.jpg,"Best" tacos ever,tacos\r\n')
    dishes.picture(root / "images/test/tacos/tacos_9.jpg", "tacos_9")
    assert UpmcFood(root).split("test").texts[-1] == "Best tacos ever"


def test_a_wrong_name_in_split_json_is_refused(tmp_path):
    root = dishes.split_file(tmp_path / "food")
    text = (root / "split.json").read_text().replace("tacos_0.jpg", "../tacos_0.jpg")
    (root / "split.json").write_text(text)
    with pytest.raises(alignkit.DataError, match=r"'../tacos_0.jpg' is not a file name"):
        UpmcFood(root).split("train")


def test_the_fingerprint_follows_titles_and_pictures(root):
    first = UpmcFood(root).fingerprint()
    assert UpmcFood(root, data_seed=1).fingerprint() != first
    (root / "images/test/tacos/tacos_2.jpg").write_bytes(b"shrunk")
    assert UpmcFood(root).fingerprint() != first


def test_what_is_published(root):
    assert UpmcFood(root).published == {
        "train+validation": (67972, 67988),
        "test": 22716,
        "labels": 101,
    }


def test_a_quote_that_is_not_closed_swallows_no_titles(root):
    path = root / "texts/test_titles.csv"
    known = UpmcFood(root).split("test")
    with path.open(newline="") as file:
        lines = file.read().splitlines(keepends=True)
    lines.insert(0, 'tacos_9.jpg,"The best tacos,tacos\r\n')
    with path.open("w", newline="") as file:
        file.write("".join(lines))
    dishes.picture(root / "images/test/tacos/tacos_9.jpg", "tacos_9")
    read = UpmcFood(root).split("test")
    assert read.texts == ['"The best tacos', *known.texts]
