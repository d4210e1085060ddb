"""``alignkit stability`` through the command line, on tiny runs and on anyone's arrays."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import alignkit as package
from tiny import alignkit


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    """Two folders of five layers that share more and more."""
    place = tmp_path_factory.mktemp("layers")
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((80, 4))
    for stream in ("text", "vision"):
        (place / stream).mkdir()
        for layer in range(5):
            noise = rng.standard_normal((80, 6))
            values = layer * shared @ rng.standard_normal((4, 6)) / 4 + noise
            np.save(place / stream / f"layer{layer}.npy", values)
    return place


def _run(place, *words, **options):
    done = alignkit("stability", "text", "vision", *words, "--json", cwd=place, **options)
    return json.loads(done.stdout)


def test_settings_are_measured_and_compared_with_the_largest(layers):
    found = _run(
        layers,
        "--metric",
        "cka",
        "--metric",
        "mknn:k=5",
        "--samples",
        "20",
        "--samples",
        "80",
        "--k",
        "3",
        "--k",
        "9",
    )
    rows = {(r["metric"], r["varied"], r["samples"], r["k"]): r for r in found["summary"]}
    assert set(rows) == {
        ("cka", "samples", 20, None),
        ("cka", "samples", 80, None),
        ("mknn:k=5", "samples", 20, 5),
        ("mknn:k=5", "samples", 80, 5),
        ("mknn:k=5", "k", 80, 3),
        ("mknn:k=5", "k", 80, 9),
    }
    drawn = np.sort(np.random.default_rng(0).permutation(80)[:20])
    x, y = (
        [np.load(layers / stream / f"layer{i}.npy") for i in range(5)]
        for stream in ("text", "vision")
    )
    few = [package.measure(a[drawn], b[drawn], "cka") for a, b in zip(x, y, strict=True)]
    every = [package.measure(a, b, "cka") for a, b in zip(x, y, strict=True)]
    small = rows["cka", "samples", 20, None]
    assert small["value"] == pytest.approx(np.mean(few))
    assert small["agreement"] == pytest.approx(spearmanr(few, every).statistic)
    assert rows["cka", "samples", 80, None]["agreement"] == pytest.approx(1)
    assert rows["mknn:k=5", "k", 80, 9]["chance"] == pytest.approx(9 / 79)
    assert rows["mknn:k=5", "samples", 20, 5]["chance"] == pytest.approx(5 / 19)
    assert rows["cka", "samples", 80, None]["reliability"] > 0.9
    assert small["reliability"] < rows["cka", "samples", 80, None]["reliability"]
    assert all(row["seconds"] >= 0 for row in found["summary"])


def test_reliability_is_that_of_halves_stepped_up(layers):
    found = _run(layers, "--metric", "cka", "--samples", "40", "--splits", "2", "--seed", "3")
    rows = np.random.default_rng(3).permutation(80)[:40]
    rng = np.random.default_rng([3, 40])
    r = []
    for _ in range(2):
        order = rng.permutation(rows)
        halves = []
        for part in (np.sort(order[:20]), np.sort(order[20:])):
            arrays = [
                [np.load(layers / s / f"layer{i}.npy")[part] for s in ("text", "vision")]
                for i in range(5)
            ]
            halves.append([package.measure(x, y, "cka") for x, y in arrays])
        r.append(np.corrcoef(*halves)[0, 1])
    expected = 2 * np.mean(r) / (1 + np.mean(r))
    assert found["summary"][0]["reliability"] == pytest.approx(expected)
    assert found["settings"]["splits"] == 2
    assert found["settings"]["seed"] == 3
    other = _run(layers, "--metric", "cka", "--samples", "40", "--splits", "3", "--seed", "3")
    assert other["summary"][0]["reliability"] != found["summary"][0]["reliability"]


def test_chance_is_drawn_where_no_closed_form_is_known(layers):
    words = ("--metric", "svcca", "--samples", "80")
    assert 0.1 < _run(layers, *words)["summary"][0]["chance"] < 0.7
    assert _run(layers, *words, "--null", "0")["summary"][0]["chance"] is None


def test_without_settings_halvings_and_common_k_are_taken(layers):
    found = _run(layers, "--metric", "jaccard")
    assert found["settings"]["samples"] == [40, 80]
    assert found["settings"]["k"] == [5, 10, 20]


def test_it_works_on_runs_with_figures_and_a_table(own_runs, tmp_path):
    root, runs = own_runs
    done = alignkit(
        "stability",
        "--runs",
        root,
        "--task",
        "toy_match",
        "--metric",
        "cka",
        "--metric",
        "mknn:k=5",
        "--samples",
        "16",
        "--samples",
        "32",
        "--k",
        "3",
        "--figures",
        "figures",
        "--output",
        "t.csv",
        "--split",
        "validation",
        "--pool",
        "mean",
        cwd=tmp_path,
    )
    assert "3 model(s) with 3 layers" in " ".join(done.stdout.split())
    table = pd.read_csv(tmp_path / "t.csv")
    assert sorted(table["model"].unique()) == sorted(str(run.path) for run in runs[:3])
    assert len(table) == 3 * (2 + 2 + 1)
    for name in ("stability-samples", "stability-k"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "figures" / f"{name}.csv").is_file()
    one = alignkit("stability", runs[0].path, "--metric", "cka", "--json", cwd=tmp_path)
    assert json.loads(one.stdout)["settings"]["models"] == [str(runs[0].path)]


def test_all_metrics_but_those_that_cannot_take_the_data(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.standard_normal((24, 3)))
    np.save(tmp_path / "y.npy", rng.standard_normal((24, 5)))
    done = alignkit(
        "stability",
        "x.npy",
        "y.npy",
        "--samples",
        "24",
        "--k",
        "3",
        "--splits",
        "1",
        "--json",
        cwd=tmp_path,
    )
    named = {row["metric"] for row in json.loads(done.stdout)["summary"]}
    assert "cka" in named
    assert "cosine" not in named, "widths differ"
    assert "note: cosine is left out" in done.stderr
    done = alignkit("stability", "x.npy", "y.npy", "-m", "cosine", cwd=tmp_path, code=2)
    assert "Error: " in done.stderr


def test_what_is_undefined_has_a_reason_and_no_nan(tmp_path):
    np.save(tmp_path / "x.npy", np.ones((40, 3)))
    np.save(tmp_path / "y.npy", np.random.default_rng(0).standard_normal((40, 3)))
    done = alignkit("stability", "x.npy", "y.npy", "-m", "cka", "--json", cwd=tmp_path)
    row = json.loads(done.stdout)["summary"][0]
    assert row["value"] is row["agreement"] is row["reliability"] is None
    assert "constant" in row["reason"]
    assert "NaN" not in done.stdout
    done = alignkit("stability", "x.npy", "y.npy", "-m", "cka", cwd=tmp_path)
    assert "need at least 3 layers" in done.stderr


def test_k_beyond_a_smaller_draw_is_a_reason(layers):
    found = _run(layers, "--metric", "mknn:k=20", "--samples", "16", "--samples", "80")
    rows = {r["samples"]: r for r in found["summary"] if r["varied"] == "samples"}
    assert rows[16]["value"] is None
    assert rows[16]["reason"] == "k=20 needs more than 16 samples"
    assert rows[80]["agreement"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--samples", "90"), "--samples is 90, but text, vision has 80 samples"),
        (("--samples", "3"), "at least 4 are needed"),
        (("--k", "80", "-m", "mknn"), "--k is 80; with 80 samples it must be 1 to 79"),
        (("--k", "0", "-m", "mknn"), "--k is 0; with 80 samples"),
        (("--splits", "0"), "--splits is 0"),
        (("--null", "-1"), "--null is -1"),
        (("-m", "mknn:k=90"), "mknn:k=90 needs more than 80 samples"),
        (("-m", "ckaa"), "did you mean 'cka'?"),
    ],
)
def test_faulty_settings_are_one_line(layers, words, message):
    done = alignkit("stability", "text", "vision", *words, cwd=layers, code=2)
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [("--where", "learning_rate=1e-3"), ("--task", "toy_match"), ("--placement", "late")],
)
def test_options_that_select_runs_are_refused_for_arrays(layers, option, value):
    done = alignkit("stability", "text", "vision", option, value, cwd=layers, code=2)
    assert "arrays have no runs to select from" in done.stderr
    assert option in done.stderr


def test_arrays_of_other_samples_are_refused(layers, tmp_path):
    np.save(tmp_path / "short.npy", np.zeros((7, 3)))
    done = alignkit("stability", layers / "text", "short.npy", cwd=tmp_path, code=2)
    assert "different numbers of samples (7, 80)" in done.stderr
    done = alignkit("stability", "short.npy", cwd=tmp_path, code=2)
    assert "is not a run directory" in done.stderr
