"""A report follows one set of options: the draw of samples, the outcome, the metrics."""

import json

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run
from alignkit.analysis.options import TableOptions, default_metrics
from alignkit.chain.evaluate import evaluate
from alignkit.report.results import report_runs
from alignkit.runs.files import write_json
from tiny import alignkit


@pytest.fixture(scope="module")
def runs(own_runs):
    """Three runs of one task, scored, and measured on all 48 samples and on two draws of 20."""
    runs = [run for run in own_runs[1] if run.task == "toy_match"]
    for run in runs:
        evaluate(run)
        measure_run(run, ["cka"])
        for seed in (0, 3):
            measure_run(run, ["cka"], samples=20, seed=seed)
    return runs


def _report(runs, folder, **options):
    page = report_runs(runs, folder, TableOptions(("cka",), **options), permutations=9)
    figures = {
        kind: pd.read_csv(folder / "figures" / f"toy_match-{name}.csv", keep_default_na=False)
        for kind, name in {
            "layers": "cka-layers",
            "depth": "cka-depth",
            "against": "scatter",
            "training": "training",
        }.items()
    }
    return page.read_text(), figures


def test_all_figures_show_the_samples_that_were_asked_for(runs, tmp_path):
    """Guards against maps at the largest n ever measured beside a scatter at the n asked for."""
    text, figures = _report(runs, tmp_path, samples=20)
    assert set(figures["layers"]["n"]) == set(figures["depth"]["n"]) == {20}
    mapped = figures["layers"].set_index(["placement", "x", "y"])["value"].astype(float)
    points = figures["against"].set_index("unit")["x"].astype(float)
    for run in runs:
        last = measure_run(run, ["cka"], layers="last", samples=20).iloc[0]
        assert points[run.placement] == pytest.approx(last["value"])
        assert mapped[run.placement, last["x"], last["y"]] == pytest.approx(last["value"])
    assert text.count("n = 20 samples") >= 3
    whole, figures = _report(runs, tmp_path / "all")
    assert set(figures["layers"]["n"]) == {48}
    assert "n = 20 samples" not in whole


def test_a_draw_with_another_seed_is_another_measurement(runs, tmp_path):
    """Guards against averaging two draws of equal n as if they were seeds of the training."""
    maps = {
        seed: _report(runs, tmp_path / str(seed), samples=20, seed=seed)[1]["layers"]
        for seed in (0, 3)
    }
    for seed, shown in maps.items():
        assert (shown["seeds"] == 1).all()
        run = runs[-1]
        value = measure_run(run, ["cka"], samples=20, seed=seed).set_index(["x", "y"])["value"]
        mine = shown[shown["placement"] == run.placement].set_index(["x", "y"])["value"]
        assert mine.astype(float)["t01", "v02"] == pytest.approx(value["t01", "v02"])
    assert not maps[0]["value"].equals(maps[3]["value"])


def test_the_whole_report_follows_the_outcome(runs, tmp_path):
    """Guards against a table of another score than the one that was correlated."""
    text, figures = _report(runs, tmp_path, outcome="accuracy")
    (table,) = [part for part in text.split("<h2") if "Scores on test" in part]
    for run in runs:
        scores = run.performance()["splits"]["test"]
        assert f"{scores['accuracy']:.3f}" in table
        validation = run.history().query("split == 'validation'")["accuracy"].tolist()
        curve = figures["training"].query("placement == @run.placement and split == 'validation'")
        assert curve["value"].astype(float).tolist() == validation
    assert set(figures["training"]["score"]) == {"accuracy"}
    assert "auroc" not in text


def test_the_best_of_a_loss_is_the_lowest(runs, tmp_path):
    """Guards against a loss that is read as a score."""
    text, _ = _report(runs, tmp_path, outcome="loss")
    best = min(run.performance()["splits"]["test"]["loss"] for run in runs)
    assert f"toy_match: the lowest loss is {best:.3f}" in text
    assert "loss (lower is better)" in text


def test_a_score_is_read_as_its_task_declared_it(runs, tmp_path):
    """Guards against a declared direction that some part of the report does not read."""
    for run in runs:
        performance = run.performance()
        performance["higher_is_better"] = {"brier": False}
        performance["splits"]["test"]["brier"] = 0.1 + len(run.placement) / 100
        write_json(run.performance_file, performance)
    text, _ = _report(runs, tmp_path, outcome="brier")
    assert "toy_match: the lowest brier is 0.140" in text
    assert "brier (lower is better)" in text


def test_the_default_metrics_are_those_of_correlate(runs, tmp_path):
    """Guards against a report about other metrics than ``alignkit correlate`` tests."""
    paths = [run.path for run in runs[:2]]
    alignkit("report", *paths, "--permutations", "9", "--output", "r", cwd=tmp_path)
    reported = json.loads((tmp_path / "r" / "settings.json").read_text())["metrics"]
    root = runs[0].path.parents[2]
    words = ("--runs", root, "--task", "toy_match", "--permutations", "9", "--json")
    correlated = json.loads(alignkit("correlate", *words, cwd=tmp_path).stdout)
    assert reported == [row["metric"] for row in correlated] == default_metrics()


def test_figures_are_also_written_in_the_formats_that_are_asked_for(runs, tmp_path):
    paths = [run.path for run in runs[:2]]
    short = ("--metric", "cka", "--permutations", "9", "--output")
    also = ("--figure-format", "pdf", "--figure-format", "png")
    alignkit("report", *paths, *short, "r", *also, cwd=tmp_path)
    files = list((tmp_path / "r" / "figures").iterdir())
    drawn = {file.stem for file in files if file.suffix == ".svg"}
    assert len(drawn) == 7
    for file in (file for file in files if file.stem in drawn):
        beside = {other.suffix for other in files if other.stem == file.stem}
        assert beside == {".svg", ".csv", ".pdf", ".png"}
    assert {file.read_bytes()[:4] for file in files if file.suffix == ".pdf"} == {b"%PDF"}
    refused = alignkit(
        "report", *paths, *short, "s", "--figure-format", "eps", cwd=tmp_path, code=2
    )
    assert "'eps' is no format of figures; choose svg, png, pdf" in refused.stderr
    assert not (tmp_path / "s").exists()
