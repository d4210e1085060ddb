"""Data sets as they come from other systems: companions of files, names spelled otherwise."""

import csv
import json
import os
import tarfile
import unicodedata

import captions
import dishes
import movies
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import alignkit
from alignkit_tasks.conceptual_captions import ConceptualCaptions
from alignkit_tasks.folder import Folder
from alignkit_tasks.genres import GENRES, spelled_as_published
from alignkit_tasks.hateful_memes import HatefulMemes
from alignkit_tasks.mm_imdb import MmImdb
from alignkit_tasks.upmc_food import UpmcFood
from odd_files import rewrite_tar, sprinkle

SPELLED = "whose picture has another spelling of its name"
MADE = {
    "movies original": (MmImdb, movies.original),
    "movies two folders": (MmImdb, movies.two_folders),
    "movies hdf5": (MmImdb, movies.hdf5),
    "movies jsonl": (MmImdb, movies.jsonl),
    "movies arrow": (MmImdb, movies.arrow),
    "dishes": (UpmcFood, dishes.titles),
    "captions tsv": (ConceptualCaptions, captions.tsv),
    "captions tar": (ConceptualCaptions, captions.tar),
    "captions parquet": (ConceptualCaptions, captions.parquet),
    "captions study": (ConceptualCaptions, captions.study),
}


def content(task):
    """What a model would see of the training split."""
    split = task.split("train")
    targets = [] if split.targets is None else split.targets.tolist()
    pixels = [np.asarray(split.image(i)).tolist() for i in range(len(split))]
    return list(split.ids), list(split.texts), targets, pixels, task.fingerprint()


@pytest.mark.parametrize("made", MADE)
def test_what_systems_leave_changes_nothing(tmp_path, made):
    task, make = MADE[made]
    root = make(tmp_path / "data")
    before = content(task(root))
    sprinkle(root)
    assert content(task(root)) == before


def test_companions_of_posters_are_no_posters(tmp_path):
    root = movies.hdf5(tmp_path / "movies")
    listed = {part: [movies.identity(n) for n in numbers] for part, numbers in movies.PARTS.items()}
    (root / "split.json").write_text(json.dumps(listed))
    for path in list((root / "dataset").glob("*.json")):
        (root / "dataset" / f"._{path.stem}.jpeg").write_bytes(b"\0\5\x16\7")
    assert MmImdb(root).split("train").image(0).size == (160, 256)


@pytest.mark.parametrize("ending", ["JPEG", "jpg", "JPG"])
def test_posters_with_another_extension(tmp_path, ending):
    root = movies.original(tmp_path / "movies")
    for path in list((root / "dataset").glob("*.jpeg")):
        path.rename(path.with_suffix(f".{ending}"))
    assert len(MmImdb(root).split("train")) == 7


@pytest.mark.parametrize("companions", [True, False])
@pytest.mark.parametrize(
    "rename", [str, lambda n: f"cc.3m/a\\{n}", lambda n: n.upper(), lambda n: f"{n} "]
)
def test_shards_of_other_systems(tmp_path, rename, companions):
    root = captions.tar(tmp_path / "cc")
    before = content(ConceptualCaptions(root))
    for path in list(root.glob("*.tar")):
        rewrite_tar(path, rename, companions)
        path.rename(path.with_suffix(".TAR"))
    after = content(ConceptualCaptions(root))
    assert after[1:4] == before[1:4]


def test_names_in_a_shard_that_are_not_utf8(tmp_path):
    root = captions.tar(tmp_path / "cc")
    for path in root.glob("*.tar"):
        rewrite_tar(path, lambda name: os.fsdecode(b"caf\xe9") + name)
    split = ConceptualCaptions(root).split("train")
    assert split.ids[0] == "cc3m-train-0000/caf\\xe9000000000"
    assert json.dumps(list(split.ids), ensure_ascii=False).encode()


def test_entries_without_a_picture_are_counted(tmp_path):
    root = captions.tar(tmp_path / "cc")
    with tarfile.open(root / "cc3m-train-0000.tar", "a") as archive:
        for name in ("README.md", "000000009.txt"):
            archive.addfile(tarfile.TarInfo(name))
    split = ConceptualCaptions(root).split("train")
    assert list(split.texts) == captions.CAPTIONS["train"]
    assert split.notes == {"in a shard without a picture, left out": 2}


NAMES = st.text("abé\u00fcñ0", min_size=1, max_size=6)
SPELLINGS = {
    "nfd": lambda name: unicodedata.normalize("NFD", name),
    "nfc": lambda name: unicodedata.normalize("NFC", name),
    "backslashes": lambda name: name.replace("/", "\\"),
    "blanks": lambda name: f"{name} ",
    "extension": lambda name: name.replace(".png", ".PNG"),
    "dot": lambda name: f"./{name}",
}


def table(root, names, base="img"):
    """Pictures whose colour is their number, and a table that names them."""
    (root / base).mkdir(parents=True, exist_ok=True)
    with (root / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "text", "label", "split"])
        for number, (stored, written) in enumerate(names):
            Image.new("RGB", (4, 4), (number, 9, 9)).save(root / stored)
            writer.writerow([written, f"text {number}", "ab"[number % 2], "test"])
    return Folder(root)


@settings(deadline=None, max_examples=40)
@given(st.lists(NAMES, min_size=2, max_size=6, unique_by=str.casefold), st.data())
def test_a_table_in_any_spelling_shows_the_right_pictures(tmp_path_factory, stems, data):
    root = tmp_path_factory.mktemp("own")
    names = []
    for stem in stems:
        stored = unicodedata.normalize(
            data.draw(st.sampled_from(["NFC", "NFD"])), f"img/{stem}.png"
        )
        spelling = data.draw(st.sampled_from(list(SPELLINGS)))
        names.append((stored, SPELLINGS[spelling](stored)))
    split = table(root, names).split("test")
    assert [split.image(i).getpixel((0, 0))[0] for i in range(len(split))] == [*range(len(stems))]
    other = sum(not (root / written).is_file() for _, written in names)
    assert sum(split.notes.values()) <= other
    assert set(split.notes) <= {SPELLED}


def test_another_spelling_is_counted(tmp_path):
    names = [("img/é.png", "img\\e\u0301.PNG"), ("img/b.png", "img/b.png")]
    assert table(tmp_path, names).split("test").notes == {SPELLED: 1}


@pytest.mark.parametrize("written", ["C:\\data\\img\\a.png", "d:/img/a.png", "\\\\server\\a.png"])
def test_paths_of_another_computer_are_refused(tmp_path, written):
    with pytest.raises(alignkit.DataError, match=r"data.csv:2: the picture is .*another computer"):
        table(tmp_path, [("img/a.png", written), ("img/b.png", "img/b.png")]).split("test")


@pytest.mark.parametrize("written", ["..\\a.png", "img\\..\\..\\a.png", "  "])
def test_backslashes_do_not_lead_out(tmp_path, written):
    with pytest.raises(alignkit.DataError, match=r"data.csv:2: the picture is .*inside the folder"):
        table(tmp_path, [("img/a.png", written), ("img/b.png", "img/b.png")]).split("test")


def test_tables_with_an_extension_in_capitals(tmp_path):
    table(tmp_path, [("img/a.png", "img/a.png"), ("img/b.png", "img/b.png")])
    (tmp_path / "data.csv").rename(tmp_path / "DATA.CSV")
    assert len(Folder(tmp_path).split("test")) == 2


def test_a_link_that_leads_nowhere_beside_annotations(tmp_path):
    root = movies.original(tmp_path / "movies")
    (root / "dataset/old.json").symlink_to("gone.json")
    assert len(MmImdb(root).split("train")) == 7


WRITTEN = {
    "lower": str.lower,
    "upper": str.upper,
    "blanks": lambda genre: f" {genre.replace('-', ' ')} ",
    "together": lambda genre: genre.replace("-", ""),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_genres_in_another_spelling_are_matched_and_counted(tmp_path, written):
    root = movies.jsonl(tmp_path / "movies")
    before = MmImdb(root).split("train")
    for path in root.glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line["label"] = [WRITTEN[written](genre) for genre in line["label"]]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    after = MmImdb(root).split("train")
    assert (after.targets == before.targets).all()
    assert after.notes.items() >= before.notes.items()
    count = after.notes.get("with a genre in another spelling, which is matched", 0)
    assert (count >= 6) == (written != "together")  # none of these has a hyphen
    assert MmImdb(root).fingerprint() == MmImdb(movies.jsonl(tmp_path / "b")).fingerprint()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(GENRES), unique=True), st.sampled_from(list(WRITTEN)), st.data())
def test_genres_are_read_as_published(genres, written, data):
    names = [WRITTEN[written](genre) for genre in genres]
    assert spelled_as_published(names) == tuple(genres)
    between = data.draw(st.sampled_from([", ", "|", " / ", ";"]))
    assert spelled_as_published([between.join(names)] if names else []) == tuple(genres)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=12))
def test_other_genres_stay_as_they_are(name):
    (read,) = spelled_as_published([name]) or ("",)
    assert read in (*GENRES, name.strip())


@pytest.mark.parametrize("label", [["Krimi"], ["18", "35"], []])
def test_genres_none_of_which_is_known_are_refused(tmp_path, label):
    root = movies.jsonl(tmp_path / "movies")
    for path in root.glob("*.jsonl"):
        lines = [json.loads(line) | {"label": label} for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(alignkit.DataError, match=r"train.jsonl:1: none of 7 .* such as Drama"):
        MmImdb(root).split("train")


def test_labels_that_look_the_same_are_one(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    for split, form in (("train", "NFC"), ("test", "NFD")):
        rows = [f"a.png,text,{unicodedata.normalize(form, name)}" for name in ("café", "thé")]
        (tmp_path / f"{split}.csv").write_text("image,text,label\n" + "\n".join(rows) + "\n")
    task = Folder(tmp_path, validation_share=0.01, test_share=0.01)
    assert task.target.labels == ("café", "thé")
    assert task.split("test").targets.tolist() == [0, 1]


def test_labels_in_one_spelling_stay_as_they_are(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    names = [unicodedata.normalize("NFD", name) for name in ("café", "thé")]
    rows = "\n".join(f"a.png,text,{name},test" for name in names)
    (tmp_path / "data.csv").write_text(f"image,text,label,split\n{rows}\n")
    assert Folder(tmp_path).target.labels == tuple(names)


def test_a_byte_order_mark_is_no_part_of_a_caption(tmp_path):
    root = captions.tar(tmp_path / "cc")
    before = list(ConceptualCaptions(root).split("train").texts)
    for path in root.glob("*.tar"):
        rewrite_tar(path, change=lambda n, c: b"\xef\xbb\xbf" + c if n.endswith("txt") else c)
    assert list(ConceptualCaptions(root).split("train").texts) == before


def test_memes_of_other_systems(memes):
    before = content(HatefulMemes(memes))
    sprinkle(memes)
    assert content(HatefulMemes(memes)) == before
    lines = (memes / "train.jsonl").read_text()
    (memes / "train.jsonl").write_text(lines.replace("img/", "img\\\\").replace(".png", ".PNG "))
    assert content(HatefulMemes(memes)) == before
    assert HatefulMemes(memes).split("train").notes == {SPELLED: 8}


def test_dishes_whose_pictures_have_extensions_in_capitals(tmp_path):
    root = dishes.titles(tmp_path / "food")
    before = content(UpmcFood(root))
    for path in list(root.rglob("*.jpg")):
        path.rename(path.with_suffix(".JPG"))
    assert content(UpmcFood(root)) == before


def test_an_array_of_pictures_that_is_absent_is_named(tmp_path):
    root = movies.study(tmp_path / "movies")
    (root / "images.h5").unlink()
    for images in ("error", "skip"):
        with pytest.raises(alignkit.MissingError, match=f"there is no file {root}/images.h5"):
            MmImdb(root, splits="study", images=images).split("train")


@pytest.mark.parametrize("values", [np.int32(256), np.float64("nan"), np.int32(-1)])
def test_arrays_of_pictures_with_other_values_are_named(tmp_path, values):
    import h5py

    root = movies.study(tmp_path / "movies")
    with h5py.File(root / "images.h5", "r+") as file:
        images = np.zeros(file["images"].shape, np.asarray(values).dtype)
        images[2, 0, 0, 0] = values
        del file["images"]
        file["images"] = images
    split = MmImdb(root, splits="study", images="skip").split("train")
    other = MmImdb(root, splits="study", images="skip").split("validation")
    assert (
        split.notes.get("picture broken, left out", 0)
        + other.notes.get("picture broken, left out", 0)
        == 1
    )


def test_pictures_that_are_renamed_meanwhile_are_found(tmp_path):
    task = table(tmp_path, [("img/a.PNG", "img/a.png"), ("img/b.png", "img/b.png")])
    split = task.split("test")
    assert split.notes == {SPELLED: 1}
    (tmp_path / "img/a.PNG").rename(tmp_path / "img/a.png")
    assert split.image(0).getpixel((0, 0))[0] == 0
    assert task.split("test").notes == {}
