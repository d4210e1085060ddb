"""Measuring runs and joining them: what is kept, what is completed, which rule means what."""

import numpy as np
import pandas as pd
import pytest

import alignkit
from alignkit import metrics
from alignkit.chain.measure import COLUMNS, measure_run, read_alignment
from alignkit.chain.table import Join, runs_table, summary
from alignkit.chain.talk import Talk
from alignkit.errors import UsageError
from tiny import train_tiny


def test_values_are_those_of_the_stored_arrays(tiny_run):
    table = measure_run(tiny_run, ["cka", "mknn:k=5"], layers="same")
    assert list(table.columns) == list(COLUMNS)
    for _, row in table.iterrows():
        folder = tiny_run.representations_folder("test")
        x, y = (np.load(folder / f"{site}.cls.npy") for site in (row["x"], row["y"]))
        spec = f"{row['metric']}:{row['parameters']}" if row["parameters"] else row["metric"]
        assert row["value"] == pytest.approx(alignkit.measure(x, y, spec), abs=1e-12)
        assert row["n"] == 48


def test_rows_come_in_the_order_that_was_asked_for(tiny_run):
    measure_run(tiny_run, ["cka"], layers="all")
    table = measure_run(tiny_run, ["cka"], layers="2,0")
    assert list(table["x"]) == ["t02", "t00"]


@pytest.fixture
def asked(monkeypatch):
    """Pairs that were measured, and not read from a file."""
    found = []
    real = metrics.grid

    def counting(metric, xs, ys, *, pairs, **options):
        found.extend((xs[i].name, ys[j].name) for i, j in pairs)
        return real(metric, xs, ys, pairs=pairs, **options)

    monkeypatch.setattr(metrics, "grid", counting)
    return found


def test_only_what_is_missing_is_measured(tiny_run, asked):
    measure_run(tiny_run, ["cka"], layers="same")
    asked.clear()
    measure_run(tiny_run, ["cka"], layers="all")
    assert len(asked) == 25 - 3
    asked.clear()
    measure_run(tiny_run, ["cka"], layers="all")
    assert asked == []
    measure_run(tiny_run, ["cka"], layers="last", null=9)  # a null was not there yet
    assert asked == [("t02", "v02")]


def test_the_table_is_the_same_bytes_in_whatever_order_it_grew(tmp_path):
    one, other = (train_tiny(tmp_path / name) for name in "ab")
    measure_run(one, ["cka", "mknn:k=5"], layers="all")
    for layers in ("fusions", "last", "all"):
        measure_run(other, ["mknn:k=5"], layers=layers)
        measure_run(other, ["cka"], layers=layers)
    assert one.alignment_file.read_bytes() == other.alignment_file.read_bytes()


def test_writing_what_was_read_gives_the_same_bytes(tiny_run, tmp_path):
    from alignkit.runs.files import write_csv

    measure_run(tiny_run, ["cka", "svcca"], layers="all", null=3)
    write_csv(tmp_path / "again.csv", read_alignment(tiny_run.alignment_file))
    assert (tmp_path / "again.csv").read_bytes() == tiny_run.alignment_file.read_bytes()


def test_samples_are_a_seeded_draw_kept_apart(tiny_run):
    full = measure_run(tiny_run, ["cka"], layers="last")
    some = measure_run(tiny_run, ["cka"], layers="last", samples=20, seed=1)
    again = measure_run(tiny_run, ["cka"], layers="last", samples=20, seed=1, force=True)
    assert some["n"].iloc[0] == 20
    assert some["value"].iloc[0] == again["value"].iloc[0] != full["value"].iloc[0]


def test_more_samples_than_there_are_takes_all_and_says_so(tiny_run):
    class Listening(Talk):
        said = []  # noqa: RUF012

        def note(self, text):
            self.said.append(text)

    table = measure_run(tiny_run, ["cka"], layers="last", samples=4096, talk=Listening())
    assert table["n"].iloc[0] == 48
    assert any("fewer than --samples 4096" in line for line in Listening.said)


def test_poolings_and_splits_are_kept_apart(tiny_run):
    values = {
        (split, pool): measure_run(tiny_run, ["cka"], layers="last", split=split, pool=pool)
        for split in ("test", "validation") for pool in ("cls", "mean")
    }  # fmt: skip
    assert len({table["value"].iloc[0] for table in values.values()}) == 4
    assert len(tiny_run.alignment()) == 4


def test_layer_rules(tiny_run):
    same = measure_run(tiny_run, ["cka"], layers="same")["value"]
    everything = measure_run(tiny_run, ["cka"], layers="all")["value"]
    expected = {
        "last": same.iloc[-1], "mean": same.mean(), "max": same.max(), "1": same.iloc[1],
        "max-pair": everything.max(),
    }  # fmt: skip
    for rule, value in expected.items():
        assert summary(tiny_run, "cka", Join(("cka",), layer=rule)) == pytest.approx(value)


def test_the_best_of_a_distance_is_the_smallest(tiny_run):
    spec = "procrustes:form=distance"
    same = measure_run(tiny_run, [spec], layers="same")["value"]
    assert summary(tiny_run, spec, Join((spec,), layer="max")) == pytest.approx(same.min())


def test_runs_are_joined_with_their_scores(tiny_run):
    table = runs_table([tiny_run], Join(("cka", "mknn:k=5"), layer="mean"))
    row = table.iloc[0]
    assert (row["task"], row["placement"], row["seed"]) == ("toy_match", "at_1_2", 0)
    assert row["auroc"] == tiny_run.performance()["splits"]["test"]["auroc"]
    assert 0 <= row["cka"] <= 1
    loss = runs_table([tiny_run], Join(("cka",), outcome="loss", split="validation"))
    assert loss["loss"].iloc[0] == tiny_run.performance()["splits"]["validation"]["loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "first"}, "unknown layer rule 'first'; known: last, max, max-pair, mean"),
        ({"layer": "7"}, "has layers 0 to 2"),
        ({"outcome": "f1"}, "has no outcome 'f1'; it has: auroc, accuracy, loss"),
    ],
)
def test_rules_that_mean_nothing(tiny_run, options, message):
    with pytest.raises(UsageError, match=message):
        runs_table([tiny_run], Join(("cka",), **options))


def test_an_undefined_value_is_missing_in_the_table(tiny_run):
    measure_run(tiny_run, ["cka"], layers="last")
    file = next(tiny_run.alignment_folder("test").glob("cka*.csv"))
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table.loc[0, ["value", "reason"]] = ["", "t02 is constant"]
    table.to_csv(file, index=False)
    assert np.isnan(summary(tiny_run, "cka", Join(("cka",))))
