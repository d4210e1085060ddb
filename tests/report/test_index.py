"""The page that links the results in a folder."""

import re

import numpy as np

from alignkit.report.index import NAME, add_to_index, write_index


def test_every_result_is_linked_once_and_the_page_is_written_only_when_it_changes(tmp_path):
    results = tmp_path / "results"
    for name in (
        "runs.last.csv",
        "report/report.html",
        "report/figures/depth.png",
        "report/figures/depth.csv",
        "report/figures/depth.svg",
        "report/figures/alone.svg",
        "hypotheses/answers.md",
        "a & b.csv",
        ".hidden.csv",
    ):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text("x")
    page = write_index(results, "A <study>")
    text = page.read_text()
    assert re.findall(r'href="([^"]+)"', text) == [
        "report/report.html",
        "hypotheses/answers.md",
        "report/figures/alone.svg",
        "report/figures/depth.png",
        "a%20%26%20b.csv",
        "runs.last.csv",
    ]
    assert "A &lt;study&gt;" in text
    before = page.stat().st_mtime_ns
    assert write_index(results, "A <study>").stat().st_mtime_ns == before


def _links(page):
    return re.findall(r'href="([^"]+)"', page.read_text())


def _write(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")


def test_commands_that_write_into_one_folder_share_its_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "results"
    _write(results / "correlate.csv", results / "photo.png")
    (page,) = add_to_index([results / "correlate.csv"])
    assert str(page) == "results/index.html"
    assert _links(page) == ["correlate.csv"]  # not what others have put there
    report = results / "report"
    _write(report / "report.html", report / "figures" / "a.png", report / "figures" / "a.csv")
    assert add_to_index([report]) == [page]
    assert not (report / NAME).exists()
    every = ["report/report.html", "report/figures/a.png", "correlate.csv"]
    assert _links(page) == every
    (results / "correlate.csv").unlink()
    _write(results / "agreement.csv")
    add_to_index([results / "agreement.csv"])
    assert _links(page) == [*every[:2], "agreement.csv"]  # what was removed is not linked


def test_a_study_s_page_keeps_its_title(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "results" / "runs.last.csv")
    write_index(tmp_path / "results", "Results of <a> study")
    _write(tmp_path / "results" / "more" / "power.csv")
    (page,) = add_to_index([tmp_path / "results" / "more" / "power.csv"])
    assert _links(page) == ["more/power.csv", "runs.last.csv"]
    assert "<title>Results of &lt;a&gt; study</title>" in page.read_text()


def test_folders_that_may_hold_anything_get_no_page(tmp_path, monkeypatch):
    here = tmp_path / "work" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    for place in (here / "a.csv", here.parent / "a.csv", tmp_path / "elsewhere" / "a.csv"):
        _write(place)
        assert add_to_index([place]) == []
    _write(here / "site" / NAME, here / "site" / "a.csv")
    assert add_to_index([here / "site" / "a.csv", here / "site"]) == []
    assert (here / "site" / NAME).read_text() == "x"
    _write(here / "figures" / "a.png")
    assert add_to_index([], here / "figures") == []
    # A folder that was named as that of results may be anywhere.
    assert add_to_index([tmp_path / "elsewhere"]) == [tmp_path / "elsewhere" / NAME]


def test_any_order_of_commands_gives_the_same_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    names = ["a.csv", "b c/d.md", "é.png", "deep/er/e&f.html", "g'h.csv", "100%.csv"]
    pages = set()
    for number in range(8):
        root = tmp_path / str(number) / "results"
        _write(root / "first.csv")
        add_to_index([root / "first.csv"])
        for name in rng.permutation(names):
            _write(root / name)
            add_to_index([root / name])
        pages.add((root / NAME).read_text())
    (text,) = pages
    assert text.count("<li>") == 1 + len(names)
    assert write_index(root, "Results in results").read_text() == text
