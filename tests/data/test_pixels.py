"""Kept pixels: equal to fresh ones, used only where they fit, whole or absent."""

import hashlib
import shutil

import numpy as np
import pytest

from alignkit.chain.train import train
from alignkit.data.encoded import EncodedSplit
from alignkit.data.pixels import find_pixels, store_pixels
from alignkit.errors import AlignkitError, DataError, UsageError
from alignkit.runs import Training, resolve_config
from alignkit.tasks import Split
from tiny import TINY_MODEL, TINY_TASK, alignkit, train_tiny

SMALL = TINY_MODEL + ",image_size=24,patch_size=8"  # another size than the toys are drawn in


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made():
    config = resolve_config(TINY_TASK, "1", SMALL)
    split = config.task.make().split("validation")
    return split, config.architecture.make().inputs(split.texts)


def test_kept_pixels_equal_fresh_ones(made):
    split, inputs = made
    folder = store_pixels("toy_match", split, inputs, "validation", "f")
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "pixels.npy"]
    fresh = EncodedSplit(split, inputs, "validation")
    kept = EncodedSplit(split, inputs, "validation", lambda: "f")
    assert kept._stored is not None
    assert isinstance(kept._stored, np.memmap)
    for rows in fresh.in_order(7):
        one, other = fresh.batch(rows), kept.batch(rows)
        assert one["vision"]["pixels"].equal(other["vision"]["pixels"])
        assert one["text"]["tokens"].equal(other["text"]["tokens"])


def test_pictures_are_not_opened_again(made, monkeypatch):
    split, inputs = made
    store_pixels("toy_match", split, inputs, "validation", "f")
    closed = Split(split.ids, split.texts, lambda i: pytest.fail("opened"), split.targets)
    EncodedSplit(closed, inputs, "validation", lambda: "f").batch([0, 3])
    store_pixels("toy_match", closed, inputs, "validation", "f")  # exists already


@pytest.mark.slow
def test_training_from_kept_pixels_gives_the_same_bytes(tmp_path, monkeypatch):
    config = resolve_config(TINY_TASK, "1", SMALL, Training(epochs=1))
    runs = [train(config, tmp_path / "fresh")]
    alignkit("data", "cache", TINY_TASK, "--architecture", SMALL, cwd=tmp_path)
    monkeypatch.setattr(
        "alignkit_vilbert.inputs.Inputs.pixels", lambda *_: pytest.fail("decoded again")
    )
    runs.append(train(config, tmp_path / "kept"))
    one, other = (
        {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in run.path.glob("*.*")}
        for run in runs
    )
    assert one == other
    from alignkit.chain.evaluate import evaluate
    from alignkit.chain.extract import extract

    evaluate(runs[1], "test")
    extract(runs[1], "test")


def test_other_data_sizes_or_splits_do_not_fit(made):
    split, inputs = made
    store_pixels("toy_match", split, inputs, "validation", "f")
    other = resolve_config(TINY_TASK, "1", TINY_MODEL).architecture.make().inputs(split.texts)
    assert find_pixels(split, inputs, "validation", lambda: "f") is not None
    assert find_pixels(split, inputs, "validation", lambda: "g") is None
    assert find_pixels(split, inputs, "test", lambda: "f") is None
    assert find_pixels(split, other, "validation", lambda: "f") is None
    fewer = Split(split.ids[1:], split.texts[1:], split.image, split.targets[1:])
    assert find_pixels(fewer, inputs, "validation", lambda: "f") is None


def test_without_kept_pixels_nobody_asks_for_the_fingerprint(made):
    split, inputs = made
    assert find_pixels(split, inputs, "validation", lambda: pytest.fail("asked")) is None


def test_an_interrupted_decoding_leaves_nothing(made, cache):
    split, inputs = made

    def broken(i):
        if i == 5:
            raise DataError("broken")
        return split.image(i)

    damaged = Split(split.ids, split.texts, broken, split.targets)
    with pytest.raises(DataError, match="broken"):
        store_pixels("toy_match", damaged, inputs, "validation", "f")
    assert not [p for p in cache.rglob("*") if p.is_file()]


def test_pixels_that_were_tampered_with_are_refused(made):
    split, inputs = made
    folder = store_pixels("toy_match", split, inputs, "validation", "f")
    np.save(folder / "pixels.npy", np.zeros((3, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="do not match their manifest; delete it"):
        find_pixels(split, inputs, "validation", lambda: "f")
    (folder / "pixels.npy").write_bytes(b"half a fi")
    with pytest.raises(DataError, match="do not match their manifest; delete it"):
        find_pixels(split, inputs, "validation", lambda: "f")


def test_a_full_disk_is_said_before_the_work(made, monkeypatch):
    split, inputs = made
    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda p: usage(p)._replace(free=1000))
    with pytest.raises(AlignkitError, match=r"the pixels need about .* kB in .*ALIGNKIT_CACHE"):
        store_pixels("toy_match", split, inputs, "validation", "f")


def test_an_architecture_that_says_no_recipe_is_left_alone(made):
    split, _ = made

    class Plain:
        def tokens(self, text):
            return np.zeros(2, dtype=np.int64)

    with pytest.raises(UsageError, match="have no 'recipe'"):
        store_pixels("toy_match", split, Plain(), "validation", "f")
    assert find_pixels(split, Plain(), "validation", lambda: "f") is None


@pytest.mark.slow
def test_runs_do_not_depend_on_where_pixels_come_from(tmp_path):
    alignkit("data", "cache", TINY_TASK, "--architecture", TINY_MODEL, cwd=tmp_path)
    with_pixels = train_tiny(tmp_path / "a")
    for folder in (tmp_path / "cache/pixels").iterdir():
        for file in folder.iterdir():
            file.unlink()
    assert with_pixels.stored["identity"] == train_tiny(tmp_path / "b").stored["identity"]
