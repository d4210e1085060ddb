"""Texts of any origin where they are shown: in a terminal, a spreadsheet, a page."""

import pandas as pd
import pytest

from alignkit.cleaning import LONGEST, as_html, message, shortened, visible, without_formula
from alignkit.runs.files import write_results

HOSTILE = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "a\nError: b",
    "a\r\x08b",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "\x9b1m",
    "\ud800",
    "\udcff",
    "\u2028",
    "\ufeff",
    "\U000e0041",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_of_a_text_moves_or_hides_what_a_terminal_shows(text):
    shown = visible(text)
    assert shown.isprintable()
    assert "\\" in shown
    assert message(text).replace("\n", "").isprintable()


@pytest.mark.parametrize("text", ["café", "日本語", "a\u00a0b", "👩\u200d🚀", "نمی\u200cخواهم"])
def test_words_of_all_languages_are_shown_as_they_are(text):
    assert visible(text) == text


def test_a_further_line_of_a_message_is_never_taken_for_another_message():
    assert message("a\nError: b") == "a\n  Error: b"


def test_a_long_name_is_cut_in_the_middle():
    shown = message("Error: " + "x" * 100_000 + " does not exist")
    assert len(shown) < LONGEST + 100
    assert shown.startswith("Error: x")
    assert shown.endswith("does not exist")
    assert "(96,022 characters)" in shown
    assert shortened("abc", 3) == "abc"


def test_a_spreadsheet_calculates_no_text():
    cells = ["=1+1", "@x", "+1+1", "-cmd|' /C calc'!A0", "\tx", "\rx", "=cmd|'/c calc'!A0"]
    assert [without_formula(cell) for cell in cells] == [f"'{cell}" for cell in cells]
    same = ["+", "-", "-1.5", "+2e-3", "a=b", "", None, -1.5, "−1"]
    assert [without_formula(cell) for cell in same] == same


def test_results_have_no_formulas_in_cells_and_headings_and_keep_their_numbers(tmp_path):
    table = pd.DataFrame({"=name": ["=1+1", "fine", "@x", None], "value": [-1.0, 2.0, 3.0, 4.5]})
    write_results(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_text() == "'=name,value\n'=1+1,-1.0\nfine,2.0\n'@x,3.0\n,4.5\n"
    write_results(tmp_path / "empty.csv", table[:0])
    assert (tmp_path / "empty.csv").read_text() == "'=name,value\n"
    twice = pd.DataFrame([["-x", 1]], columns=["a", "a"])
    write_results(tmp_path / "twice.csv", twice)
    assert (tmp_path / "twice.csv").read_text() == "a,a\n'-x,1\n"


def test_nothing_of_a_text_is_markup():
    assert as_html("<b>&\"'\x1b") == "&lt;b&gt;&amp;&quot;&#x27;\\x1b"
