"""Finding a font, and telling what it can draw."""

from pathlib import Path

import numpy as np
import pytest

import alignkit
from alignkit_emoji import font as fonts
from alignkit_emoji.font import EmojiFont, find_font
from alignkit_emoji.task import Emoji


def test_known_emoji_are_drawn_in_colour_on_white(small_font):
    picture = EmojiFont(small_font).draw("\U0001f600")
    pixels = np.asarray(picture)
    assert picture.width == picture.height
    assert (pixels[-1, -1] == 255).all()
    assert np.ptp(pixels, axis=2).max() > 30


@pytest.mark.parametrize(
    ("characters", "drawn"),
    [
        ("\U0001f1e9\U0001f1ea", True),  # a flag: two letters, one picture
        ("\U0001f1fa\U0001f1f8", False),  # two letters, two pictures
        ("\U0001f9d1\u200d\U0001f680", True),
        ("\U0001f469\u200d\U0001f680", False),  # woman and rocket side by side
        ("\U0001f600\ufe0f", True),
        ("\u2603", False),
        ("\U0010fffe", False),
    ],
)
def test_missing_glyphs_are_reported(small_font, characters, drawn):
    assert (EmojiFont(small_font).draw(characters) is not None) == drawn


def test_without_raqm_sequences_count_as_missing(small_font, monkeypatch):
    monkeypatch.setattr(fonts.features, "check", lambda feature: False)
    font = EmojiFont(small_font)
    assert font.draw("\U0001f1e9\U0001f1ea") is None
    assert font.draw("\U0001f600") is not None


def test_a_font_without_colour_is_refused(tmp_path, single_points, build):
    path = build(tmp_path / "Plain.ttf", single_points, colour=False)
    with pytest.raises(alignkit.DataError, match="no colour emoji that Pillow can draw"):
        EmojiFont(path)


def test_a_file_that_is_no_font_is_refused(tmp_path):
    (tmp_path / "Emoji.ttf").write_bytes(b"nothing of the kind")
    with pytest.raises(alignkit.DataError, match=r"Emoji.ttf is not a readable font"):
        EmojiFont(tmp_path / "Emoji.ttf")


def test_no_font_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "_FOLDERS", (str(tmp_path),))
    task = Emoji(font=Path("system"))
    for act in (task.fingerprint, lambda: task.split("train"), lambda: task.target):
        with pytest.raises(alignkit.DataError, match="fonts-noto-color-emoji") as caught:
            act()
        assert "leave out the font to use Twemoji" in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(alignkit.DataError, match="there is no font file"):
        find_font(tmp_path / "none.ttf")


def test_colour_fonts_come_before_others(tmp_path):
    for name in ("OtherEmoji.ttf", "sub/Noto Color Emoji.ttf", "Serif.ttf", "Emoji.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    installed = fonts._installed((str(tmp_path), str(tmp_path / "none")))
    assert [path.name for path in installed] == ["Noto Color Emoji.ttf", "OtherEmoji.ttf"]
