"""Measuring runs and joining them: what is kept, what is completed, which rule means what."""

import gc
import json
import signal
import weakref

import numpy as np
import pandas as pd
import pytest

import alignkit
import forks
from alignkit import metrics
from alignkit.alignment import compute, runs
from alignkit.alignment.runs import (
    COLUMNS,
    MAXIMA_COLUMNS,
    measure_between,
    measure_run,
    read_alignment,
)
from alignkit.alignment.table import (
    COUNTS,
    NUMBERS,
    alignment_of,
    as_written,
    is_stale,
    rebuild_alignment,
)
from alignkit.analysis.options import TableOptions
from alignkit.analysis.runs_table import run_value, runs_table
from alignkit.engines.perform import Notes
from alignkit.errors import DataError, UsageError
from alignkit.metrics import Metric
from alignkit.runs import Run, manifests
from alignkit.runs.manifests import manifest_of_table
from odd_files import sprinkle
from tiny import train_tiny, without_manifests


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


def test_what_is_asked_beyond_what_is_stored_is_measured_again(tiny_run, asked):
    def again(**options):
        asked.clear()
        row = measure_run(tiny_run, ["cka"], layers="last", **options).iloc[0]
        return len(asked), row

    again()
    for options in ({"null": 5}, {"null": 9}, {"interval": 4}, {"dtype": "float64"}):
        again(**options)
        assert again(**options)[0] == 0
    count, row = again(null=9, interval=4, seed=1)  # other draws
    assert count == 1
    assert row["draw_seed"] == "1"
    # Fewer than stored is enough, and what is measured again loses nothing.
    assert again(null=3, seed=1)[0] == 0
    count, row = again(null=20, seed=1)
    assert (count, row["permutations"], row["resamples"]) == (1, 20, 4)
    assert row["low"] < row["value"] < row["high"]
    assert row["null_std"] > 0


def test_force_measures_again_only_what_was_named(tiny_run, asked):
    measure_run(tiny_run, ["cka", "mknn:k=5"], layers="same")
    before = tiny_run.alignment_file.read_bytes()
    asked.clear()
    measure_run(tiny_run, ["cka"], layers="last", force=True)
    assert asked == [("t02", "v02")]
    assert tiny_run.alignment_file.read_bytes() == before


def test_values_of_other_parameters_are_not_taken_for_these(tiny_run, asked):
    measure_run(tiny_run, ["mknn"], layers="last")
    file = next(tiny_run.alignment_folder("test").glob("mknn*.csv"))
    without_manifests(tiny_run.path)
    file.write_text(file.read_text().replace("k=10", "k=7"))  # as if the default had been 7
    asked.clear()
    measure_run(tiny_run, ["mknn"], layers="last")
    assert len(asked) == 1
    assert "k=7" not in tiny_run.alignment_file.read_text()


def test_within_a_stream_one_triangle_is_measured_and_mirrored(tiny_run, asked):
    table = measure_run(tiny_run, ["cka"], layers="all", streams="text")
    assert len(table) == 25
    assert len(asked) == 15
    grid = table.pivot(index="x", columns="y", values="value")
    np.testing.assert_array_equal(grid, grid.T)
    np.testing.assert_allclose(np.diag(grid), 1, atol=1e-6)
    asked.clear()
    # The triangle does not depend on what was asked first.
    alone = measure_run(tiny_run, ["cka"], layers="t02,t00", streams="text", force=True)
    assert ("t02", "t00") not in asked
    assert alone.set_index(["x", "y"])["value"]["t02", "t00"] == grid.loc["t02", "t00"]
    asked.clear()
    measure_run(tiny_run, ["cycle_knn:k=5"], layers="all", streams="text")
    assert len(asked) == 25  # it is not symmetric


def test_a_maximum_has_the_null_of_maxima(tiny_run, asked):
    options = {"layers": "max-pair", "null": 30, "seed": 3}
    best = measure_run(tiny_run, ["cka"], **options)
    assert list(best.columns) == list(MAXIMA_COLUMNS)
    row = best.iloc[0]
    grid = measure_run(tiny_run, ["cka"], layers="all", null=30, seed=3)
    top = grid.loc[grid["value"].idxmax()]
    assert (row["x"], row["y"], row["value"]) == (top["x"], top["y"], top["value"])
    assert row["pairs"] == 25
    assert row["null_mean"] > grid["null_mean"].max()
    # It is kept apart: the pairs in alignment.csv are pairs, and each stands there once.
    assert not tiny_run.alignment().duplicated(["metric", "parameters", "x", "y"]).any()
    files = [file.stat().st_mtime_ns for file in tiny_run.path.rglob("maxima/*.csv")]
    assert measure_run(tiny_run, ["cka"], **options).equals(best)
    assert files == [file.stat().st_mtime_ns for file in tiny_run.path.rglob("maxima/*.csv")]


def test_tables_that_lack_later_columns_are_read(tiny_run):
    expected = measure_run(tiny_run, ["cka"], layers="same")
    file = next(tiny_run.alignment_folder("test").glob("cka*.csv"))
    without_manifests(tiny_run.path)
    old = pd.read_csv(file, dtype=str, keep_default_na=False)
    later = ["null_std", "resamples", "low", "high", "dtype", "draw_seed", "warning"]
    old.drop(columns=later).to_csv(file, index=False)
    table = measure_run(tiny_run, ["cka"], layers="same")
    assert table["value"].equals(expected["value"])
    assert (table["resamples"] == 0).all()
    old.drop(columns="value").to_csv(file, index=False)
    listening = Notes()
    again = measure_run(tiny_run, ["cka"], layers="same", reporter=listening)
    assert again["value"].equals(expected["value"])
    assert "lacks the column 'value'; its values are measured again" in " ".join(listening.said)


def test_values_of_another_version_are_measured_again(tiny_run, asked, monkeypatch):
    measure_run(tiny_run, ["procrustes"], layers="same")
    count = len(asked)
    measure_run(tiny_run, ["procrustes"], layers="same")
    assert len(asked) == count
    monkeypatch.setattr(Metric, "version", 5)
    reporter = Notes()
    table = measure_run(tiny_run, ["procrustes"], layers="last", reporter=reporter)
    assert len(asked) == count + 1
    assert table["version"].tolist() == [5]
    assert "1 stored value(s) of procrustes" in reporter.said[0]
    assert sorted(tiny_run.alignment()["version"].unique()) == [1, 5]


@pytest.mark.parametrize("null", [0, 3])
def test_an_interrupted_grid_is_kept_and_completed(tiny_run, monkeypatch, asked, null):
    real = Metric.compare
    calls = []

    def stopping(self, a, b):
        calls.append(1)
        if len(calls) == 25:
            raise KeyboardInterrupt
        return real(self, a, b)

    monkeypatch.setattr(compute, "SECONDS", 0.0)
    monkeypatch.setattr(Metric, "compare", stopping)
    with pytest.raises(KeyboardInterrupt):
        measure_run(tiny_run, ["procrustes"], layers="all", null=null)
    kept = len(tiny_run.alignment())
    assert 0 < kept < 25
    assert kept % 5 == 0 or not null  # columns of the grid
    monkeypatch.setattr(Metric, "compare", real)
    asked.clear()
    table = measure_run(tiny_run, ["procrustes"], layers="all", null=null)
    assert len(asked) == 25 - kept
    assert table["value"].notna().all()


@pytest.mark.slow
def test_a_killed_grid_loses_little(tmp_path):
    """Killed with -9 before the 8th pair; then the same bytes as without."""
    runs = [train_tiny(tmp_path / name) for name in "ab"]
    code = """
import os, signal
from alignkit import load_run, metrics
from alignkit.alignment import compute, runs
from alignkit.alignment.table import is_stale
from alignkit.alignment.runs import measure_run
compute.SECONDS = 0.0
real = metrics.grid
def grid(*arguments, on_value, **options):
    done = []
    def counting(place, value):
        done.append(place)
        if len(done) == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        on_value(place, value)
    return real(*arguments, on_value=counting, **options)
metrics.grid = grid
measure_run(load_run(%r), ["mknn:k=5"], layers="all")
"""
    done = forks.run(code % str(runs[0].path), cwd=runs[0].path)
    assert done.returncode == -signal.SIGKILL
    (file,) = runs[0].alignment_folder("test").glob("*.csv")
    assert len(read_alignment(file)) == 7
    for run in runs:
        measure_run(run, ["mknn:k=5"], layers="all")
    assert runs[0].alignment_file.read_bytes() == runs[1].alignment_file.read_bytes()


def test_portions_with_nulls_are_as_long_as_pays(monkeypatch):
    monkeypatch.setattr(compute, "SECONDS", 20.0)
    assert compute._portion([], 12) == 1
    assert compute._portion([(1, 2.0)], 11) == 11  # 22 seconds at most: at once
    assert compute._portion([(1, 30.0)], 11) == 2
    assert compute._portion([(1, 30.0), (2, 60.0)], 9) == 1  # nothing is saved by more at once
    # 25 seconds for any number and 5 for each: 15 of them lose a quarter.
    assert compute._portion([(1, 30.0), (2, 35.0)], 90) == 15
    assert compute._portion([(1, 30.0), (2, 29.0)], 90) > 90  # one is as long as two


def test_representations_are_gone_after_a_run(tiny_run, monkeypatch):
    opened = weakref.WeakSet()
    real = Run.representation

    def opening(self, *arguments, **options):
        one = real(self, *arguments, **options)
        opened.add(one)
        return one

    monkeypatch.setattr(Run, "representation", opening)
    gc.disable()
    try:
        measure_run(tiny_run, ["cka", "mknn:k=5"], layers="all", null=2)
        assert len(opened) == 0
    finally:
        gc.enable()


def test_layers_are_opened_once_for_all_metrics(tiny_run, monkeypatch):
    sites = []
    real = Run.representation
    monkeypatch.setattr(
        Run,
        "representation",
        lambda self, site, *more, **options: (
            sites.append(site) or real(self, site, *more, **options)
        ),
    )
    measure_run(tiny_run, ["cka", "mknn:k=5", "procrustes"], layers="all")
    assert len(sites) == len(set(sites)) == 10


def test_k_beyond_the_samples_is_refused_before_any_work(tiny_run, asked):
    with pytest.raises(UsageError, match="k=48 needs 1 <= k < n, and there are n=48"):
        measure_run(tiny_run, ["cka", "mknn:k=48"], layers="last")
    assert asked == []
    assert not tiny_run.alignment_file.exists()


def test_lenient_leaves_out_what_cannot_take_the_data(tiny_run):
    reporter = Notes()
    table = measure_run(
        tiny_run, ["mknn:k=48", "cka"], layers="last", lenient=True, reporter=reporter
    )
    assert list(table["metric"]) == ["cka"]
    assert any("mknn:k=48 is left out" in line for line in reporter.said)
    with pytest.raises(UsageError, match="k=48"):
        measure_run(tiny_run, ["mknn:k=48"], layers="last", lenient=True)


@pytest.mark.slow
def test_two_runs_are_measured_on_joined_samples(tmp_path):
    one, other = (train_tiny(tmp_path, placement) for placement in ("none", "1"))
    table = measure_between(one, other, ["cka"], layers="same")
    assert [(row["x"], row["y"]) for _, row in table.iterrows()] == [
        (site, site) for site in ("t00", "t01", "t02", "v00", "v01", "v02")
    ]
    x, y = (run.representation("t01") for run in (one, other))
    assert table["value"][1] == pytest.approx(alignkit.measure(x, y, "cka"), abs=1e-6)
    itself = measure_between(one, one, ["cka"], layers="same", samples=20)
    assert (itself["n"] == 20).all()
    np.testing.assert_allclose(itself["value"], 1, atol=1e-6)
    assert not one.alignment_file.exists()
    # The rows of the second are brought into the order of the first.
    without_manifests(other.path)
    folder = other.representations_folder("test")
    ids = json.loads((folder / "ids.json").read_text())
    order = np.random.default_rng(0).permutation(len(ids))
    (folder / "ids.json").write_text(json.dumps([ids[i] for i in order]))
    for file in folder.glob("*.npy"):
        np.save(file, np.load(file)[order])
    again = measure_between(one, other, ["cka"], layers="same")
    np.testing.assert_allclose(again["value"], table["value"], atol=1e-6)


def test_two_splits_do_not_hold_the_same_samples(tiny_run):
    with pytest.raises(UsageError, match=r"sample ids differ .* in .* on test and .* validation"):
        measure_between(tiny_run, tiny_run, ["cka"], splits=("test", "validation"))


@pytest.mark.slow
def test_the_table_is_the_same_bytes_in_whatever_order_it_grew(tmp_path):
    one, other = (train_tiny(tmp_path / name) for name in "ab")
    measure_run(one, ["cka", "mknn:k=5"], layers="all")
    for layers in ("fusions", "last", "all"):
        measure_run(other, ["mknn:k=5"], layers=layers)
        measure_run(other, ["cka"], layers=layers)
    assert one.alignment_file.read_bytes() == other.alignment_file.read_bytes()


def test_writing_what_was_read_gives_the_same_bytes(tiny_run):
    measure_run(tiny_run, ["cka", "svcca"], layers="all", null=3)
    table = read_alignment(tiny_run.alignment_file)
    assert as_written(table.to_dict("list")) == tiny_run.alignment_file.read_text()


def test_a_table_is_written_as_pandas_would_sorted_and_without_what_says_nothing():
    rng = np.random.default_rng(0)
    numbers = [0.1, 1e-7, 1e16, 123456789.123, -0.0, 1 / 3, np.nan, np.inf, 5e-324, 2.0]
    texts = ["", "a,b", 'say "so"', "line\nend", "x", "é", "A", "b", "10", "9"]
    columns = {
        name: rng.integers(0, 50, 10).tolist()
        if name in COUNTS
        else list(rng.permutation(numbers if name in NUMBERS else texts))
        for name in COLUMNS
    }
    columns["split"], columns["metric"] = ["test"] * 10, ["cka"] * 5 + ["mknn"] * 5
    columns["within"] = [""] * 10
    keys = ["split", "metric", "parameters", "pool", "within", "groups", "n", "x", "y", "draw_seed"]
    expected = pd.DataFrame(columns).sort_values(keys, kind="stable").drop(columns="within")
    assert as_written(columns) == expected.to_csv(index=False, lineterminator="\n")


def test_samples_are_a_seeded_draw_kept_apart(tiny_run):
    full = measure_run(tiny_run, ["cka"], layers="last")
    some = measure_run(tiny_run, ["cka"], layers="last", samples=20, seed=1)
    again = measure_run(tiny_run, ["cka"], layers="last", samples=20, seed=1, force=True)
    assert some["n"].iloc[0] == 20
    assert some["value"].iloc[0] == again["value"].iloc[0] != full["value"].iloc[0]


def test_more_samples_than_there_are_takes_all_and_says_so(tiny_run):
    reporter = Notes()
    table = measure_run(tiny_run, ["cka"], layers="last", samples=4096, reporter=reporter)
    assert table["n"].iloc[0] == 48
    assert any("fewer than `samples=4096`" in line for line in reporter.said)


def test_poolings_and_splits_are_kept_apart(tiny_run):
    values = {
        (split, pool): measure_run(tiny_run, ["cka"], layers="last", split=split, pool=pool)
        for split in ("test", "validation")
        for pool in ("cls", "mean")
    }
    assert len({table["value"].iloc[0] for table in values.values()}) == 4
    assert len(tiny_run.alignment()) == 4


def test_layer_rules(tiny_run):
    same = measure_run(tiny_run, ["cka"], layers="same")["value"]
    everything = measure_run(tiny_run, ["cka"], layers="all")["value"]
    expected = {
        "last": same.iloc[-1],
        "mean": same.mean(),
        "max": same.max(),
        "1": same.iloc[1],
        "max-pair": everything.max(),
    }
    for rule, value in expected.items():
        assert run_value(tiny_run, TableOptions(("cka",), layer=rule)) == pytest.approx(value)


def test_the_best_of_a_distance_is_the_smallest(tiny_run):
    spec = "procrustes:form=distance"
    same = measure_run(tiny_run, [spec], layers="same")["value"]
    assert run_value(tiny_run, TableOptions((spec,), layer="max")) == pytest.approx(same.min())


def test_runs_are_joined_with_their_scores(tiny_run):
    table = runs_table([tiny_run], TableOptions(("cka", "mknn:k=5"), layer="mean"))
    row = table.iloc[0]
    assert (row["task"], row["placement"], row["seed"]) == ("toy_match", "at_1_2", 0)
    assert row["auroc"] == tiny_run.performance()["splits"]["test"]["auroc"]
    assert 0 <= row["cka"] <= 1
    loss = runs_table([tiny_run], TableOptions(("cka",), outcome="loss", split="validation"))
    assert loss["loss"].iloc[0] == tiny_run.performance()["splits"]["validation"]["loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"layer": "first"},
            "unknown layer rule 'first'; expected last, mean, max, max-pair, half, all",
        ),
        ({"layer": "7"}, "has layers 0 to 2"),
        ({"outcome": "f1"}, "has no outcome 'f1'; it has: accuracy, auroc, loss"),
    ],
)
def test_rules_that_mean_nothing(tiny_run, options, message):
    with pytest.raises(UsageError, match=message):
        runs_table([tiny_run], TableOptions(("cka",), **options))


def test_an_undefined_value_is_missing_in_the_table(tiny_run):
    measure_run(tiny_run, ["cka"], layers="last")
    file = next(tiny_run.alignment_folder("test").glob("cka*.csv"))
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    without_manifests(tiny_run.path)
    table.loc[0, ["value", "reason"]] = ["", "t02 is constant"]
    table.to_csv(file, index=False)
    assert np.isnan(run_value(tiny_run, TableOptions(("cka",))))


def test_where_nothing_is_missing_nothing_is_read_twice_or_written(tiny_run, monkeypatch):
    measure_run(tiny_run, ["cka", "mknn:k=5"])
    monkeypatch.setattr(runs, "rebuild_alignment", lambda _: pytest.fail("derived anew"))
    monkeypatch.setattr(runs, "locked", lambda _: pytest.fail("locked"))
    measure_run(tiny_run, ["cka"])
    measure_run(tiny_run, ["cka", "mknn:k=5"], layers="last")


def test_the_table_of_all_metrics_is_whole_whenever_it_is_read(tiny_run, monkeypatch):
    measure_run(tiny_run, ["cka"])
    states = []

    def writing(path, content):
        write(path, content)
        if path.parent == tiny_run.path:
            states.append(len(tiny_run.alignment()))

    write = manifests.write_text
    monkeypatch.setattr(manifests, "write_text", writing)
    monkeypatch.setattr(manifests, "write_json", lambda path, x: writing(path, json.dumps(x)))
    measure_run(tiny_run, ["mknn:k=5"])
    assert states == [25, 50, 50]  # after the manifest, the table, the manifest of it alone
    assert "previous" not in manifests.read_checked(tiny_run.path / "alignment.json")


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_table_that_was_cut_off_is_stale_until_it_is_derived_anew(tiny_run, monkeypatch, writes):
    """Killed after so many writes: of the manifest, the table, the manifest of it alone."""
    names = ("alignment.csv", "alignment.json")
    measure_run(tiny_run, ["cka"])
    measure_run(tiny_run, ["mknn:k=5"])
    whole = [(tiny_run.path / name).read_bytes() for name in names]
    for file in tiny_run.alignment_folder("test").glob("mknn*"):
        file.unlink()
    rebuild_alignment(tiny_run)
    done = []

    def cut_off(write):
        def writing(path, content):
            if path.parent == tiny_run.path:
                if len(done) == writes:
                    raise KeyboardInterrupt
                done.append(path)
            write(path, content)

        return writing

    with monkeypatch.context() as patched:
        for name in ("write_text", "write_json"):
            patched.setattr(manifests, name, cut_off(getattr(manifests, name)))
        with pytest.raises(KeyboardInterrupt):
            measure_run(tiny_run, ["mknn:k=5"])
    assert is_stale(tiny_run)
    measure_run(tiny_run, ["mknn:k=5"])
    assert not is_stale(tiny_run)
    assert [(tiny_run.path / name).read_bytes() for name in names] == whole


@pytest.mark.parametrize("damaged", ["csv", "json"])
def test_a_damaged_table_of_a_metric_is_measured_again_and_that_is_said(tiny_run, damaged):
    whole = measure_run(tiny_run, ["cka", "mknn:k=5"])
    files = [*tiny_run.alignment_folder("test").glob("*.*"), tiny_run.alignment_file]
    before = {file: file.read_bytes() for file in files}
    (file,) = tiny_run.alignment_folder("test").glob(f"cka*.{damaged}")
    file.write_bytes(file.read_bytes()[:-9])
    listening = Notes()
    again = measure_run(tiny_run, ["cka", "mknn:k=5"], reporter=listening)
    assert again.equals(whole)
    (said,) = [line for line in listening.said if "measured again" in line]
    assert file.name in said
    assert {file: file.read_bytes() for file in files} == before


@pytest.mark.parametrize("damage", [b"split,metric\ntest,cka\n", b"\xff\x00", b"a,b\n1\n", b""])
def test_what_is_no_table_and_has_no_manifest_is_measured_again_too(tiny_run, damage):
    whole = measure_run(tiny_run, ["cka"])
    (file,) = tiny_run.alignment_folder("test").glob("cka*.csv")
    before = file.read_bytes()
    manifest_of_table(file).unlink()
    file.write_bytes(damage)
    listening = Notes()
    assert measure_run(tiny_run, ["cka"], reporter=listening).equals(whole)
    assert [line for line in listening.said if f"{file}" in line]
    assert file.read_bytes() == before


def test_a_damaged_table_of_another_metric_is_left_out_until_it_is_measured_again(
    tiny_run, monkeypatch
):
    whole = measure_run(tiny_run, ["cka", "mknn:k=5"])
    before = tiny_run.alignment_file.read_bytes()
    (file,) = tiny_run.alignment_folder("test").glob("cka*.csv")
    file.write_bytes(file.read_bytes()[:-9])
    listening = Notes()
    monkeypatch.setattr("alignkit.alignment.table.current_reporter", lambda: listening)
    measure_run(tiny_run, ["rsa"])
    stored = tiny_run.alignment()
    assert set(stored["metric"]) == {"mknn", "rsa"}
    measure_run(tiny_run, ["rsa"])  # there is nothing to measure, and it is said again
    assert len(listening.said) == 2
    assert all(f"{file} is damaged" in line for line in listening.said)
    assert all("lacks its values" in line for line in listening.said)
    measure_run(tiny_run, ["cka"])
    assert set(tiny_run.alignment()["metric"]) == {"cka", "mknn", "rsa"}
    for table in tiny_run.alignment_folder("test").glob("rsa*.*"):
        table.unlink()
    assert measure_run(tiny_run, ["cka", "mknn:k=5"]).equals(whole)
    assert tiny_run.alignment_file.read_bytes() == before
    assert len(listening.said) == 2


@pytest.mark.parametrize("damaged", ["alignment.csv", "alignment.json"])
def test_a_damaged_table_of_all_metrics_is_read_as_it_was(tiny_run, monkeypatch, damaged):
    measure_run(tiny_run, ["cka"])
    whole = alignment_of(tiny_run)
    file = tiny_run.path / damaged
    file.write_bytes(file.read_bytes().replace(b"cka", b"ckb").replace(b"size", b"sise"))
    listening = Notes()
    monkeypatch.setattr("alignkit.progress._reporter", [listening])
    assert alignment_of(tiny_run).equals(whole)
    assert listening.said == [f"note: {tiny_run.alignment_file} was damaged, and is derived anew"]
    assert alignment_of(tiny_run, ["value"])["value"].equals(whole["value"])
    assert len(listening.said) == 1
    table = next(tiny_run.alignment_folder("test").glob("cka*.csv"))
    for each in (table, tiny_run.alignment_file):
        each.write_bytes(each.read_bytes()[:-9])
    with pytest.raises(DataError, match="is damaged"):
        alignment_of(tiny_run)


@pytest.mark.parametrize("damaged", ["alignment.csv", "alignment.json"])
def test_a_damaged_table_of_all_metrics_is_derived_anew(tiny_run, damaged):
    measure_run(tiny_run, ["cka"])
    whole = tiny_run.alignment_file.read_bytes(), (tiny_run.path / "alignment.json").read_bytes()
    file = tiny_run.path / damaged
    file.write_bytes(file.read_bytes().replace(b"cka", b"ckb").replace(b"size", b"sise"))
    rebuild_alignment(tiny_run)
    now = tiny_run.alignment_file.read_bytes(), (tiny_run.path / "alignment.json").read_bytes()
    assert now == whole


@pytest.mark.parametrize("what", ["absent", "older", "a file was removed"])
def test_a_table_that_is_stale_is_derived_anew(tiny_run, what):
    measure_run(tiny_run, ["cka", "mknn:k=5"])
    whole = tiny_run.alignment_file.read_bytes()
    folder = tiny_run.alignment_folder("test")
    if what == "absent":
        tiny_run.alignment_file.unlink()
    elif what == "older":  # killed after a metric's file was written, before the table was
        tiny_run.alignment_file.write_bytes(whole[:-200])
        (folder / "cka.cls.csv").touch()
    else:
        (folder / "mknn-k=5.cls.csv").unlink()
    measure_run(tiny_run, ["cka"])
    if what == "a file was removed":
        assert set(tiny_run.alignment()["metric"]) == {"cka"}
    else:
        assert tiny_run.alignment_file.read_bytes() == whole
    assert not is_stale(tiny_run)


def test_what_another_system_leaves_in_a_run_is_no_value(tiny_run):
    before = measure_run(tiny_run, ["cka"], layers="same")
    sprinkle(tiny_run.path)
    measure_run(tiny_run, ["svcca"], layers="same")
    table = read_alignment(tiny_run.alignment_file)
    assert set(table["metric"]) == {"cka", "svcca"}
    assert list(table[table["metric"] == "cka"]["value"]) == list(before["value"])
