"""What the files of pictures hold, beyond their sizes: known per split, remembered, never stale."""

import os
import sqlite3

import captions
import dishes
import movies
import pytest

from alignkit.data.pixels import cache_folder
from alignkit.runs.config import choose_task
from alignkit_tasks import content
from alignkit_tasks.content import FILE, content_of
from alignkit_tasks.sources import Absent, File


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "cache"))


def change(path, at=None):
    """Replace a file by another of the same size, as a new file with the old time."""
    before = path.stat()
    held = bytearray(path.read_bytes())
    held[at or len(held) // 2] ^= 1
    other = path.with_name("other")
    other.write_bytes(held)
    other.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def _table(root):
    root.mkdir()
    lines = ["image,text,label,split"]
    for number, split in enumerate(("train", "train", "validation", "validation", "test", "test")):
        (root / f"{number}.png").write_bytes(captions.jpeg(number))
        lines.append(f"{number}.png,text {number},{'ab'[number % 2]},{split}")
    (root / "table.csv").write_text("\n".join(lines))
    return root


MADE = {
    "folder": (_table, "2.png", "validation"),
    "mm_imdb": (movies.original, "dataset/*.jpeg", None),
    "upmc_food": (dishes.titles, "images/test/tacos/*.jpg", "test"),
    "hateful_memes": (None, "img/03*.png", "test"),
    "conceptual_captions": (captions.tsv, "images/*.jpg", None),
    "conceptual_captions: shards, tar": (captions.tar, "*validation*.tar", "validation"),
    "conceptual_captions: shards, parquet": (
        captions.parquet,
        "data/validation*.parquet",
        "validation",
    ),
}


def _contents(task, root):
    name = task.partition(":")[0]
    made = choose_task(f"{name}:test=test_seen" if name == "hateful_memes" else name, root).make()
    splits = ["train", "validation"] + ["test"] * (name != "conceptual_captions")
    return made.fingerprint(), {split: made.content_digest(split) for split in splits}


@pytest.mark.parametrize("task", MADE)
def test_another_picture_of_the_same_size_changes_the_content_of_its_split_only(
    task, memes, tmp_path
):
    make, pattern, split = MADE[task]
    if "parquet" in task:
        pytest.importorskip("pyarrow")
    root = make(tmp_path / "data") if make else memes
    fingerprint, before = _contents(task, root)
    assert _contents(task, root) == (fingerprint, before)
    assert len(set(before.values())) == len(before)
    change(sorted(root.glob(pattern))[0])
    again, after = _contents(task, root)
    if "shards" not in task:  # of which the first bytes, here all, are in the fingerprint
        assert again == fingerprint  # the identity of runs stays as it is
    changed = [name for name in before if before[name] != after[name]]
    assert changed == [split] if split else len(changed) == 1


def test_the_place_of_the_data_does_not_matter(memes, tmp_path):
    before = _contents("hateful_memes", memes)
    memes.rename(tmp_path / "moved")
    assert _contents("hateful_memes", tmp_path / "moved") == before


def test_shards_beyond_the_limit_are_not_read(tmp_path, monkeypatch):
    root = captions.tar(tmp_path / "data")
    made = choose_task("conceptual_captions:limit=2", root).make()
    before = made.content_digest("train")
    first, second, _ = sorted(root.glob("*train*.tar"))
    change(second)
    assert made.content_digest("train") == before
    change(first, at=1000)  # in its first picture
    assert made.content_digest("train") != before


@pytest.fixture
def pictures(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 100)
    return files


def _digest(files):
    return content_of((file.name, File(file)) for file in files)


def _reads(monkeypatch):
    """The files whose bytes are read from now on."""
    read = []
    plain = content.sha256_of
    monkeypatch.setattr(content, "sha256_of", lambda path: read.append(path.name) or plain(path))
    return read


def test_only_what_has_changed_is_read_again(pictures, monkeypatch):
    monkeypatch.setattr(content, "SETTLED", 0)
    read = _reads(monkeypatch)
    before = _digest(pictures)
    assert sorted(read) == [file.name for file in pictures]
    read.clear()
    assert _digest(pictures) == before
    assert not read
    change(pictures[3])
    assert _digest(pictures) != before
    assert read == ["3.png"]
    assert content_of([("0.png", File(pictures[1]))]) != content_of([("0.png", File(pictures[0]))])


def test_a_file_that_was_written_just_now_is_not_remembered(pictures, monkeypatch):
    """It may be written again within the resolution of its time."""
    read = _reads(monkeypatch)
    _digest(pictures)
    _digest(pictures)
    assert len(read) == 2 * len(pictures)


def test_a_missing_picture_differs_from_one_that_is_there(pictures):
    before = _digest(pictures)
    pictures[2].unlink()
    missing = _digest(pictures)
    assert missing != before
    assert missing == content_of(
        (file.name, Absent("there") if file == pictures[2] else File(file)) for file in pictures
    )


@pytest.mark.parametrize("damage", ["file", "value", "folder"])
def test_a_damaged_memory_gives_no_wrong_digest(pictures, monkeypatch, damage):
    monkeypatch.setattr(content, "SETTLED", 0)
    before = _digest(pictures)
    file = cache_folder() / FILE
    if damage == "value":
        with sqlite3.connect(file) as base:
            base.execute("UPDATE digests SET value = zeroblob(40)")
    else:
        file.unlink()
        file.write_bytes(b"no base" * 1000) if damage == "file" else file.mkdir()
    assert _digest(pictures) == _digest(pictures) == before
    read = _reads(monkeypatch)
    assert _digest(pictures) == before
    assert bool(read) == (damage == "folder")  # otherwise it is remembered anew
