"""What other commands wrote is shown by a report, number for number, and nothing of other runs."""

import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from alignkit.analysis.options import TableOptions
from alignkit.errors import DataError
from alignkit.report import stored_tables
from alignkit.report.charts import spectra
from alignkit.report.content import gather
from alignkit.report.figures.spectra import mean_curves
from alignkit.report.results import report_runs
from alignkit.report.stored_tables import KINDS, find_tables
from alignkit.runs import Run
from pages import charts_of, check_numbers
from tiny import alignkit

SECTIONS = {
    "stability": {"stability"},
    "probes": {"probes", "probe_points"},
    "dimension": {"dimension", "spectra"},
    "trajectory": {"trajectory"},
    "search": {"search", "search_parameters", "search_front"},
}


@pytest.fixture(scope="module")
def written(stored, tmp_path_factory):
    runs, results = stored
    folder = tmp_path_factory.mktemp("report")
    return _report(runs, folder, results), folder


def _report(runs, folder, *results):
    options = TableOptions(("cka",))
    return report_runs(runs, folder, options, permutations=9, measure=True, results=results)


def test_every_command_has_its_section(written):
    page, folder = written
    text, markdown = page.read_text(), (folder / "report.md").read_text()
    for name, kind in KINDS.items():
        assert f'<h2 id="{name}">{kind.title}</h2>' in text
        assert f'<a href="#{name}">{kind.title}</a>' in text
        assert f"\n## {kind.title}\n" in markdown
    assert set.union(*SECTIONS.values()) <= set(charts_of(page))
    assert "What else can be shown" not in text + markdown
    assert "of &lt;b&gt;blocks&lt;/b&gt;" in text


def test_the_pictures_of_the_commands_are_linked(written, stored):
    page, folder = written
    linked = set(re.findall(r'<a href="([^"]+\.svg)"', page.read_text()))
    shown = set(re.findall(r"!\[.+\]\((.+\.svg)\)", (folder / "report.md").read_text()))
    for drawn in (
        "dimension/figures/dimension-twonn-toy_match-text.svg",
        "search/history.svg",
        "stability/figures/stability-samples.svg",
    ):
        (address,) = {address for address in shown if address.endswith(drawn)}
        assert (folder / unquote(address)).resolve() == (stored[1] / drawn).resolve()
    assert all((folder / unquote(address)).is_file() for address in linked | shown)
    assert any(address.endswith("search/history.svg") for address in linked)
    assert not list((folder / "figures").glob("*twonn*.svg"))  # nothing is drawn again


def test_pictures_are_linked_wherever_they_lie(stored, tmp_path):
    runs, results = stored
    place = shutil.copytree(results / "stability", tmp_path / "a b#%" / "stability")
    (place / "figures" / "other.svg").write_text("of another command")
    page = _report(runs, tmp_path / "report", place)
    (address,) = set(re.findall(r'href="([^"]+stability-k\.svg)"', page.read_text()))
    assert address == "../a%20b%23%25/stability/figures/stability-k.svg"
    assert "other.svg" not in page.read_text()


def test_every_number_is_in_the_csv_beside_it(written):
    page, folder = written
    check_numbers(charts_of(page), folder)


def _means(folder, name, **chosen):
    data = pd.read_csv(folder / "figures" / f"{name}.csv")
    data = data[data["run"] == "mean over seeds"]
    for column, value in chosen.items():
        data = data[data[column] == value]
    return data.set_index(["placement", "depth"])["value"].sort_index().to_dict()


@pytest.mark.parametrize(
    ("chart", "file", "of", "chosen"),
    [
        ("dimension", "dimension/layers", "twonn", {"quantity": "TwoNN dimension"}),
        ("trajectory", "trajectory/values", "value", {"relation": "with the last layer"}),
        ("probes", "probe/layers", "value", {}),
    ],
)
def test_curves_are_means_over_seeds_of_what_was_written(stored, written, chart, file, of, chosen):
    table = pd.read_csv(stored[1] / f"{file}.csv")
    table = table[table["stream"] == "vision"]
    if "relation" in table:
        table = table[table["relation"] == "to-last"]
    expected = table.groupby(["placement", "depth"])[of].mean().dropna().to_dict()
    shown = _means(written[1], chart, stream="vision", **chosen)
    assert expected
    assert shown == pytest.approx(expected)


def test_spectra_are_means_over_seeds_of_what_was_written(stored, written):
    table = pd.read_csv(stored[1] / "dimension" / "spectra.csv")
    keys = ["stream", "placement", "depth", "component"]
    expected = table.groupby(keys)["cumulative"].mean().to_dict()
    data = pd.read_csv(written[1] / "figures" / "spectra.csv")
    assert data.set_index(keys)["value"].to_dict() == pytest.approx(expected)


def test_a_chart_links_its_own_pictures(written):
    text = written[0].read_text()
    for chart, own, other in (
        ("spectra", "/spectra-", "/dimension-"),
        ("dimension", "/dimension-", "/spectra-"),
    ):
        (figure,) = re.findall(rf'<figure[^>]*id="chart-{chart}".*?</figure>', text, re.DOTALL)
        linked = re.findall(r'<a href="([^"]+\.svg)"', figure)
        assert any(own in address for address in linked)
        assert not any(other in address for address in linked)


def _long_spectra(seeds, components):
    return pd.DataFrame(
        {
            **dict.fromkeys(("results", "task", "stream"), "t"),
            "placement": "none",
            "seed": seed,
            "depth": depth,
            "component": at + 1,
            "cumulative": 1 - 0.5 ** (at + 1 + depth + seed),
        }
        for seed in seeds
        for depth in (0, 1)
        for at in range(components + seed)
    )


@pytest.mark.parametrize(("seeds", "most"), [((0, 1), 30_000), ((0, 1), 40), ((0,), 30_000)])
def test_long_spectra_are_thinned_and_the_page_says_so(
    write_study, tmp_path, monkeypatch, seeds, most
):
    monkeypatch.setattr(spectra, "MOST_ROWS", most)
    runs = write_study(tmp_path / "runs", ("toy_match",))
    content = gather(runs, TableOptions(("cka",)))
    shares = _long_spectra(seeds, 500)
    chart = spectra.spectra_chart(shares, content)
    assert len(chart.rows) <= 6 * 34
    assert "Drawn are" in chart.note
    assert f"of up to {500 + seeds[-1]} components of a layer" in chart.note
    assert ("Single runs are left out" in chart.note) == (most == 40)
    assert (chart.rows["run"] == "seed 0").any() == (most > 40)
    means = mean_curves(shares, ["depth"]).set_index(["depth", "component"])["cumulative"]
    single = chart.rows[chart.rows["run"] == "seed 0"]
    known = shares[shares["seed"] == 0].set_index(["depth", "component"])["cumulative"]
    assert [known[row.depth, row.component] for row in single.itertuples()] == list(single["value"])
    drawn = chart.rows[chart.rows["run"] == "mean over seeds"]
    for row in drawn.itertuples():
        assert row.value == means[row.depth, row.component]
    for _, curve in drawn.groupby("depth"):
        assert {1, 500 + seeds[-1]} <= set(curve["component"])


def test_a_spectrum_is_one_after_its_last_component():
    shares = pd.DataFrame(
        {"seed": [0, 0, 1], "depth": 0, "component": [1, 2, 1], "cumulative": [0.5, 1.0, 1.0]}
    )
    assert mean_curves(shares, ["depth"])["cumulative"].tolist() == [0.75, 1.0]
    of_none = shares.assign(seed=float("nan")).iloc[:2]
    assert mean_curves(of_none, ["depth"])["cumulative"].tolist() == [0.5, 1.0]


def test_stability_is_the_mean_over_runs(stored, written):
    table = pd.read_csv(stored[1] / "stability" / "models.csv")
    data = pd.read_csv(written[1] / "figures" / "stability.csv")
    shown = data[(data["run"] == "mean over runs") & (data["metric"] == "mknn:k=5")]
    for varied in ("samples", "k"):
        mine = shown[(shown["varied"] == varied) & shown["panel"].str.startswith("mean value")]
        rows = table[(table["metric"] == "mknn:k=5") & (table["varied"] == varied)]
        expected = rows.groupby(varied)["value"].mean().dropna()
        assert mine.set_index("setting")["value"].to_dict() == pytest.approx(expected.to_dict())


def test_a_search_shows_the_best_so_far_and_its_front(written):
    data = pd.read_csv(written[1] / "figures" / "search.csv")
    assert data.query("objective == 'score'")["best"].tolist() == [0.5, 0.7, 0.7]
    assert data.query("objective == 'loss'")["best"].tolist() == [0.9, 0.9, 0.9]
    assert data["kind"].str.contains("earlier").sum() == 2
    front = pd.read_csv(written[1] / "figures" / "search_front.csv")
    assert front["front"].tolist() == ["on the front"] * 3


def test_what_is_not_there_has_a_line_with_its_command(stored, tmp_path):
    runs, results = stored
    page = _report(runs, tmp_path, results / "dimension")
    text, markdown = page.read_text(), (tmp_path / "report.md").read_text()
    for name, kind in KINDS.items():
        assert (f"<code>{kind.command}</code>" in text) == (name != "dimension")
        assert (f"`{kind.command}`" in markdown) == (name != "dimension")
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["results"] == [(results / "dimension").as_posix()]


def test_the_report_is_no_table_of_its_own(stored, written, tmp_path):
    """What a report wrote below the folder of results is not read as results."""
    shutil.copytree(stored[1], tmp_path / "results")
    before = find_tables([tmp_path / "results"])
    shutil.copytree(written[1], tmp_path / "results" / "report")
    assert find_tables([tmp_path / "results"]) == before
    assert [tables.kind for tables in before] == sorted(
        ("dimension", "probes", "search", "stability", "trajectory"),
        key=lambda kind: {"probes": "probe"}.get(kind, kind),
    )


def test_other_runs_and_damaged_tables_are_named_and_left_out(stored, tmp_path):
    runs, results = stored
    shutil.copytree(results, tmp_path / "results")
    values = tmp_path / "results" / "trajectory" / "values.csv"
    values.write_text(values.read_text().replace(str(runs[0].path.parents[2]), "/elsewhere"))
    layers = tmp_path / "results" / "probe" / "layers.csv"
    table = pd.read_csv(layers)
    table.astype({"value": object}).assign(value="much").to_csv(layers, index=False)
    (tmp_path / "results" / "search" / "search.json").write_text("{")
    page = _report(runs, tmp_path / "report", tmp_path / "results")
    text = page.read_text()
    assert "is about none of the runs of this report" in text
    assert "layers.csv holds text in the column &#39;value&#39;, not numbers" in text
    assert "search.json" in text
    charts = charts_of(page)
    assert {"dimension", "stability"} <= set(charts)
    assert not {"trajectory", "probes", "search"} & set(charts)


@pytest.mark.parametrize(
    ("file", "column", "value", "chart", "said"),
    [
        ("dimension/spectra.csv", "component", None, "spectra", "has no column"),
        ("dimension/spectra.csv", "cumulative", "much", "spectra", "holds text in the column"),
        ("probe/points.csv", "alignment", None, "probe_points", "has no column"),
        ("search/importances.csv", "importance", None, "", "has no column"),
        ("search/history.csv", "loss", None, "search", "has no column"),
        ("search/history.csv", "score", "much", "search", "holds text in the column"),
    ],
)
def test_a_table_that_was_changed_is_named_and_left_out(
    stored, tmp_path, file, column, value, chart, said
):
    place = shutil.copytree(stored[1], tmp_path / "results")
    table = pd.read_csv(place / file)
    changed = table.drop(columns=column) if value is None else table.assign(**{column: value})
    changed.to_csv(place / file, index=False)
    page = _report(stored[0], tmp_path / "report", place)
    assert f"{Path(file).name} {said} &#39;{column}&#39;" in page.read_text()
    assert chart not in charts_of(page)
    assert {"dimension", "probes", "stability"} <= set(charts_of(page))


def test_some_of_the_runs_are_counted(stored, tmp_path):
    runs, results = stored
    page = _report(runs[:-1], tmp_path / "fewer", results / "dimension")
    assert "is about 1 other model(s), which are left out" in page.read_text()
    table = pd.read_csv(results / "dimension" / "layers.csv")
    table = table[table["model"] == str(runs[0].path)]
    (tmp_path / "few").mkdir()
    table.to_csv(tmp_path / "few" / "layers.csv", index=False)
    page = _report(runs, tmp_path / "report", tmp_path / "few")
    assert f"is about 1 of the {len(runs)} runs." in page.read_text()


def test_paths_may_begin_where_the_command_ran(stored, tmp_path):
    """A command writes paths as they were given; a report may run elsewhere."""
    runs, results = stored
    root = runs[0].path.parents[2]
    moved = [Run(tmp_path / "runs" / run.path.relative_to(root)) for run in runs]
    shutil.copytree(root, tmp_path / "runs")
    shutil.copytree(results / "dimension", tmp_path / "results" / "dimension")
    layers = tmp_path / "results" / "dimension" / "layers.csv"
    layers.write_text(layers.read_text().replace(f"{root}/", "runs/"))
    page = _report(moved, tmp_path / "report", tmp_path / "results")
    assert "dimension" in charts_of(page)


@pytest.mark.parametrize("place", ["nowhere", "empty", "note.txt"])
def test_a_place_without_tables_is_refused_before_any_work(stored, tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("a,b\n1,2\n")
    words = ("report", "--runs", stored[0][0].path.parents[2], "--results", place)
    done = alignkit(*words, cwd=tmp_path, code=1)
    assert f"--results is {place}, which" in done.stderr
    assert not (tmp_path / "report").exists()


def _dimension_in(folder):
    (folder / "layers.csv").write_text(",".join(sorted(KINDS["dimension"].columns)) + "\n")
    (found,) = find_tables([folder])
    return found


def test_a_pipe_among_the_tables_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "spectra.csv")
    assert _dimension_in(tmp_path).table("spectra").empty


def test_a_very_large_table_is_said_to_be_left_out(tmp_path, monkeypatch):
    (tmp_path / "fusions.csv").write_text("model,share\na,0.5\n")
    found = _dimension_in(tmp_path)
    assert len(found.table("fusions")) == 1
    monkeypatch.setattr(stored_tables, "_LARGEST", 10)
    with pytest.raises(DataError, match=r"fusions\.csv has 18 bytes; at most 10 are shown"):
        found.table("fusions")
