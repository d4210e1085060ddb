"""What a report leaves out is said on the page, and not only where the command runs."""

import pytest

from alignkit.analysis.options import TableOptions
from alignkit.chain.evaluate import evaluate
from alignkit.engines.perform import Notes
from alignkit.report.results import report_runs
from pages import charts_of


@pytest.fixture(scope="module")
def runs(own_runs):
    runs = [run for run in own_runs[1] if run.task == "toy_match"]
    for run in runs:
        evaluate(run)
    return runs


def _report(runs, folder, metrics, measure=True):
    notes = Notes()
    report_runs(
        runs,
        folder,
        TableOptions(metrics, layer="last"),
        permutations=9,
        measure=measure,
        reporter=notes,
    )
    pages = [(folder / name).read_text() for name in ("report.html", "report.md")]
    return [page.replace("\\", "") for page in pages], notes.said


def test_of_many_metrics_one_has_picture_files_and_the_page_says_so(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("alignkit.report.results.MOST_PICTURED", 2 * len(runs) - 1)
    pages, notes = _report(runs, tmp_path, ("cka", "mknn:k=5"))
    left_out = (
        f"leaves out the picture files by layer of mknn:k=5, which take long over {len(runs)} runs"
    )
    assert any(left_out in note for note in notes)
    assert all(left_out in page for page in pages)
    names = {file.name for file in (tmp_path / "figures").glob("*.svg")}
    for kind in ("depth", "layers"):
        assert f"toy_match-cka-{kind}.svg" in names
        assert f"toy_match-mknn-k=5-{kind}.svg" not in names
    charts = charts_of(tmp_path / "report.html")
    for kind in ("depth", "layers", "agreement", "hypotheses"):
        shown = {
            name for column in charts[kind]["rows"].values() for name in column.get("levels", ())
        }
        assert {"cka", "mknn:k=5"} <= shown, kind


def test_a_single_metric_of_many_runs_is_drawn(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("alignkit.report.results.MOST_PICTURED", 1)
    _, notes = _report(runs, tmp_path, ("cka",))
    assert not any("picture files" in note for note in notes)
    assert (tmp_path / "figures" / "toy_match-cka-layers.svg").is_file()


def test_what_is_measured_is_answered_and_the_rest_is_named(runs, tmp_path):
    _report(runs, tmp_path / "first", ("cka",))
    pages, notes = _report(runs, tmp_path / "second", ("cka", "jaccard:k=3"), measure=False)
    left_out = "leaves out the hypotheses under jaccard:k=3, as values around fusions are not"
    assert any(left_out in note for note in notes)
    for page in pages:
        assert left_out in page
        assert "H3: does alignment rise" in page
