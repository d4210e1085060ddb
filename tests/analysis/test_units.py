"""Units of analysis: variants of a placement are named, and never averaged unseen."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import MeasuredRuns
from alignkit.chain.train import train
from alignkit.errors import UsageError
from alignkit.report.content import gather
from alignkit.runs import Training, load_runs, resolve_config
from alignkit.runs.files import write_json
from alignkit.statistics.correlation.units import unit_means
from tiny import TINY_MODEL, TINY_TASK, alignkit, without_manifests

RATES = (1e-5, 3e-5, 1e-4, 3e-4, 5e-4, 1e-3, 0.01)
NAMES = [f"learning_rate={rate}" for rate in ("1e-5", "3e-5", "1e-4", "3e-4", "5e-4", "1e-3")]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Seven learning rates at one placement; two of them at another one too."""
    root = tmp_path_factory.mktemp("sweep") / "runs"
    for placement, rates in (("1", RATES), ("2", RATES[2:4])):
        for rate in rates:
            training = Training(epochs=0, learning_rate=rate)
            train(resolve_config(TINY_TASK, placement, TINY_MODEL, training), root)
    alignkit("measure", "--runs", root, "-m", "cka", "--layers", "all", cwd=root.parent)
    alignkit("evaluate", "--runs", root, cwd=root.parent)
    return root


@pytest.fixture
def own(sweep, tmp_path):
    shutil.copytree(sweep, tmp_path / "runs")
    return tmp_path


def units(found):
    return found.units["unit"].tolist()


@pytest.mark.slow
def test_seven_learning_rates_are_not_seven_units(sweep):
    runs = load_runs(sweep, placement=["at_1"])
    with pytest.raises(UsageError, match=r"not averaged: learning_rate is 1e-5, .*, 0\.01"):
        correlate_runs(runs, TableOptions(("cka",)))
    found, table = correlate_runs(runs, TableOptions(("cka",)), unit="learning_rate")
    assert set(units(found)) == {*NAMES, "learning_rate=0.01"}
    assert set(table["unit"]) == set(units(found))
    assert found.table["n"].tolist() == [7]
    assert found.settings["unit"] == "learning_rate"
    variants, _ = correlate_runs(runs, TableOptions(("cka",)), unit="variant")
    assert set(units(variants)) == {f"at_1, {name}" for name in units(found)}


@pytest.mark.slow
def test_two_placements_by_two_learning_rates(sweep):
    runs = [run for run in load_runs(sweep) if run.config.training.learning_rate in RATES[2:4]]
    said = []
    found, _ = correlate_runs(
        runs, TableOptions(("cka",)), unit="learning_rate", reporter=_Notes(said)
    )
    assert units(found) == ["learning_rate=1e-4", "learning_rate=3e-4"]
    assert found.units["placement"].tolist() == ["at_1, at_2"] * 2
    assert any("learning_rate is averaged over the placements at_1, at_2" in s for s in said)
    _, table = correlate_runs(runs, TableOptions(("cka",)), unit="variant")
    assert table["unit"].nunique() == 4


@pytest.mark.slow
def test_placements_that_differ_between_units_are_reported(sweep):
    said = []
    correlate_runs(
        load_runs(sweep), TableOptions(("cka",)), unit="learning_rate", reporter=_Notes(said)
    )
    assert any("the two effects cannot be separated" in text for text in said)


@pytest.mark.slow
def test_figures_and_tables_of_a_report_name_variants(sweep):
    content = gather(load_runs(sweep), TableOptions(("cka",)))
    assert {f"at_1, {name}" for name in NAMES} < set(content.scores["placement"])
    assert not any(run.unit[:8] in name for run in content.runs for name in content.look)
    one = gather(load_runs(sweep, placement=["at_2"])[:1], TableOptions(("cka",)))
    assert set(one.scores["placement"]) == {"at_2"}


@pytest.mark.slow
def test_the_command_refuses_selects_and_groups(own):
    refused = alignkit("correlate", "-m", "cka", cwd=own, code=2).stderr
    assert "with --where learning_rate=1e-5" in refused
    assert "--unit learning_rate or --unit variant" in refused
    words = ("correlate", "-m", "cka", "--json")
    done = alignkit(*words, "--where", "learning_rate=0.0003", cwd=own)
    (row,) = json.loads(done.stdout)
    assert (row["unit"], row["n"]) == ("placement", 2)
    done = alignkit(*words, "--unit", "variant", cwd=own)
    (row,) = json.loads(done.stdout)
    assert row["n"] == 9
    shown = alignkit(*words[:-1], "-p", "at_1", "--unit", "learning_rate", cwd=own).stdout
    assert "7 values of learning_rate, 7 runs" in shown


@pytest.mark.slow
def test_a_report_groups_by_an_option(own):
    words = ("report", "-m", "cka", "-p", "at_1", "--permutations", "99")
    assert "differ in more than the seed" in alignkit(*words, cwd=own, code=2).stderr
    assert not (own / "report").exists()
    alignkit(*words, "--unit", "learning_rate", cwd=own)
    page = (own / "report" / "report.md").read_text()
    data = (own / "report" / "figures" / "toy_match-scatter.csv").read_text()
    assert r"at\_1, learning\_rate=3e-4" in page
    assert "learning_rate=3e-4" in data
    for run in load_runs(own / "runs"):
        assert run.unit[:8] not in data


@pytest.mark.slow
def test_variants_are_ordered_by_the_value_of_the_option(sweep):
    content = gather(load_runs(sweep, placement=["at_1"]), TableOptions(("cka",)))
    expected = [f"at_1, {name}" for name in (*NAMES, "learning_rate=0.01")]
    assert list(content.look) == expected
    assert content.scores["placement"].tolist() == expected


@pytest.mark.slow
def test_scores_and_values_name_variants_and_no_hash(sweep):
    runs = load_runs(sweep)
    names = {f"at_1, {name}" for name in (*NAMES, "learning_rate=0.01")}
    names |= {"at_2, learning_rate=1e-4", "at_2, learning_rate=3e-4"}
    measured = MeasuredRuns(runs, TableOptions(("cka",)))
    assert set(measured.scores["unit"]) == set(measured.by_layer("last")["unit"]) == names


@pytest.mark.slow
def test_hypotheses_refuse_variants_and_answer_for_one_value(own):
    words = ("hypotheses", "--question", "placement", "-m", "cka", "--permutations", "99", "--json")
    refused = alignkit(*words, cwd=own, code=2).stderr
    (line,) = [line for line in refused.splitlines() if "Error" in line]
    assert "placement at_1 differ in more than the seed" in line
    assert line.endswith("Choose one value with --where learning_rate=1e-5")
    (answer,) = json.loads(alignkit(*words, "--where", "learning_rate=3e-4", cwd=own).stdout)
    (variance, _) = answer["tables"]["variance"]
    assert (variance["placements"], variance["runs"]) == (2, 2)


def _refusal(done):
    (line,) = [line for line in done.stderr.splitlines() if "Error" in line]
    return line


@pytest.mark.slow
def test_hypotheses_have_the_units_that_a_question_allows(own):
    for i, run in enumerate(load_runs(own / "runs")):  # untrained, so that they are all alike
        without_manifests(run.path)
        for file in run.alignment_folder("test").glob("*.csv"):
            values = pd.read_csv(file)
            values["value"] = [np.sin(i * i + j) ** 2 for j in range(len(values))]
            values.to_csv(file, index=False)
        performance = run.performance()
        performance["splits"]["test"][performance["primary"]] = np.cos(i) ** 2
        write_json(run.performance_file, performance)
    words = ("hypotheses", "-m", "cka", "--permutations", "99", "--placement", "at_1", "--json")
    optimum = ("--question", "optimum", "--unit", "learning_rate")
    (answer,) = json.loads(alignkit(*words, *optimum, cwd=own).stdout)
    (row,) = answer["tables"]["quadratic"]
    assert row["n"] == 7
    assert answer["settings"]["unit"] == "learning_rate"
    assert "over 7 values of learning_rate" in answer["answer"]
    (answer,) = json.loads(
        alignkit(*words, "--question", "h2", "--unit", "variant", cwd=own).stdout
    )
    assert {row["n"] for row in answer["tables"]["against_last"]} == {7}
    assert "over 7 variants" in answer["answer"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "questions", "message"),
    [
        ("learning_rate", ("h1", "optimum"), "these questions are about placements: h1; ask only"),
        ("variant", (), "about placements: h1, h3, placement; ask only h2, optimum, pooling"),
        ("run", ("h2",), "the runs of a placement are not independent"),
        ("learning_rat", ("h2",), "did you mean 'learning_rate'"),
    ],
)
def test_hypotheses_refuse_units_that_a_question_cannot_have(own, unit, questions, message):
    asked = [word for name in questions for word in ("--question", name)]
    done = alignkit("hypotheses", "-m", "cka", "--unit", unit, *asked, cwd=own, code=2)
    assert message in _refusal(done)


@pytest.mark.slow
def test_agreement_and_stability_select_by_option(own):
    where = ("-m", "cka", "-m", "mknn:k=3", "--where", "learning_rate=3e-4", "--json")
    agreement = json.loads(alignkit("agreement", *where, cwd=own).stdout)
    assert agreement["settings"]["runs"] == 2
    words = ("stability", *where, "--samples", "24", "--k", "3", "--splits", "1", "--null", "0")
    assert len(json.loads(alignkit(*words, cwd=own).stdout)["settings"]["models"]) == 2


def test_hashes_of_an_older_table_are_numbered_and_not_shown():
    first, second, other = (letter * 64 for letter in "fa0")
    table = pd.DataFrame(
        {
            "task": "t",
            "placement": ["late"] * 4 + ["none"],
            "seed": [0, 0, 1, 1, 0],
            "unit": [first, second, first, second, other],
            "score": [1.0, 2.0, 3.0, 6.0, 5.0],
        }
    )
    means = unit_means(table, "placement", ["score"])
    assert means["unit"].tolist() == ["late, variant 1", "late, variant 2", "none"]
    assert means["score"].tolist() == [2.0, 4.0, 5.0]


def test_units_of_a_table_are_named_by_their_column():
    table = pd.DataFrame(
        {
            "task": "t",
            "placement": ["a", "b", "a", "b"],
            "seed": 0,
            "rate": ["low", "low", "high", "high"],
            "score": [1.0, 3.0, 5.0, 7.0],
        }
    )
    means = unit_means(table, "rate", ["score"])
    assert means["unit"].tolist() == ["high", "low"]
    assert means["score"].tolist() == [6.0, 2.0]
    assert means["placement"].tolist() == ["a, b", "a, b"]


class _Notes:
    """A reporter that keeps notes only."""

    def __init__(self, said):
        self.said = said

    def note(self, text):
        self.said.append(text)

    def __getattr__(self, name):
        from alignkit.progress import SILENT

        return getattr(SILENT, name)
