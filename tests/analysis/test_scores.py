"""Which direction of an outcome is better, in every analysis, and scores as one table."""

import shutil

import pytest

from alignkit.analysis import layer_values as measuring
from alignkit.analysis.correlate import correlate_runs
from alignkit.analysis.options import TableOptions
from alignkit.analysis.questions import Evidence
from alignkit.analysis.scores import outcome_sign, scores_table
from alignkit.errors import UsageError
from alignkit.runs import Run
from alignkit.runs.files import write_json


@pytest.fixture
def runs(tiny_runs, tmp_path):
    """Runs of two tasks in a copy of the test's own, all scored as planted below."""
    root, runs = tiny_runs
    shutil.copytree(root, tmp_path / "runs")
    return [Run(tmp_path / "runs" / run.path.relative_to(root)) for run in runs]


def _plant(runs, name, **more):
    """Make a score, higher for longer names of placements, the primary one."""
    for run in runs:
        performance = run.performance() | {"primary": name} | more
        performance["splits"]["test"] = {name: len(run.placement) / 10, "loss": 1.0, "n": 48}
        write_json(run.performance_file, performance)


@pytest.mark.parametrize("name", ["error", "perplexity", "nll", "loss", "val_loss"])
def test_lower_is_better_by_name_in_every_analysis(runs, name):
    """Guards against a loss that correlate knows but hypotheses reads as a score."""
    _plant(runs, name)
    options = TableOptions(("cka",))
    correlations, _ = correlate_runs(runs, options, permutations=9)
    assert set(correlations.table["outcome_direction"]) == {"lower is better"}
    evidence = Evidence(runs, options)
    assert [evidence.outcome_sign(task) for task in evidence.tasks] == [-1, -1]
    assert evidence.outcome_name("toy_match") == f"{name} (lower is better)"


def test_a_declared_direction_holds_whatever_the_name(runs):
    """Guards against guessing from the name what the run stores."""
    _plant(runs, "brier", higher_is_better={"brier": False})
    assert outcome_sign("brier", runs) == -1
    assert outcome_sign("brier") == 1
    correlations, _ = correlate_runs(runs, TableOptions(("cka",)), permutations=9)
    assert set(correlations.table["expected_sign"]) == {"-"}


def test_tasks_may_differ_in_direction(runs):
    """Guards against one direction for the shared column of tasks with different scores."""
    match = [run for run in runs if run.task == "toy_match"]
    unique = [run for run in runs if run.task == "toy_unique"]
    _plant(match, "perplexity")
    _plant(unique, "accuracy")
    correlations, _ = correlate_runs(runs, TableOptions(("cka",)), permutations=9)
    rows = correlations.table.set_index("task")
    assert rows["outcome"].to_dict() == {"toy_match": "perplexity", "toy_unique": "accuracy"}
    assert rows["expected_sign"].to_dict() == {"toy_match": "-", "toy_unique": "+"}
    assert rows.loc["toy_match", "outcome_direction"] == "lower is better"
    evidence = Evidence(runs, TableOptions(("cka",)))
    assert [evidence.outcome_sign(task) for task in ("toy_match", "toy_unique")] == [-1, 1]


def test_a_run_without_the_outcome_has_none_and_no_run_with_it_is_an_error(runs):
    _plant(runs[:1], "f1")
    table = scores_table(runs, "f1", "test")
    assert table["score"].notna().tolist() == [True, *[False] * (len(runs) - 1)]
    with pytest.raises(UsageError, match="has no outcome 'f2'; it has: f1, loss"):
        scores_table(runs, "f2", "test")


def test_every_run_is_measured_in_one_pass(runs, monkeypatch):
    """Guards against a pass per metric, and another one for calibrated values."""
    calls = []

    def counted(run, metrics, **options):
        calls.append((str(run.path), tuple(metrics), options["layers"]))
        return measure(run, metrics, **options)

    measure = measuring.run_columns
    monkeypatch.setattr(measuring, "run_columns", counted)
    metrics = ("cka", "mknn:k=5", "unbiased_cka")
    correlate_runs(runs, TableOptions(metrics), permutations=9)
    assert calls == [(str(run.path), metrics, "last") for run in runs]
