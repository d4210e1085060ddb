"""``alignkit agreement`` through the command line, on tiny runs."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from alignkit.alignment.runs import measure_run
from tiny import alignkit, train_tiny

NAMED = ("--metric", "cka", "--metric", "mknn:k=5", "--metric", "procrustes:form=distance")


@pytest.fixture(scope="module")
def answer(own_runs, tmp_path_factory):
    """The command on all runs, with everything that it writes."""
    root, runs = own_runs
    place = tmp_path_factory.mktemp("agreement")
    done = alignkit(
        "agreement",
        *NAMED,
        "--runs",
        root,
        "--figures",
        "figures",
        "--output",
        "pairs.csv",
        "--json",
        cwd=place,
    )
    return place, json.loads(done.stdout), runs


def _values(runs, spec, sign=1):
    return sign * pd.concat([measure_run(run, [spec], layers="same")["value"] for run in runs])


def test_pairs_are_correlated_over_runs_and_layers_with_distances_turned_round(answer):
    _, found, runs = answer
    pairs = {(p["a"], p["b"]): p for p in found["pairs"]}
    cka, distance = _values(runs, "cka"), _values(runs, "procrustes:form=distance", -1)
    pair = pairs["cka", "procrustes:form=distance"]
    assert pair["spearman"] == pytest.approx(spearmanr(cka, distance).statistic)
    assert pair["pearson"] == pytest.approx(np.corrcoef(cka, distance)[0, 1])
    assert (pair["n"], pair["runs"]) == (18, 6)
    per_run = [
        spearmanr(one, other).statistic
        for one, other in zip(
            cka.to_numpy().reshape(6, 3), distance.to_numpy().reshape(6, 3), strict=True
        )
    ]
    assert pair["within"] == pytest.approx(np.mean(per_run))
    assert found["settings"]["turned_round"] == ["procrustes:form=distance"]
    assert found["settings"]["samples"] == 48


def test_figures_and_table_are_written(answer):
    place, found, _ = answer
    for name in ("agreement-correlations", "agreement-tree"):
        assert (place / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (place / "figures" / f"{name}.svg").read_text()
        assert (place / "figures" / f"{name}.csv").is_file()
    written = pd.read_csv(place / "pairs.csv")
    assert written["spearman"].tolist() == pytest.approx([p["spearman"] for p in found["pairs"]])


def test_the_table_says_which_metrics_are_one_measurement(own_runs, tmp_path):
    root, _ = own_runs
    words = (
        "agreement",
        "--metric",
        "cka",
        "--metric",
        "mknn:k=5",
        "--metric",
        "jaccard:k=5",
        "--runs",
        root,
    )
    done = alignkit(*words, "--alike", "0.98", cwd=tmp_path)
    assert "mknn:k=5 = jaccard:k=5" in done.stdout
    assert "over 18 pairs of layers of 6 run(s), n=48" in " ".join(done.stdout.split())
    apart = alignkit(
        *words,
        "--alike",
        "1",
        "--pool",
        "mean",
        "--split",
        "validation",
        "--task",
        "toy_match",
        "--layers",
        "0",
        cwd=tmp_path,
    )
    assert "over 3 pairs of layers of 3 run(s), n=32" in " ".join(apart.stdout.split())


def test_a_metric_that_cannot_take_the_data_is_left_out_unless_it_was_named(own_runs, tmp_path):
    root, runs = own_runs
    words = ("agreement", runs[0].path, runs[1].path, "--samples", "12", "--runs", root)
    done = alignkit(*words, "--json", cwd=tmp_path)  # k=10 needs n > 10
    assert "mknn" in {row["metric"] for row in json.loads(done.stdout)["metrics"]}
    done = alignkit(*words[:-4], "--samples", "10", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert "note: mknn is left out: k=10 needs 1 <= k < n" in done.stderr
    assert "mknn" not in {row["metric"] for row in found["metrics"]}
    done = alignkit(*words[:-4], "--samples", "10", "-m", "mknn", "-m", "cka", cwd=tmp_path, code=2)
    assert "k=10 needs" in done.stderr


@pytest.mark.slow
def test_what_cannot_be_compared_is_one_clear_line(own_runs, tmp_path):
    root, runs = own_runs
    done = alignkit("agreement", "--metric", "cka", "--runs", root, cwd=tmp_path, code=2)
    assert "1 metric(s) with values that vary; two or more are needed" in done.stderr
    done = alignkit("agreement", *NAMED, "--alike", "2", "--runs", root, cwd=tmp_path, code=2)
    assert "--alike is 2.0; it must be above 0" in done.stderr
    larger = train_tiny(tmp_path / "runs", "1", "toy_match:n_train=64,n_validation=32,n_test=40")
    done = alignkit("agreement", *NAMED, runs[0].path, larger.path, cwd=tmp_path, code=2)
    assert "different numbers of samples (40 in " in done.stderr
    assert "--samples 40" in done.stderr


def test_a_metric_that_never_varies_is_named(own_runs, tmp_path):
    root, _ = own_runs
    (tmp_path / "flat.py").write_text(
        "import alignkit\n"
        "def flat(x, y): return 0.5\n"
        "def none(x, y): raise alignkit.UndefinedError('it is Monday')\n"
        "@alignkit.hookimpl\n"
        "def register_metrics(register):\n"
        "    register('flat', flat)\n"
        "    register('never', none)\n"
    )
    done = alignkit(
        "--plugin",
        "flat.py",
        "agreement",
        *NAMED,
        "-m",
        "flat",
        "-m",
        "never",
        "--runs",
        root,
        "--json",
        cwd=tmp_path,
    )
    assert (
        "flat is left out: 18 of 18 values are defined (it is the same everywhere)" in done.stderr
    )
    assert "never is left out: 0 of 18 values are defined (it is Monday)" in done.stderr
    assert "NaN" not in done.stdout
