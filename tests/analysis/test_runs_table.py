"""Runs joined to rows: layer rules, calibrated values, what is missing."""

import pandas as pd
import pytest

from alignkit.alignment.runs import measure_run, run_columns
from alignkit.analysis.correlate import correlate_runs, metric_columns
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import run_value, runs_table
from alignkit.analysis.scores import outcome_sign
from alignkit.errors import DataError, UsageError


@pytest.fixture(scope="module")
def runs(own_runs):
    """The runs of one task, which may be written to: none, at_1, at_1_2."""
    return sorted((run for run in own_runs[1] if run.task == "toy_match"), key=lambda r: r.path)


def _values(run, layers):
    table = measure_run(run, ["cka"], layers=layers)
    return table.set_index(["x", "y"])["value"].astype(float)


def _fused(runs):
    return next(run for run in runs if run.placement == "at_1_2")


def test_layer_rules(runs):
    fused = _fused(runs)
    same, grid = _values(fused, "same"), _values(fused, "all")
    expected = {
        "mean": same.mean(),
        "max": same.max(),
        "max-pair": grid.max(),
        "1": same["t01", "v01"],
        "t.f0:v01": grid["t.f0", "v01"],
        "last": _values(fused, "last").iloc[0],
    }
    for rule, value in expected.items():
        assert run_value(fused, TableOptions(("cka",), rule)) == pytest.approx(value), rule


def test_the_maximum_of_a_distance_is_the_smallest(runs):
    spec = "procrustes:form=distance"
    values = measure_run(runs[0], [spec], layers="same")["value"].astype(float)
    assert run_value(runs[0], TableOptions((spec,), "max")) == pytest.approx(values.min())


def test_calibrated_values_are_those_of_measure_and_of_maxima(runs):
    run = _fused(runs)
    last = measure_run(run, ["cka"], layers="last")["calibrated"].astype(float).iloc[0]
    assert run_value(run, TableOptions(("cka",), calibrated=True)) == pytest.approx(last)
    best = measure_run(run, ["cka"], layers="max", null=4)["calibrated"].iloc[0]
    join = TableOptions(("cka",), "max", calibrated=True, null=4)
    assert run_value(run, join) == pytest.approx(best)


def test_every_pair_that_all_runs_have_is_a_column(runs):
    table = runs_table(runs, TableOptions(("cka",), "all"))
    columns = metric_columns(table, "auroc")
    assert len(columns) == 9  # 3 x 3 layers; the run without co-attention has no fusion
    assert table["cka@t00:v02"].notna().all()
    fused = runs_table([_fused(runs)], TableOptions(("cka",), "all"))
    assert "cka@t.f0:v.f0" in fused


def test_a_run_without_the_sites_has_no_value(runs):
    table = runs_table(runs, TableOptions(("cka",), "t.f0:v.f0")).set_index("placement")["cka"]
    assert pd.isna(table["none"])
    assert table.drop("none").notna().all()
    with pytest.raises(UsageError, match="no run has these sites"):
        runs_table(runs, TableOptions(("cka",), "t.f7:v.f7"))


@pytest.mark.parametrize("layer", ["frist", "t0*:v00", "v00:t00", "-1"])
def test_an_unknown_rule(layer):
    with pytest.raises(UsageError, match="unknown layer rule"):
        TableOptions(("cka",), layer)


def test_any_recorded_score_or_loss_on_any_split(runs):
    for split in ("test", "validation"):
        for outcome in ("accuracy", "loss"):
            table = runs_table(runs, TableOptions(("cka",), outcome=outcome, split=split))
            scores = [run.performance()["splits"][split][outcome] for run in runs]
            assert table[outcome].tolist() == scores


def test_alignment_on_other_numbers_of_samples_is_not_pooled(runs, monkeypatch):
    from alignkit.analysis import layer_values as module

    def measured(run, specs, **options):
        columns = run_columns(run, specs, **options)
        return columns | {"n": [len(run.placement)] * len(columns["n"])}

    monkeypatch.setattr(module, "run_columns", measured)
    with pytest.raises(
        UsageError, match=r"different numbers of samples \(4 in .*, 6 in .*`samples=4`"
    ):
        runs_table(runs, TableOptions(("cka",)))


def test_a_task_without_performance_is_not_testable(runs, monkeypatch):
    from alignkit.chain import evaluate as module
    from alignkit.runs import Run

    def no_labels(run, split, reporter):
        raise DataError("the split test has no labels")

    monkeypatch.setattr(module, "evaluate", no_labels)
    monkeypatch.setattr(Run, "scores", lambda *_: {})  # none are stored
    found, _ = correlate_runs(runs, TableOptions(("cka",)))
    assert found.table["verdict"].tolist() == ["not testable"]
    assert found.table["reason"].tolist() == ["toy_match has no auroc"]


def test_raw_and_calibrated_stand_beside_each_other(runs):
    found, joined = correlate_runs(runs, TableOptions(("cka", "procrustes:form=distance")))
    row = found.table.set_index("metric").loc["cka"]
    calibrated = runs_table(runs, TableOptions(("cka",), calibrated=True))
    r = joined[["auroc"]].assign(c=calibrated["cka"]).corr().iloc[0, 1]
    assert row["pearson_calibrated"] == pytest.approx(r)
    assert set(metric_columns(joined, "auroc")) == {"cka", "procrustes:form=distance"}
    turned, _ = correlate_runs(
        runs, TableOptions(("procrustes:form=distance",), calibrated=True, null=3)
    )
    assert turned.table["direction"].iloc[0] == "higher is more aligned"
    assert turned.table["pearson_raw"].iloc[0] == pytest.approx(
        found.table.set_index("metric").loc["procrustes:form=distance", "pearson"]
    )
    assert turned.settings["values"] == "calibrated"


def test_an_outcome_that_no_run_has(runs):
    with pytest.raises(UsageError, match=r"has no outcome 'acuracy'; it has: .*loss"):
        correlate_runs(runs, TableOptions(("cka",), outcome="acuracy"))


def test_losses_by_name():
    assert [outcome_sign(name) for name in ("val_loss", "perplexity", "nll", "error")] == [-1] * 4
    assert outcome_sign("accuracy") == outcome_sign("terror_score") == 1


def test_calibrated_values_on_other_numbers_of_samples_may_stand_together(runs, monkeypatch):
    from alignkit.analysis import layer_values as module

    def measured(run, specs, **options):
        columns = run_columns(run, specs, **options)
        return columns | {"n": [len(run.placement)] * len(columns["n"])}

    monkeypatch.setattr(module, "run_columns", measured)
    found, _ = correlate_runs(runs, TableOptions(("cka",), calibrated=True))
    assert found.table["runs"].tolist() == [3]
    assert pd.isna(found.table.get("pearson_raw", pd.Series([None]))).all()
