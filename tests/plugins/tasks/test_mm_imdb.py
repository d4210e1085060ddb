"""MM-IMDb in every layout, and the conventions that change its scores."""

import json
import shutil
import sys

import movies
import numpy as np
import pandas as pd
import pytest

import alignkit
from alignkit_tasks.mm_imdb import GENRES, MmImdb

LAYOUTS = {
    "original": movies.original,
    "nested": movies.nested,
    "two folders": movies.two_folders,
    "hdf5": movies.hdf5,
    "jsonl image": movies.jsonl,
    "jsonl img": lambda root: movies.jsonl(root, "img"),
    "arrow": movies.arrow,
    "arrow flags": lambda root: movies.arrow(root, genres=False),
    "arrow stream": lambda root: movies.arrow(root, stream=True),
    "parquet": lambda root: movies.arrow(root, "parquet"),
}


@pytest.fixture
def root(tmp_path):
    return movies.original(tmp_path / "mm_imdb")


def genres_of(split, row):
    return {GENRES[i] for i in split.targets[row].nonzero()[0]}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_movies(tmp_path, layout):
    (tmp_path / "mm_imdb").mkdir()
    task = MmImdb(LAYOUTS[layout](tmp_path / "mm_imdb"))
    train, validation, test = (task.split(name) for name in ("train", "validation", "test"))
    assert [len(s) for s in (train, validation, test)] == [7, 2, 2]
    assert train.ids[0] == "0000001"
    assert train.texts[:2] == [f"{movies.LONGEST} 1", "only plot 2"]
    assert genres_of(train, 0) == {"Comedy", "Action"}
    assert genres_of(train, 3) == {"Drama"}
    assert genres_of(train, 4) == set()
    assert train.targets.shape == (7, 23)
    for i in range(7):
        picture = train.image(i)
        assert picture.mode == "RGB"
    assert np.allclose(train.image(2).getpixel((3, 3)), (200, 3, 40 * (layout != "hdf5")), atol=6)


def test_labels_are_in_a_known_order_and_scored_by_f1(root):
    target = MmImdb(root).target
    assert len(target.labels) == 23
    assert (target.labels[0], target.labels[-1]) == ("Drama", "Film-Noir")
    assert target.primary == "macro_f1"


@pytest.mark.parametrize(
    ("text", "first", "second", "third"),
    [
        ("longest", f"{movies.LONGEST} 1", "only plot 2", f"{movies.LONGEST} 3"),
        ("first", "short plot 1", "only plot 2", "short plot 3"),
        ("outline", "outline 1", "outline 2", f"{movies.LONGEST} 3"),
        ("title", f"Film 1. {movies.LONGEST} 1", "Film 2. only plot 2", None),
    ],
)
def test_text_policies(root, text, first, second, third):
    split = MmImdb(root, text=text).split("train")
    assert split.texts[:2] == [first, second]
    assert third in (None, split.texts[2])
    assert ("without outline, with the longest plot" in split.notes) == (text == "outline")


def test_all_plots_are_samples_in_training_only(root):
    train = MmImdb(root, text="all").split("train")
    assert len(train) == 6 * 3 + 1
    assert train.ids[:4] == ["0000001-0", "0000001-1", "0000001-2", "0000002"]
    assert (train.targets[0] == train.targets[2]).all()
    first = train.ids[0].partition("-")[0]
    assert train.facts["movie"].count(first) == sum(i.startswith(first) for i in train.ids) > 1
    validation = MmImdb(root, text="all").split("validation")
    assert validation.ids == ["0000008", "0000009"]
    assert validation.texts[0] == f"{movies.LONGEST} 8"


def test_a_movie_without_any_plot_is_counted(root):
    path = root / "dataset/0000001.json"
    path.write_text(json.dumps(movies.details(1) | {"plot": None}))
    split = MmImdb(root).split("train")
    assert split.texts[0] == ""
    assert split.notes["without a plot, with an empty text"] == 1


def test_genres_outside_of_the_23(root):
    ignored = MmImdb(root).split("train")
    assert ignored.notes == {
        "with a genre outside the 23, which is ignored": 2,
        "without any genre of the 23": 1,
    }
    skipped = MmImdb(root, genres="skip").split("train")
    assert len(skipped) == 5
    assert skipped.notes == {"with a genre outside the 23, left out": 2}
    with pytest.raises(alignkit.DataError, match=r"0000004.json: genre 'News' .*genres=ignore"):
        MmImdb(root, genres="error").split("train")


def test_columns_follow_the_names_of_the_hdf5_file_not_their_order(tmp_path):
    split = MmImdb(movies.hdf5(tmp_path / "h")).split("validation")
    assert [genres_of(split, row) for row in (0, 1)] == [{"Romance", "Action"}, {"Drama", "Action"}]


def test_an_hdf5_file_without_table_of_splits_must_be_whole(tmp_path):
    root = movies.hdf5(tmp_path / "h", with_table=False)
    with pytest.raises(alignkit.DataError, match="has 11 rows and no attribute 'split'"):
        MmImdb(root).split("train")


def test_an_hdf5_file_alone_has_no_plots(tmp_path):
    root = movies.hdf5(tmp_path / "h")
    shutil.rmtree(root / "dataset")
    with pytest.raises(alignkit.DataError, match=r"holds no plots; .*dataset/ID.json"):
        MmImdb(root).split("train")


def test_the_originals_posters_are_preferred(tmp_path):
    root = movies.original(movies.hdf5(tmp_path / "h"))
    assert MmImdb(root).split("train").image(0).size == (9, 12)


@pytest.mark.parametrize(
    ("layout", "module", "extra"),
    [
        (movies.hdf5, "h5py", "hdf5"),
        (movies.study, "h5py", "hdf5"),
        (movies.arrow, "pyarrow", "arrow"),
    ],
)
def test_a_library_that_is_not_installed_is_named(tmp_path, monkeypatch, layout, module, extra):
    root = tmp_path / "data"
    root.mkdir()
    layout(root)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(alignkit.DataError, match=rf"needs {module}; .*alignkit-tasks\[{extra}\]"):
        MmImdb(root, splits="study" if layout is movies.study else "official").split("train")


def test_the_study_s_copy_and_its_shuffle(tmp_path):
    root = movies.study(tmp_path / "study")
    task = MmImdb(root, splits="study")
    train, validation, test = (task.split(name) for name in ("train", "validation", "test"))
    table = pd.read_csv(root / "mmimdb_trainval.csv").sample(frac=1, random_state=42)
    assert [int(i) for i in (*train.ids, *validation.ids)] == list(table["img_index"])
    assert [len(s) for s in (train, validation, test)] == [7, 2, 2]
    assert test.ids == ["00009", "00010"]
    row = train.ids.index("00000")
    assert genres_of(train, row) == {"Comedy", "Action"}
    assert train.image(row).getpixel((0, 0)) == (200, 1, 0)
    with pytest.raises(alignkit.DataError, match=r"no official dev split; use .*splits=study"):
        MmImdb(root).split("train")
    assert MmImdb(root).split("test").ids == test.ids


def test_the_study_s_shuffle_needs_the_study_s_copy(root):
    with pytest.raises(alignkit.UsageError, match=r"mmimdb_trainval.csv, which .* does not hold"):
        MmImdb(root, splits="study").split("train")


def test_a_stratified_split_does_not_depend_on_the_order_of_rows(root):
    def parts(task):
        return [frozenset(task.split(name).ids) for name in ("train", "validation", "test")]

    task = MmImdb(root, splits="stratified", validation_share=0.3)
    train, validation, test = parts(task)
    assert not train & validation
    assert len(train | validation) == 9
    assert test == {"0000010", "0000011"}
    listed = json.loads((root / "split.json").read_text())
    listed["train"].reverse()
    (root / "split.json").write_text(json.dumps(listed))
    assert parts(task) == [train, validation, test]
    others = [
        parts(MmImdb(root, splits="stratified", validation_share=0.3, data_seed=seed))
        for seed in range(1, 6)
    ]
    assert any(other != [train, validation, test] for other in others)


def test_posters_that_are_missing_or_truncated(root):
    (root / "dataset/0000001.jpeg").unlink()
    whole = (root / "dataset/0000003.jpeg").read_bytes()
    (root / "dataset/0000003.jpeg").write_bytes(whole[:-40])
    with pytest.raises(alignkit.DataError, match=r"1 broken and 1 missing of 7 pictures"):
        MmImdb(root).split("train")
    split = MmImdb(root, images="skip").split("train")
    assert split.ids[:3] == ["0000002", "0000004", "0000005"]
    assert split.notes["picture missing, left out"] == 1
    assert split.notes["picture broken, left out"] == 1


def test_a_movie_that_is_listed_but_not_there(root):
    (root / "dataset/0000002.json").unlink()
    with pytest.raises(alignkit.MissingError, match=r"0000002.json, which the split lists"):
        MmImdb(root).split("train")


@pytest.mark.parametrize("number", ["../../0000001", "/etc/passwd"])
def test_ids_cannot_lead_out_of_the_folder(root, number):
    listed = json.loads((root / "split.json").read_text())
    listed["train"][0] = number
    (root / "split.json").write_text(json.dumps(listed))
    with pytest.raises(alignkit.DataError, match="expected a path inside the folder"):
        MmImdb(root).split("train")


def test_pictures_of_jsonl_cannot_lie_outside(tmp_path):
    root = movies.jsonl(tmp_path / "data")
    lines = (root / "train.jsonl").read_text().replace("dataset/0000002", "../dataset/0000002")
    (root / "train.jsonl").write_text(lines)
    with pytest.raises(alignkit.DataError, match=r"train.jsonl:2: the picture is '../dataset"):
        MmImdb(root).split("train")


def test_an_unknown_folder_gets_one_line(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(alignkit.DataError) as caught:
        MmImdb(tmp_path).split("train")
    message = str(caught.value)
    assert "\n" not in message
    assert "split.json, dataset/0114709.json" in message
    assert "multimodal_imdb.hdf5" in message
    assert message.endswith("found: readme.txt")


def test_the_fingerprint_follows_texts_posters_and_options(root):
    first = MmImdb(root).fingerprint()
    assert MmImdb(root, text="first").fingerprint() != first
    path = root / "dataset/0000001.json"
    path.write_text(json.dumps(movies.details(1) | {"title": "not used"}))
    assert MmImdb(root).fingerprint() == first
    path.write_text(json.dumps(movies.details(1) | {"plot": ["new"]}))
    assert MmImdb(root).fingerprint() != first
    path.write_text(json.dumps(movies.details(1)))
    assert MmImdb(root).fingerprint() == first
    (root / "dataset/0000001.jpeg").unlink()
    assert MmImdb(root).fingerprint() != first


def test_what_is_published(root):
    assert MmImdb(root).published["train"] == 15552
    assert MmImdb(root, splits="stratified").published["train+validation"] == 18160
