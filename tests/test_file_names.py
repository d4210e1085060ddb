"""Names of files as other systems leave, spell and encode them."""

import os
import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alignkit.file_names import is_leftover, listed, readable, respelled
from odd_files import LEFTOVERS, sprinkle

LETTERS = st.text("abzé\u00fcñ\uac00 _-0", min_size=1, max_size=8).filter(lambda name: name.strip())
SPELLINGS = {
    "composed": lambda name: unicodedata.normalize("NFC", name),
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "blanks": lambda name: f" {name} ",
    "line end": lambda name: f"{name}\r\n",
    "backslashes": lambda name: name.replace("/", "\\"),
    "upper extension": lambda name: name[:-3] + name[-3:].upper(),
}


def make(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@settings(deadline=None, max_examples=40)
@given(LETTERS, LETTERS, st.lists(st.sampled_from(list(SPELLINGS)), max_size=3), st.booleans())
def test_a_name_is_found_in_every_spelling(tmp_path_factory, inner, stem, spellings, decomposed):
    folder = tmp_path_factory.mktemp("names")
    name = f"{inner.strip()}/{stem.strip()}.jpg"
    path = make(folder, unicodedata.normalize("NFD" if decomposed else "NFC", name))
    make(folder, f"{inner.strip()}/another.jpg") if stem.strip() != "another" else None
    spelled = name
    for spelling in spellings:
        spelled = SPELLINGS[spelling](spelled)
    assert respelled(folder, spelled.replace("\\", "/")) == path


@settings(deadline=None, max_examples=40)
@given(st.lists(LETTERS, min_size=2, max_size=4, unique_by=str.strip))
def test_no_name_leads_to_another_file(tmp_path_factory, stems):
    folder = tmp_path_factory.mktemp("names")
    first, *others = [unicodedata.normalize("NFC", stem.strip()) for stem in stems]
    assume(first not in others)
    for other in others:
        make(folder, f"{other}.jpg")
    make(folder, f"{first}.png")
    assert respelled(folder, f"{first}.jpg") is None


def test_a_name_with_two_meanings_has_none(tmp_path):
    for name in ("a.JPG", "a.jpg"):
        make(tmp_path, name)
    assert respelled(tmp_path, "a.Jpg") is None
    assert respelled(tmp_path, "A.jpg") is None  # another name, not another spelling
    assert respelled(tmp_path, " a.jpg") is None


def test_files_that_an_archive_of_windows_left(tmp_path):
    latin = tmp_path / os.fsdecode("café.jpg".encode("cp1252"))
    dos = tmp_path / os.fsdecode("naïve.jpg".encode("cp437"))
    flat = tmp_path / "img\\1.jpg"
    for path in (latin, dos, flat):
        path.write_bytes(b"")
    assert respelled(tmp_path, "café.jpg") == latin
    assert respelled(tmp_path, "naïve.jpg") == dos
    assert respelled(tmp_path, "img/1.jpg") == flat


def test_a_changed_folder_is_read_again(tmp_path):
    assert respelled(tmp_path, "a.jpg") is None
    path = make(tmp_path, "a.JPG")
    os.utime(tmp_path, (1, 1))
    assert respelled(tmp_path, "a.jpg") == path


@pytest.mark.parametrize("name", LEFTOVERS)
@pytest.mark.parametrize("before", ["", "img/", "a b\\"])
def test_what_systems_leave(name, before):
    assert is_leftover(before + name)


@settings(deadline=None, max_examples=40)
@given(LETTERS)
def test_own_files_are_no_leftovers(stem):
    assert not is_leftover(f"{stem.strip()}.jpg")
    assert not is_leftover(f"{stem.strip()}/{stem.strip()}")


def test_listing_leaves_them_out_wherever_the_folder_is(tmp_path):
    folder = tmp_path / "__MACOSX"  # one's own place may have any name
    for name in ("a.csv", "b/c.csv"):
        make(folder, name)
    sprinkle(folder)
    assert {p.name for p in listed(folder, "*.csv", "*/*.csv")} == {"a.csv", "c.csv"}


@settings(deadline=None, max_examples=40)
@given(st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & set(b"/\0")))
def test_every_name_becomes_readable(name):
    assert readable(os.fsdecode(name)).encode()
