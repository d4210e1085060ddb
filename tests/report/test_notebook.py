"""Analyses from Python give what the commands give, and a notebook shows them."""

import csv

import pytest

import alignkit
from tiny import alignkit as command


@pytest.fixture(scope="module")
def scored(own_runs):
    """A folder of runs, and the scored runs of one task in it."""
    root, runs = own_runs
    mine = [run for run in runs if run.task == "toy_match"]
    command("evaluate", *(run.path for run in mine), cwd=root.parent)
    return root, mine


def test_correlations_are_those_of_the_command(scored, tmp_path):
    root, runs = scored
    found = alignkit.correlate(runs, "mknn:k=5", permutations=19, layer="mean")
    words = ("-m", "mknn:k=5", "--layer", "mean", "--permutations", "19", "-o", "c.csv")
    command("correlate", "--runs", root, "--task", "toy_match", *words, cwd=tmp_path)
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == list(found.table["metric"]) == ["mknn:k=5"]
    assert [row["verdict"] for row in rows] == list(found.table["verdict"])
    assert float(rows[0]["pearson"]) == pytest.approx(found.table["pearson"].iloc[0], nan_ok=True)
    html = found._repr_html_()
    assert "<th>verdict</th>" in html
    assert "mknn:k=5" in html


def test_a_folder_stands_for_the_runs_in_it(scored):
    root, _ = scored
    found = alignkit.correlate(root, ["cka"], permutations=9)
    assert set(found.table["task"]) >= {"toy_match"}


def test_plots_show_themselves(scored, tmp_path):
    _, runs = scored
    drawn = alignkit.plot("depth", runs, "cka", folder=tmp_path, formats=("svg", "png"), width=3.35)
    assert [path.name for path in drawn] == ["toy_match-cka-depth.svg", "toy_match-cka-depth.png"]
    assert drawn._repr_html_().startswith("<svg")
    only = alignkit.plot("depth", runs, "cka", folder=tmp_path / "<b>", formats=("png",))
    assert "&lt;b&gt;" in only._repr_html_()


def test_a_report_is_written(scored, tmp_path):
    _, runs = scored
    page = alignkit.write_report(runs, "cka", folder=tmp_path / "r", permutations=9)
    assert page == tmp_path / "r" / "report.html"
    assert '<figure class="chart"' in page.read_text()


def test_unknown_options_are_refused(scored):
    _, runs = scored
    with pytest.raises(TypeError, match="layers"):
        alignkit.correlate(runs, "cka", layers="mean")
    with pytest.raises(alignkit.UsageError, match="did you mean"):
        alignkit.correlate(runs, "ckaa")


def test_a_run_shows_what_it_is_and_its_scores_as_text(scored):
    _, runs = scored
    html = runs[0]._repr_html_()
    assert "<th>placement</th>" in html
    score = runs[0].performance()["splits"]["test"]["auroc"]
    assert f"<th>test auroc</th><td>{score:.4g}</td>" in html


def test_names_in_a_notebook_are_text(scored, study):
    _, runs = scored
    _, _, found = study
    table = found.table.assign(task="<script>alert(1)</script>\x1b[31m")
    found.table, before = table, found.table
    try:
        html = found._repr_html_()
    finally:
        found.table = before
    assert "<script>" not in html
    assert "\x1b" not in html
    run = alignkit.load_run(runs[0].path)
    run.task_label = "<b>x"
    assert "&lt;b&gt;x" in run._repr_html_()
