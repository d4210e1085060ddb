"""The report of runs that were trained and measured: what it shows is what was measured."""

import json
import re
import shutil

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run, rebuild_alignment
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import runs_table
from alignkit.chain.evaluate import evaluate
from alignkit.report.page import write_report
from alignkit.runs import Run
from alignkit.statistics import correlate
from tiny import without_manifests

METRICS = ("cka", "mknn:k=5", "procrustes:form=distance")


@pytest.fixture(scope="module")
def measured(own_runs):
    """The tiny runs, measured and correlated."""
    runs = sorted(own_runs[1], key=lambda run: run.path)
    for run in runs:
        measure_run(run, METRICS)
        evaluate(run)
    match = [run for run in runs if run.task == "toy_match"]
    table = runs_table(match, TableOptions(METRICS))
    found = correlate(table, "auroc", METRICS, lower_is_better=[METRICS[2]])
    return match, table, found


@pytest.fixture(scope="module")
def written(measured, tmp_path_factory):
    match, table, found = measured
    folder = tmp_path_factory.mktemp("written")
    return write_report(match, folder, correlations=found, table=table), folder


def test_every_figure_is_there_with_its_data(written):
    page, folder = written
    names = {file.name for file in (folder / "figures").iterdir()}
    stems = {"toy_match-scatter", "toy_match-training"}
    for metric in ("cka", "mknn-k=5", "procrustes-form=distance"):
        stems |= {f"toy_match-{metric}-depth", f"toy_match-{metric}-layers"}
    charts = {"overview", "against", "forest", "depth", "layers", "training"}
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "csv")} | {
        f"{chart}.csv" for chart in charts
    }
    shown = re.findall(r'<figure class="chart" id="chart-(\w+)"', page.read_text())
    assert set(shown) == charts
    for stem in stems:
        assert f'<a href="figures/{stem}.svg">' in page.read_text()


def test_numbers_on_the_page_are_the_tables(measured, written):
    match, _, found = measured
    page, folder = written
    text = page.read_text()
    for run in match:
        assert f"{run.performance()['splits']['test']['auroc']:.3f}" in text
    for r in found.table["pearson"]:
        assert f">{r:+.2f}</td>" in text
    assert "not testable (3 unit(s), at least 6 are needed)" in text
    data = pd.read_csv(folder / "figures" / "toy_match-cka-layers.csv")
    one = match[0].alignment().query("metric == 'cka' and x == 't00' and y == 'v01'")
    mine = data[(data["placement"] == match[0].placement) & (data["x"] == "t00")]
    assert mine[mine["y"] == "v01"]["value"].iloc[0] == pytest.approx(one["value"].iloc[0])


def test_metrics_say_their_direction_and_parameters(written):
    text = written[0].read_text()
    assert "lower is more aligned" in text
    assert "distance=cosine, k=5" in text


def test_an_undefined_value_is_drawn_and_explained(measured, tmp_path):
    copy = Run(shutil.copytree(measured[0][0].path, tmp_path / "runs" / "t" / "p" / "seed0"))
    without_manifests(copy.path)
    file = next((copy.path / "alignment" / "test").glob("cka.*.csv"))
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.loc[0, ["value", "reason"]] = ["", "t00 is constant"]
    table.to_csv(file, index=False)
    rebuild_alignment(copy)
    page = write_report([copy], tmp_path / "report", options=TableOptions(("cka",)))
    data = pd.read_csv(tmp_path / "report" / "figures" / "toy_match-cka-layers.csv")
    assert data[data["value"].isna()]["reason"].tolist() == ["t00 is constant"]
    assert f"1 of {len(data)} values are undefined (first: t00 is constant)" in page.read_text()
    assert "undefined" in (tmp_path / "report/figures/toy_match-cka-layers.svg").read_text()


def test_settings_are_kept(written):
    settings = json.loads((written[1] / "settings.json").read_text())
    assert settings["seed"] == 0
    assert settings["family"] == list(correlate.__kwdefaults__["family"])
    assert settings["training"]["epochs"] == 1
    assert "torch" in settings["versions"]
