"""Values within classes and by groups, from the command line to the stored tables."""

import json

import numpy as np
import pandas as pd
import pytest

import alignkit as package
from alignkit.alignment.runs import read_alignment
from alignkit.data.facts import sample_fact
from alignkit.errors import DataError, UsageError
from alignkit.runs.files import write_json
from tiny import alignkit, train_tiny, without_manifests


@pytest.fixture
def arrays(tmp_path):
    """Two streams that know each other's class and nothing else, with labels in two forms."""
    rng = np.random.default_rng(0)
    label = rng.permutation(np.arange(90) % 3)
    for name in "xy":
        np.save(
            tmp_path / f"{name}.npy",
            3 * rng.standard_normal((3, 5))[label] + rng.standard_normal((90, 5)),
        )
    np.save(tmp_path / "label.npy", label)
    names = np.array(["bird", "cat", "dog"])[label]
    table = pd.DataFrame({"kind": names, "item": np.arange(90) // 3, "all": "a"})
    table.to_csv(tmp_path / "facts.csv", index=False)
    return tmp_path


def test_arrays_are_measured_plain_and_within_classes(arrays):
    words = ("measure", "x.npy", "y.npy", "-m", "unbiased_cka", "--null", "99", "--json")
    rows = {}
    for classes in ("label.npy", "facts.csv/kind"):
        done = alignkit(*words, "--within", classes, cwd=arrays)
        assert "count only what they share beyond it" in done.stderr
        plain, within = rows[classes] = json.loads(done.stdout)
        assert plain["within"] == ""
        assert plain["p"] == 0.01
        assert plain["value"] > 0.3
        assert within["within"].startswith(classes.replace(".npy", "").replace(".csv", ""))
        assert within["p"] > 0.05
        assert abs(within["value"]) < 0.1
    first, second = (pair[1]["value"] for pair in rows.values())
    assert first == pytest.approx(second, abs=1e-12)
    x, y, label = (np.load(arrays / f"{name}.npy") for name in ("x", "y", "label"))
    assert first == pytest.approx(package.measure(x, y, "unbiased_cka", within=label), abs=1e-12)


def test_groups_of_arrays_leave_neighbours_out(arrays):
    words = ("measure", "x.npy", "y.npy", "-m", "mknn:k=4", "--json")
    (row,) = json.loads(alignkit(*words, "--groups", "facts.csv/item", cwd=arrays).stdout)
    x, y = (np.load(arrays / f"{name}.npy") for name in "xy")
    assert row["value"] == package.measure(x, y, "mknn:k=4", groups=np.arange(90) // 3)
    shown = alignkit(*words[:-1], "--groups", "facts.csv/item", cwd=arrays)
    assert "facts/item" in shown.stdout
    assert "permuted and resampled together" in shown.stderr


@pytest.mark.parametrize(
    ("option", "column", "reason"),
    [
        ("--within", "kind", "'kind' is not a file"),
        ("--within", "facts.csv/colour", "no column 'colour'; known: kind, item, all"),
        ("--within", "facts.csv", "name a column of facts.csv, as in facts.csv/kind"),
        ("--within", "facts.csv/all", "all 90 samples have the same value of `facts/all`"),
        ("--within", "none.csv/kind", "none.csv cannot be read"),
        ("--within", "cube.npy", "expected a value for each of 90 samples"),
        ("--groups", "facts.csv/all", "one group cannot be exchanged"),
        ("--groups", "facts.csv/item:residuals", "only --within takes residuals"),
        ("--within", "facts.csv/all:residuals", "have the same labels of `facts/all:residuals`"),
        ("--groups", "short.npy", "expected a value for each of 90 samples"),
    ],
)
def test_a_column_that_does_not_fit_is_one_clear_line(arrays, option, column, reason):
    np.save(arrays / "short.npy", np.arange(5))
    np.save(arrays / "cube.npy", np.zeros((90, 2, 2)))
    words = ("measure", "x.npy", "y.npy", "-m", "cka", option, column)
    done = alignkit(*words, cwd=arrays, code=1 if "none" in column else 2)
    assert reason in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_a_chance_level_that_is_not_measured_is_asked_for(arrays):
    words = ("measure", "x.npy", "y.npy", "-m", "unbiased_cka", "--within", "facts.csv/kind")
    assert "chance level of unbiased_cka within facts/kind has no closed form" in (
        asked := alignkit(*words, cwd=arrays).stderr
    )
    assert "--null 200 measures it" in asked
    assert "chance level" not in alignkit(*words, "--null", "9", cwd=arrays).stderr


def test_residuals_of_a_label_matrix_keep_every_sample(arrays):
    matrix = (np.random.default_rng(2).random((90, 6)) < 0.5).astype(int)
    np.save(arrays / "labels.npy", matrix)
    words = ("measure", "x.npy", "y.npy", "-m", "unbiased_cka", "--within", "labels.npy:residuals")
    done = alignkit(*words, "--null", "9", "--json", cwd=arrays)
    plain, rest = json.loads(done.stdout)
    assert (plain["within"], rest["n"]) == ("", 90)
    assert rest["within"].startswith("labels:residuals#")
    assert "a linear regression has removed the labels of labels" in done.stderr
    hat = np.column_stack([np.ones(90), matrix])
    left = np.eye(90) - hat @ np.linalg.pinv(hat)
    x, y = (left @ np.load(arrays / f"{side}.npy") for side in "xy")
    assert rest["value"] == pytest.approx(package.measure(x, y, "unbiased_cka"), abs=1e-6)


def test_a_run_keeps_plain_and_within_values_apart(tmp_path):
    run = train_tiny(tmp_path / "runs")
    words = ("measure", "-m", "unbiased_cka", "-m", "mknn:k=3", "--layers", "last", "--null", "9")
    alignkit(*words, cwd=tmp_path)
    plain = {file.name for file in (run.path / "alignment" / "test").glob("*.csv")}
    done = alignkit(*words, "--within", "label", "--json", cwd=tmp_path)
    rows = json.loads(done.stdout)
    assert [row["within"] for row in rows] == ["", "", "label", "label"]
    files = {file.name for file in (run.path / "alignment" / "test").glob("*.csv")}
    assert files - plain == {"mknn-k=3.cls.within-label.csv", "unbiased_cka.cls.within-label.csv"}
    stored = read_alignment(run.alignment_file)
    assert sorted(stored["within"]) == ["", "", "label", "label"]
    folder = run.representations_folder("test")
    x, y = (np.load(folder / f"{rows[0][side]}.cls.npy") for side in "xy")
    label = sample_fact(run, "test", "label")
    assert set(label) == {"no match", "match"} or len(set(label)) == 2
    for row in rows[2:]:
        spec = ":".join(filter(None, (row["metric"], row["parameters"])))
        expected = package.measure(x, y, spec, within=label)
        assert row["value"] == pytest.approx(expected, abs=1e-6)


def test_facts_of_an_older_extraction_come_from_the_task(tmp_path):
    run = train_tiny(tmp_path / "runs")
    alignkit("extract", cwd=tmp_path)
    without_manifests(run.path)
    file = run.representations_folder("test") / "samples.csv"
    stored = {name: sample_fact(run, "test", name) for name in ("label", "text")}
    file.unlink()
    assert {name: sample_fact(run, "test", name) for name in ("label", "text")} == stored
    assert len(set(sample_fact(run, "test", "image"))) > 1
    with pytest.raises(UsageError, match="no fact 'colour' of its samples; known: label, text"):
        sample_fact(run, "test", "colour")
    ids = run.representations_folder("test") / "ids.json"
    write_json(ids, [f"other{i}" for i in range(48)])
    with pytest.raises(DataError, match="holds other samples than its representations"):
        sample_fact(run, "test", "label")


def test_correlate_takes_values_within_classes_and_shows_plain_ones_beside(own_runs):
    root, runs = own_runs
    words = ("correlate", "--runs", root, "-m", "unbiased_cka", "--within", "label")
    done = alignkit(*words, "--json", cwd=root)
    row = json.loads(done.stdout)[0]
    mine = [run for run in runs if run.task == row["task"]]
    values, scores = [], []
    for run in mine:
        table = read_alignment(run.alignment_file)
        last = table[(table["within"] == "label") & (table["metric"] == "unbiased_cka")]
        values.append(last["value"].iloc[-1])
        scores.append(run.performance()["splits"]["test"][row["outcome"]])
    assert row["pearson"] == pytest.approx(np.corrcoef(values, scores)[0, 1], abs=1e-9)
    done = alignkit(*words[:-2], "--json", cwd=root)
    plain = json.loads(done.stdout)[0]
    assert row["pearson_plain"] == pytest.approx(plain["pearson"], abs=1e-9)
    shown = alignkit(*words, cwd=root)
    assert "plain" in shown.stdout
    assert "count only what they share beyond it" in shown.stderr
