"""Pictures of every mode come out upright, in RGB, on white."""

import contextlib
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import alignkit
from alignkit.progress import SILENT, Reporter, report_to
from alignkit_tasks.conceptual_captions import ConceptualCaptions
from alignkit_tasks.decoding import FEW, faults_in_decoding
from alignkit_tasks.pictures import Pictures, open_rgb, usable
from alignkit_tasks.sources import File
from odd_pictures import encoded, noise


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("RGB", (10, 200, 30), "png", (10, 200, 30)),
        ("L", 77, "png", (77, 77, 77)),
        ("1", 1, "png", (255, 255, 255)),
        ("P", 0, "png", (0, 0, 0)),
        ("RGBA", (0, 0, 0, 0), "png", (255, 255, 255)),
        ("RGBA", (0, 0, 0, 128), "png", (127, 127, 127)),
        ("LA", (0, 0), "png", (255, 255, 255)),
        ("I;16", 40000, "png", (156, 156, 156)),
        ("CMYK", (0, 0, 0, 0), "jpg", (255, 255, 255)),
        ("CMYK", (0, 0, 0, 255), "jpg", (0, 0, 0)),
        ("L", 77, "jpg", (77, 77, 77)),
    ],
)
def test_modes(tmp_path, mode, colour, suffix, expected):
    path = tmp_path / f"picture.{suffix}"
    Image.new(mode, (16, 16), colour).save(path)
    picture = open_rgb(File(path))
    assert picture.mode == "RGB"
    assert np.allclose(picture.getpixel((5, 5)), expected, atol=2)
    assert File(path).fault() is None


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_becomes_white(tmp_path, mode):
    path = tmp_path / "picture.png"
    transparent = (0, 0, 0) if mode == "RGB" else 0
    Image.new(mode, (4, 4), transparent).save(path, transparency=transparent)
    assert open_rgb(File(path)).getpixel((0, 0)) == (255, 255, 255)


def test_a_camera_held_sideways_is_turned(tmp_path):
    picture = Image.new("RGB", (20, 10), "red")
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "side.jpg", exif=exif)
    assert open_rgb(File(tmp_path / "side.jpg")).size == (10, 20)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_picture_is_reported(tmp_path, suffix, share):
    path = tmp_path / f"picture.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert File(path).fault() == "broken"
    with pytest.raises(alignkit.DataError, match=f"sample 00007: {path} is not a complete"):
        Pictures(["00007"], [File(path)])(0)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>gone</html>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_reported(tmp_path, content):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert File(path).fault() == "broken"
    with pytest.raises(alignkit.DataError, match="is not a complete picture") as caught:
        open_rgb(File(path))
    assert "\n" not in str(caught.value)


def test_a_missing_picture_is_reported(tmp_path):
    assert File(tmp_path / "none.png").fault() == "missing"
    with pytest.raises(alignkit.DataError, match=r"there is no picture .*none\.png"):
        open_rgb(File(tmp_path / "none.png"))


@pytest.mark.parametrize("limit", [100, 3000])  # Pillow only warns up to twice the limit
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_of_absurd_size_is_oversized(tmp_path, monkeypatch, limit, suffix):
    path = tmp_path / f"picture.{suffix}"
    Image.new("L", (64, 64)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert File(path).fault() == "oversized"
    with pytest.raises(alignkit.DataError, match=f"has more than {limit:,} pixels"):
        open_rgb(File(path))


@pytest.mark.parametrize(("policy", "kept"), [("skip", 1), ("blank", 3)])
def test_a_policy_counts_each_kind_of_fault(tmp_path, monkeypatch, policy, kept):
    Image.new("L", (4, 4)).save(tmp_path / "good.png")
    Image.new("L", (64, 64)).save(tmp_path / "huge.png")
    sources = [File(tmp_path / f"{name}.png") for name in ("good", "huge", "gone")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    notes = Counter()
    rows, pictures = usable("memes", ["a", "b", "c"], sources, policy, notes)
    done = "left out" if policy == "skip" else "shown blank"
    assert notes == {f"picture oversized, {done}": 1, f"picture missing, {done}": 1}
    assert len(rows) == len(pictures.ids) == kept
    with pytest.raises(alignkit.DataError, match=r"1 missing and 1 oversized of 3 .* id b"):
        usable("memes", ["a", "b", "c"], sources, "error", notes)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]), st.data())
def test_damaged_bytes_never_raise_anything_else(tmp_path_factory, form, data):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, form)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "picture"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    fault = File(path).fault()
    assert fault in (None, "broken", "oversized")
    with contextlib.suppress(alignkit.DataError):
        assert open_rgb(File(path)).mode == "RGB"


def test_formats_that_need_interpreters_are_refused(tmp_path):
    path = tmp_path / "picture.eps"
    Image.new("RGB", (8, 8)).save(path)
    assert File(path).fault() == "broken"


def test_a_thumbnail_inside_does_not_pass_for_the_end(tmp_path):
    path = tmp_path / "picture.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, comment=b"\xff\xd9")
    path.write_bytes(path.read_bytes()[:2000])
    assert File(path).fault() == "broken"


def test_blank_also_stands_for_what_breaks_in_decoding(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"no picture")
    assert Pictures(["1"], [File(path)], blank=True)(0).getpixel((0, 0)) == (255, 255, 255)


def shard(path, contents):
    """A tar archive of pictures with their captions."""
    with tarfile.open(path, "w") as archive:
        for i, content in enumerate(contents):
            for ending, body in (("jpg", content), ("txt", f"caption {i}".encode())):
                info = tarfile.TarInfo(f"{i:05d}.{ending}")
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))


def middle_lost(jpeg):
    """A JPEG with header and end marker, and little between: Pillow alone fills in grey."""
    return jpeg[: len(jpeg) // 2] + b"\xff\xd9"


@pytest.fixture
def shown():
    """What is noted while no reporter is given."""

    class Notes(Reporter):
        def __init__(self):
            self.lines = []

        def note(self, text):
            self.lines.append(text)

    notes = Notes()
    report_to(notes)
    yield notes.lines
    report_to(SILENT)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["good", "cut", "lost", "empty", "page"]), min_size=1, max_size=9))
def test_what_is_left_out_is_what_cannot_be_decoded(tmp_path_factory, kinds):
    root = tmp_path_factory.mktemp("shards")
    good = encoded(noise(64, 64), "JPEG")
    made = {"good": good, "cut": good[:900], "lost": middle_lost(good), "empty": b"", "page": b"<"}
    shard(root / "train.tar", [made[kind] for kind in kinds])
    decodable = [i for i, kind in enumerate(kinds) if kind == "good"]
    task = ConceptualCaptions(root)
    if not decodable:
        with pytest.raises(alignkit.DataError, match="no sample of the train split has a picture"):
            task.split("train")
        return
    split = task.split("train")
    assert split.texts == [f"caption {i}" for i in decodable]
    assert sum(split.notes.values()) == len(kinds) - len(decodable)
    for i in range(len(split)):
        assert split.image(i).size == (64, 64)


def test_what_cannot_be_decoded_is_named_and_counted(tmp_path, shown):
    good = encoded(noise(64, 64), "JPEG")
    shard(tmp_path / "train.tar", [good, good[:900], good, good[:1200]])
    split = ConceptualCaptions(tmp_path).split("train")
    assert split.notes == {"picture broken, left out": 2}
    (line,) = shown
    assert "2 broken of 4 pictures left out; the first is that of sample train/00001:" in line
    assert f"{tmp_path}/train.tar, 00001.jpg is not a complete picture: image file is tr" in line
    assert f"alignkit data verify conceptual_captions:{tmp_path}" in line
    with pytest.raises(alignkit.DataError, match=r"2 broken of 4 .*train.tar, 00001.jpg; use `tas"):
        ConceptualCaptions(tmp_path, images="error").split("train")


def test_what_passes_the_first_look_and_cannot_be_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(noise(64, 64), "JPEG"))
    source = File(path)
    monkeypatch.setattr(File, "open", lambda self: alignkit.open_picture(b"<", str(self)))
    assert source.fault() is None
    notes = Counter()
    rows, _ = usable("memes", ["a"], [source], "skip", notes)
    assert (rows, notes) == ([], {"picture broken, left out": 1})
    _, pictures = usable("memes:/x", ["a"], [source], "error", notes)
    advice = r"picture of sample a: .*a.jpg is not .*; use `task=memes:/x,images=skip` or images="
    with pytest.raises(alignkit.DataError, match=advice):
        pictures(0)


def test_pictures_are_decoded_once_until_they_change(tmp_path, monkeypatch):
    good, opened = encoded(noise(), "JPEG"), []
    sources = [File(tmp_path / f"{i}.jpg") for i in range(FEW + 1)]
    for source in sources:
        source.path.write_bytes(good)
    sources[3].path.write_bytes(good[:300])
    open_file = File.open
    monkeypatch.setattr(File, "open", lambda self: opened.append(self) or open_file(self))
    for _ in range(2):
        faults = faults_in_decoding(sources)
        assert [(i, fault.kind) for i, fault in faults.items()] == [(3, "broken")]
        assert len(opened) == len(sources)
    sources[3].path.write_bytes(good)
    assert not faults_in_decoding(sources)


def test_a_damaged_memory_of_results_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("ALIGNKIT_CACHE", str(tmp_path / "cache"))
    sources = [File(tmp_path / f"{i}.jpg") for i in range(FEW + 1)]
    before = faults_in_decoding(sources)
    (stored,) = (tmp_path / "cache/pictures").iterdir()
    for content in ("", "[]", '{"a": 1}', '{"1": ["x"]}', "{"):
        stored.write_text(content)
        assert faults_in_decoding(sources) == before
    monkeypatch.setenv("ALIGNKIT_CACHE", "/dev/null/nowhere")
    assert faults_in_decoding(sources) == before
