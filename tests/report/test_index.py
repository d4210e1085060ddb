"""The page that links the results in a folder."""

import re

from alignkit.report.index import write_index


def test_every_result_is_linked_once_and_the_page_is_written_only_when_it_changes(tmp_path):
    results = tmp_path / "results"
    for name in (
        "runs.last.csv",
        "report/report.html",
        "report/figures/depth.png",
        "report/figures/depth.csv",
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
        "report/figures/depth.png",
        "a%20%26%20b.csv",
        "runs.last.csv",
    ]
    assert "A &lt;study&gt;" in text
    before = page.stat().st_mtime_ns
    assert write_index(results, "A <study>").stat().st_mtime_ns == before
