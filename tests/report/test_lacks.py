"""What a report leaves out is said on the page, and not only where the command runs."""

import pytest

from alignkit.analysis.options import TableOptions
from alignkit.chain.evaluate import evaluate
from alignkit.progress import Reporter
from alignkit.report.results import report_runs


@pytest.fixture(scope="module")
def runs(own_runs):
    runs = [run for run in own_runs[1] if run.task == "toy_match"]
    for run in runs:
        evaluate(run)
    return runs


class _Notes(Reporter):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def _report(runs, folder, metrics, measure=True):
    notes = _Notes()
    report_runs(
        runs,
        folder,
        TableOptions(metrics, layer="last"),
        permutations=9,
        measure=measure,
        reporter=notes,
    )
    pages = [(folder / name).read_text() for name in ("report.html", "report.md")]
    return [page.replace("\\", "") for page in pages], notes.notes


def test_too_many_metrics_have_no_agreement_and_the_page_says_so(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("alignkit.report.results.MOST_TABLES", 2 * len(runs) - 1)
    pages, notes = _report(runs, tmp_path, ("cka", "mknn:k=5"))
    left_out = f"leaves out the agreement of 2 metrics over {len(runs)} runs"
    others = f"leaves out the hypotheses under mknn:k=5, which take long over {len(runs)} runs"
    for line in (left_out, others):
        assert any(line in note for note in notes)
        assert all(line in page for page in pages)
    assert "alignkit agreement computes it" in pages[0]
    assert "H3: does alignment rise" in pages[0], "under the first metric"
    assert '<h2 id="agreement">' in pages[0]
    assert 'id="chart-agreement"' not in pages[0]


def test_what_is_measured_is_answered_and_the_rest_is_named(runs, tmp_path):
    _report(runs, tmp_path / "first", ("cka",))
    pages, notes = _report(runs, tmp_path / "second", ("cka", "jaccard:k=3"), measure=False)
    left_out = "leaves out the hypotheses under jaccard:k=3, as values around fusions are not"
    assert any(left_out in note for note in notes)
    for page in pages:
        assert left_out in page
        assert "H3: does alignment rise" in page
