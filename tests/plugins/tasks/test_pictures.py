"""Pictures of every mode come out upright, in RGB, on white."""

import numpy as np
import pytest
from PIL import Image

import alignkit
from alignkit_tasks.pictures import Pictures, fault_of, open_rgb


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
    picture = open_rgb(path)
    assert picture.mode == "RGB"
    assert np.allclose(picture.getpixel((5, 5)), expected, atol=2)
    assert fault_of(path) is None


@pytest.mark.parametrize("mode", ["P", "RGB", "L"])
def test_a_transparent_colour_becomes_white(tmp_path, mode):
    path = tmp_path / "picture.png"
    transparent = (0, 0, 0) if mode == "RGB" else 0
    Image.new(mode, (4, 4), transparent).save(path, transparency=transparent)
    assert open_rgb(path).getpixel((0, 0)) == (255, 255, 255)


def test_a_camera_held_sideways_is_turned(tmp_path):
    picture = Image.new("RGB", (20, 10), "red")
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "side.jpg", exif=exif)
    assert open_rgb(tmp_path / "side.jpg").size == (10, 20)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_off_picture_is_told(tmp_path, suffix, share):
    path = tmp_path / f"picture.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert fault_of(path) == "broken"
    with pytest.raises(alignkit.DataError, match=f"picture of sample 00007: {path} is not a whole"):
        Pictures(["00007"], [path])(0)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>gone</html>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_told(tmp_path, content):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert fault_of(path) == "broken"
    with pytest.raises(alignkit.DataError, match="is not a whole picture") as caught:
        open_rgb(path)
    assert "\n" not in str(caught.value)


def test_a_missing_picture_is_told(tmp_path):
    assert fault_of(tmp_path / "none.png") == "missing"
    with pytest.raises(alignkit.DataError, match=r"there is no picture .*none\.png"):
        open_rgb(tmp_path / "none.png")


def test_a_picture_of_absurd_size_is_broken(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    Image.new("L", (64, 64)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert fault_of(path) == "broken"
