"""The report: what it shows is what was measured; hostile text stays text."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

import pandas as pd
import pytest

from alignkit.chain.evaluate import evaluate
from alignkit.chain.measure import measure_run
from alignkit.chain.table import Join, runs_table
from alignkit.report import write_report
from alignkit.runs import Run
from alignkit.statistics import correlate

METRICS = ("cka", "mknn:k=5", "procrustes:form=distance")


@pytest.fixture(scope="module")
def measured(tiny_runs, tmp_path_factory):
    """The tiny runs, measured and correlated, in a copy that may be written to."""
    import shutil

    root, _ = tiny_runs
    copy = tmp_path_factory.mktemp("report") / "runs"
    shutil.copytree(root, copy)
    runs = [Run(file.parent) for file in sorted(copy.rglob("train.json"))]
    for run in runs:
        measure_run(run, METRICS)
        evaluate(run)
    match = [run for run in runs if run.task == "toy_match"]
    table = runs_table(match, Join(METRICS))
    found = correlate(table, "auroc", METRICS, lower_is_better=[METRICS[2]])
    return runs, match, table, found


class _Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data):
        self.text.append(data)


def _parse(page):
    parser = _Elements()
    parser.feed(page.read_text())
    return parser


def test_page_and_figures_are_there(measured, tmp_path):
    _, match, table, found = measured
    page = write_report(match, tmp_path, correlations=found, table=table)
    names = {f.name for f in (tmp_path / "figures").iterdir()}
    for metric in ("cka", "mknn-k=5", "procrustes-form=distance"):
        for kind in ("depth", "layers"):
            assert {f"toy_match-{metric}-{kind}.{s}" for s in ("svg", "png", "csv")} <= names
    assert {"toy_match-scatter.svg", "toy_match-training.svg"} <= names
    assert page.read_text().count("<figure>") == 8
    markdown = (tmp_path / "report.md").read_text()
    for line in markdown.splitlines():
        if line.startswith("!["):
            assert (tmp_path / line.rpartition("(")[2].rstrip(")")).is_file()


def test_the_page_needs_no_other_file(measured, tmp_path):
    _, match, table, found = measured
    page = write_report(match, tmp_path, correlations=found, table=table).read_text()
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "").replace("arXiv", "")
    assert "<script" not in page


def test_same_input_gives_the_same_bytes(measured, tmp_path):
    _, match, table, found = measured
    for name in ("a", "b"):
        write_report(match, tmp_path / name, correlations=found, table=table)
    for file in sorted((tmp_path / "a").rglob("*")):
        if file.is_file():
            twin = tmp_path / "b" / file.relative_to(tmp_path / "a")
            assert file.read_bytes() == twin.read_bytes(), file.name


def test_numbers_on_the_page_are_the_tables(measured, tmp_path):
    _, match, table, found = measured
    page = write_report(match, tmp_path, correlations=found, table=table)
    text = " ".join(_parse(page).text)
    for run in match:
        assert f"{run.performance()['splits']['test']['auroc']:.3f}" in text
    for r in found.table["pearson"]:
        assert f"{r:+.2f}" in text
    assert "not testable (3 unit(s), at least 6 are needed)" in text
    data = pd.read_csv(tmp_path / "figures" / "toy_match-cka-layers.csv")
    one = match[0].alignment().query("metric == 'cka' and x == 't00' and y == 'v01'")
    mine = data[(data["placement"] == match[0].placement) & (data["x"] == "t00")]
    assert mine[mine["y"] == "v01"]["value"].iloc[0] == pytest.approx(one["value"].iloc[0])


def test_one_run_and_no_correlation(measured, tmp_path):
    runs, *_ = measured
    page = write_report(runs[:1], tmp_path)
    assert "there is nothing to compare yet" in page.read_text()


def test_two_tasks_stand_apart(measured, tmp_path):
    runs, *_ = measured
    text = " ".join(_parse(write_report(runs, tmp_path)).text)
    assert "toy_match" in text
    assert "toy_unique" in text


def test_hostile_names_stay_text(measured, tmp_path):
    _, match, _, found = measured
    evil = '<img src=x onerror=alert(1)>|</td><script>alert("1")</script>'
    plain = _parse(write_report(match, tmp_path / "plain", correlations=found))
    hostile = SimpleNamespace(
        table=found.table.assign(direction=evil, verdict=evil, metric=found.table["metric"]),
        units=found.units, warnings=[evil], settings=found.settings | {"note": evil},
    )  # fmt: skip
    base = len(found.warnings)
    page = write_report(match, tmp_path / "evil", correlations=hostile, title=evil)
    parsed = _parse(page)
    extra = base - 1
    assert len(parsed.tags) == len(plain.tags) - extra
    assert not [tag for tag, _ in parsed.tags if tag == "script"]
    assert not [names for _, names in parsed.tags if "onerror" in names]
    row = next(
        line for line in (tmp_path / "evil" / "report.md").read_text().splitlines()
        if line.startswith("| toy") and "onerror" in line
    )  # fmt: skip
    assert row.replace("\\|", "").count("|") == 12


def test_cells_are_no_formulas():
    from alignkit.report.page import _safe

    table = pd.DataFrame({"name": ["=1+1", "fine", "@x"], "value": [-1.0, 2.0, 3.0]})
    assert list(_safe(table)["name"]) == ["'=1+1", "fine", "'@x"]
    assert list(_safe(table)["value"]) == [-1.0, 2.0, 3.0]


def test_an_undefined_value_is_drawn_and_explained(measured, tmp_path):
    import shutil

    _, match, *_ = measured
    copy = Run(shutil.copytree(match[0].path, tmp_path / "runs" / "t" / "p" / "seed0"))
    file = next((copy.path / "alignment" / "test").glob("cka.*.csv"))
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.loc[0, ["value", "reason"]] = ["", "t00 is constant"]
    table.to_csv(file, index=False)
    (copy.path / "alignment.csv").unlink()
    from alignkit.chain.measure import rebuild_alignment

    rebuild_alignment(copy)
    write_report([copy], tmp_path / "report", metrics=["cka"])
    data = pd.read_csv(tmp_path / "report" / "figures" / "toy_match-cka-layers.csv")
    assert "t00 is constant" in set(data["reason"].dropna())


def test_settings_are_kept(measured, tmp_path):
    _, match, table, found = measured
    write_report(match, tmp_path, correlations=found, table=table)
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["seed"] == 0
    assert settings["family"] == ["cka", "mknn", "svcca", "procrustes"]
    assert settings["training"]["epochs"] == 1
