"""Analyses from Python whose results are tables: those of the commands, shown by a notebook."""

import numpy as np
import pandas as pd
import pytest

import alignkit
from alignkit.analysis.tabled import MOST_ROWS, Tabled
from tiny import alignkit as command


@pytest.fixture(scope="module")
def runs(own_runs):
    return [run for run in own_runs[1] if run.task == "toy_match"]


# What is asked for in Python and at the command line, and the table that both give.
ASKED = {
    "dimension": ({"layers": "last"}, ("--layers", "last"), "layers"),
    "trajectory": ({"metric": "mknn:k=5"}, ("--metric", "mknn:k=5"), "values"),
    "probe": (
        {"metric": "cka", "streams": "both", "layers": "last"},
        ("--metric", "cka", "--streams", "both", "--layers", "last"),
        "layers",
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_tables_are_those_of_the_command(name, runs, tmp_path):
    options, words, table = ASKED[name]
    found = getattr(alignkit, name)(runs, permutations=9, **options)
    paths = [run.path for run in runs]
    command(name, *paths, *words, "--permutations", "9", "-o", "t", cwd=tmp_path)
    written = pd.read_csv(tmp_path / "t" / f"{table}.csv")
    given = found.tables[table]
    assert list(given) == list(written)
    assert len(given) == len(written) > 0
    numbers = written.dropna(axis="columns", how="all").select_dtypes("number")
    assert len(numbers.columns) >= 3
    for column in numbers:
        assert given[column].astype(float).tolist() == pytest.approx(
            written[column].tolist(), nan_ok=True
        ), column
    html = found._repr_html_()
    assert html.count("<table") == sum(len(each) > 0 for each in found.shown_tables.values())


def test_a_folder_stands_for_its_runs_and_arrays_for_a_model(own_runs):
    root, every = own_runs
    rng = np.random.default_rng(0)
    layers = list(rng.standard_normal((3, 30, 4)))
    assert list(alignkit.dimension(layers).layers["layer"]) == ["0", "1", "2"]
    several = {"one": layers, "two": layers[:2]}
    steps = alignkit.trajectory(several, "cka", permutations=9).values
    assert set(steps["model"]) == {"one", "two"}
    of_folder = alignkit.dimension(root, layers="last", permutations=9)
    assert set(of_folder.layers["model"]) == {str(run.path) for run in every}


def test_scores_by_run_and_by_placement(runs):
    table = alignkit.evaluate(runs)
    for row, run in zip(table.itertuples(), runs, strict=True):
        assert row.accuracy == run.performance()["splits"]["test"]["accuracy"]
    means = alignkit.evaluate(runs, unit="placement").set_index(["unit", "score"])
    for placement, part in table.groupby("placement"):
        assert means.loc[(placement, "accuracy"), "mean"] == pytest.approx(part["accuracy"].mean())
    with pytest.raises(alignkit.UsageError):
        alignkit.evaluate(runs, score="no_such_score")


def test_stability_is_that_of_the_command(runs, tmp_path):
    found = alignkit.stability(runs[:1], "cka", samples=[20, 40], null=0)
    words = ("--samples", "20", "--samples", "40", "--null", "0", "-m", "cka", "-o", "s.csv")
    command("stability", runs[0].path, *words, cwd=tmp_path)
    written = pd.read_csv(tmp_path / "s.csv")
    assert found.table["value"].tolist() == pytest.approx(written["value"].tolist())
    assert found.settings["samples"] == (20, 40)
    assert "<h4>summary</h4>" in found._repr_html_()


def test_what_differs_in_no_option_cannot_be_ablated(runs):
    with pytest.raises(alignkit.UsageError, match="an ablation needs runs with two values"):
        alignkit.ablation(runs, "learning_rate")


class _Two(Tabled):
    shown = ("long", "empty")

    @property
    def tables(self):
        return {
            "long": pd.DataFrame({"<b>": ["<script>\x1b[31m", None] * 100, "value": 1 / 3}),
            "empty": pd.DataFrame({"x": []}),
            "file": pd.DataFrame({"y": [1]}),
        }


def test_a_notebook_shows_text_as_text_and_long_tables_by_their_ends():
    html = _Two()._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "\x1b" not in html
    assert "None" not in html
    assert "0.333" in html
    assert html.count("<tr") < MOST_ROWS + 5
    assert "<h4>long</h4>" in html
    assert "empty" not in html
    assert "file" not in html
