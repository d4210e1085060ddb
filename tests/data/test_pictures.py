"""One way to open a picture: the pixels, upright, whatever else is in the file."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import alignkit
from alignkit.data.metadata import orientation_of, without_metadata
from alignkit.data.pictures import fault_of
from odd_pictures import (
    NO_PICTURES,
    TURNS,
    chunk,
    encoded,
    noise,
    orientation,
    png_header,
    segment,
    tiff,
    with_chunks,
    with_exif,
    with_segments,
)

FORMS = ("JPEG", "PNG", "WEBP")
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "GIF": {}}
ORDERS = st.sampled_from("<>")
# Any tag but the orientation, of any type and length, with a value or offset that may lead nowhere.
TAGS = st.lists(
    st.tuples(
        st.integers(0, 65535).filter(lambda tag: tag != 0x0112),
        st.integers(0, 65535) | st.integers(0, 13),
        st.integers(0, 2**32 - 1) | st.integers(0, 8),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=6,
)


def pixels(content: bytes) -> np.ndarray:
    picture = alignkit.open_picture(content)
    assert picture.mode == "RGB"
    return np.asarray(picture)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FORMS), st.integers(1, 8), TAGS, TAGS, ORDERS)
def test_only_the_orientation_matters(form, turn, before, behind, order):
    exif = tiff([*before, orientation(turn, order), *behind], order)
    plain = pixels(encoded(noise(), form, **LOSSLESS.get(form, {"quality": 90})))
    content = with_exif(noise(), form, exif)
    assert fault_of(content) is None
    assert np.array_equal(pixels(content), TURNS[turn](plain))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(FORMS), st.binary(min_size=1, max_size=200))
def test_metadata_of_any_bytes_change_nothing(form, junk):
    content = with_exif(noise(), form, b"II*\0" + junk)
    assert fault_of(content) is None
    assert pixels(content).size == noise().size


@pytest.mark.parametrize(
    "odd",
    [
        (0x011A, 2, 4, b"72\0\0"),  # a resolution that is text
        (0x011A, 10, 1, struct.pack("<I", 26)),  # a rational that the end of the file cuts
        (0x0128, 2, 4, b"inch"),
        (0x8769, 4, 1, b"\xff\xff\xff\xff"),  # a directory outside the file
        (0x8769, 4, 1, b"\x08\0\0\0"),  # a directory that contains itself
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_odd_tags_beside_an_orientation(form, odd):
    content = with_exif(noise(20, 10), form, tiff([odd, orientation(6)]))
    assert alignkit.open_picture(content).size == (10, 20)


def test_a_rational_with_denominator_zero():
    exif = tiff([(0x011A, 10, 1, struct.pack("<I", 38)), orientation(6)])
    exif += struct.pack("<ii", -1, 0)
    picture = alignkit.open_picture(with_exif(np.full((10, 20, 3), 90, np.uint8), "JPEG", exif))
    assert picture.size == (10, 20)
    assert np.abs(np.asarray(picture).astype(int) - 90).max() < 3


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value):
    assert orientation_of(tiff([orientation(value)])) == 1


def test_the_orientation_in_other_places():
    xmp = b'<x tiff:Orientation="6"/>'
    exif = tiff([orientation(6)])
    written = f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode()
    jpeg, png = encoded(noise(20, 10), "JPEG"), encoded(noise(20, 10), "PNG")
    turned = (
        with_segments(jpeg, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)),
        with_chunks(png, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)),
        with_chunks(png, chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))),
        with_chunks(png, chunk(b"tEXt", b"Raw profile type exif\0" + written)),
        with_chunks(png, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(written))),
    )
    for content in turned:
        assert alignkit.open_picture(content).size == (10, 20)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"prIv"])
@pytest.mark.parametrize("size", [10, 3 << 20])
def test_metadata_of_any_size_in_a_png(kind, size):
    body = b"a" * size
    if kind in (b"zTXt", b"iCCP"):
        body = b"Comment\0\0" + zlib.compress(body)
    content = with_chunks(encoded(noise(), "PNG"), chunk(kind, body))
    assert fault_of(content) is None
    assert np.array_equal(pixels(content), noise())


def test_many_large_texts_in_a_png():
    texts = [chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * (1 << 20)))] * 70
    assert np.array_equal(pixels(with_chunks(encoded(noise(), "PNG"), *texts)), noise())


def test_a_damaged_text_does_not_break_a_png():
    damaged = chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?"
    content = with_chunks(encoded(noise(), "PNG"), damaged)
    assert fault_of(content) is None
    assert np.array_equal(pixels(content), noise())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0xE1, 0xED), st.binary(max_size=60)), max_size=5))
def test_segments_of_applications_change_nothing_in_a_jpeg(segments):
    plain = encoded(noise(), "JPEG")
    names = (b"", b"MPF\0", b"Photoshop 3.0\0", b"ICC_PROFILE\0", b"Exif\0\0", b"FPXR\0")
    parts = [
        segment(marker, names[i % len(names)] + body) for i, (marker, body) in enumerate(segments)
    ]
    content = with_segments(plain, *parts, segment(0xFE, b"a comment"))
    assert fault_of(content) is None
    assert np.array_equal(pixels(content), pixels(plain))


def test_the_colours_of_cmyk_survive_the_removal_of_metadata():
    plain = encoded(Image.new("CMYK", (9, 9), (0, 255, 255, 0)), "JPEG", quality=95)
    assert b"Adobe" in without_metadata(io.BytesIO(plain)).file.read()
    assert np.allclose(pixels(plain)[4, 4], (255, 0, 0), atol=3)


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_no_picture_is_named(tmp_path, name):
    content, reason = NO_PICTURES[name]
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert fault_of(path) == fault_of(content) == "broken"
    with pytest.raises(alignkit.DataError, match=f"{path} is not a complete picture: .*{reason}"):
        alignkit.open_picture(path)
    with pytest.raises(alignkit.DataError, match=f"^x.tar, a.jpg is not .*{reason}"):
        alignkit.open_picture(content, "x.tar, a.jpg")


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    places = {"pipe": tmp_path / "pipe", "folder": tmp_path / "folder", "device": tmp_path / "zero"}
    places["device"].symlink_to("/dev/zero")
    for kind, path in places.items():
        assert fault_of(path) == "broken"
        with pytest.raises(alignkit.DataError, match=f"{path} is not .*: it is a {kind}"):
            alignkit.open_picture(path)


def test_what_leads_nowhere_is_missing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("nowhere")
    for path in (tmp_path / "none", tmp_path / "file/none", tmp_path / "link"):
        assert fault_of(path) == "missing"
        with pytest.raises(alignkit.MissingError, match="there is no picture"):
            alignkit.open_picture(path)


@pytest.mark.parametrize(
    "content",
    [
        png_header(40000, 40000),
        png_header(2**31 - 1, 2**31 - 1),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";",
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + b"\xfe\x3f\0" * 2 + b"\0" * 8,
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 70, 0, 54, 40, 99999, 99999, 1, 24, *[0] * 6),
    ],
    ids=["png", "largest png", "gif", "webp", "bmp"],
)
def test_a_size_that_would_fill_the_memory_is_refused(content):
    with pytest.raises(alignkit.DataError):
        alignkit.open_picture(content)
    assert fault_of(content) in ("oversized", "broken")


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    animated = {"save_all": True, "append_images": frames[1:]}
    content = encoded(frames[0], form, **animated, **LOSSLESS[form])
    assert pixels(content)[4, 4].tolist() == [255, 0, 0]
    assert fault_of(content) is None


def test_sixteen_bits_with_a_transparent_grey():
    values = np.full((4, 4), 40000, np.uint16)
    values[0] = 300
    content = encoded(Image.fromarray(values), "PNG")
    content = with_chunks(content, chunk(b"tRNS", (300).to_bytes(2)))
    assert pixels(content)[0, 0].tolist() == [255] * 3
    assert pixels(content)[1, 0].tolist() == [156] * 3


def test_a_palette_with_partial_transparency():
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 0, 0, 0])
    content = encoded(picture, "PNG", transparency=bytes([255, 128]))
    assert pixels(content)[0, 0].tolist() == [127] * 3


# Bytes at the end that hold no pixels: markers, checksums.
SPARE = {"JPEG": 2, "PNG": 16, "WEBP": 1, "GIF": 2, "BMP": 0}


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(list(SPARE)), st.data())
def test_a_cut_picture_is_whole_or_named(form, data):
    whole = encoded(noise(), form)
    content = whole[: data.draw(st.integers(0, len(whole)))]
    if len(whole) - len(content) > SPARE[form]:
        with pytest.raises(alignkit.DataError, match=r"^the picture is not a complete picture: .+"):
            pixels(content)
    elif content == whole:
        assert fault_of(content) is None
        assert pixels(content).shape == noise().shape


def test_an_open_file_may_stand_anywhere():
    file = io.BytesIO(encoded(noise(), "PNG"))
    file.seek(7)
    assert np.array_equal(np.asarray(alignkit.open_picture(file)), noise())


def _photo(width, height, rng):
    """Return something like a photo: smooth, with noise."""
    y, x = np.mgrid[:height, :width]
    waves = 120 + 60 * np.sin(x / 17) + 50 * np.cos(y / 11) + rng.normal(0, 8, (height, width))
    grey = waves.clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, 255 - grey, grey // 2 + 60], -1))


def _as_jpeg(picture, **options):
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


JPEG_OPTIONS = (
    {},
    {"quality": 95, "subsampling": 0},
    {"quality": 30, "subsampling": 2},
    {"subsampling": 1, "optimize": True},
)
OTHER_OPTIONS = ({"progressive": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3})


@pytest.mark.parametrize("options", JPEG_OPTIONS, ids=range(len(JPEG_OPTIONS)))
def test_a_jpeg_that_lost_data_in_its_middle_is_named(options):
    rng = np.random.default_rng(0)
    whole = _as_jpeg(_photo(300, 200, rng), **options)
    start = whole.rfind(b"\xff\xda") + 14
    for _ in range(20):
        lost = int(rng.uniform(0.05, 0.5) * (len(whole) - start))
        at = int(rng.integers(start, len(whole) - lost - 2))
        with pytest.raises(alignkit.DataError, match="is not a complete picture"):
            alignkit.open_picture(whole[:at] + whole[at + lost :], "a.jpg")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 7), (17, 33), (64, 48), (333, 251)])
def test_whole_jpegs_of_all_kinds_are_what_pillow_reads(size, mode):
    rng = np.random.default_rng(0)
    bands = len(Image.new(mode, (1, 1)).getbands())
    for fill in ("flat", "white", "noise"):
        values = {"flat": 130, "white": 255}.get(fill, rng.integers(0, 256, (*size[::-1], bands)))
        array = np.broadcast_to(values, (*size[::-1], bands)).astype(np.uint8)
        picture = Image.fromarray(array[..., 0] if bands == 1 else array)
        picture = picture if picture.mode == mode else Image.merge(mode, picture.split())
        for options in (*JPEG_OPTIONS, *OTHER_OPTIONS):
            if mode == "L" or mode == "CMYK":
                options = {k: v for k, v in options.items() if k != "subsampling"}
            data = _as_jpeg(picture, **options)
            expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            for padding in (b"", b"\0" * 20):
                opened = alignkit.open_picture(data + padding, "a.jpg")
                np.testing.assert_array_equal(np.asarray(opened), expected)
