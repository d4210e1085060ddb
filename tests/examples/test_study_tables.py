"""The check of the study's printed tables, and what it finds."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "study_tables.py"


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    return runpy.run_path(str(EXAMPLE))["main"](folder), folder


def test_every_printed_p_fits_its_r_and_n(checked):
    table = checked[0]["p"]
    assert len(table) == 176
    assert table["fits"].all()
    implied = table.groupby("task").agg(low=("n_low", "max"), high=("n_high", "min"))
    assert implied.loc["mm_imdb"].tolist() == [15, 15]
    assert implied.loc["upmc_food"].tolist() == [14, 14]


def test_the_run_listed_twice_is_found(checked):
    assert checked[0]["twice"] == [("mm_imdb", 2, 1)]


def test_the_sign_problem_is_found_and_said(checked, capsys):
    runpy.run_path(str(EXAMPLE))["main"](checked[1])
    said = capsys.readouterr().out
    verdicts = checked[0]["as_printed"].triples["verdict"].value_counts()
    assert verdicts.to_dict() == {"impossible": 81, "possible": 6, "border": 1}
    assert (checked[0]["turned"].triples["verdict"] == "possible").all()
    assert "81 of 88 triples are impossible, 1 more is possible only within rounding" in said
    assert "if the sign of r(accuracy, loss) is flipped" in said
    assert "they are correlations with the negative loss" in said


def test_nothing_stands_over_five_placements(checked):
    table = checked[0]["units"]
    assert (table["p_five"] >= 0.05).all()
    kept = table[
        (table["split"] == "test")
        & (table["statistic"] == "pearson")
        & (table["outcome"] == "accuracy")
        & (table["p_holm"] < 0.01)
    ]
    assert kept[["task", "metric"]].to_numpy().tolist() == [["mm_imdb", "cknna"]]


def test_figures_come_with_their_data(checked):
    names = {file.name for file in checked[1].iterdir()}
    assert names == {f"{stem}.{kind}" for stem in ("signs", "p") for kind in ("svg", "png", "csv")}
