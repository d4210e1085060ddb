"""``alignkit probe`` through the command line, on tiny runs and encoders."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import spearmanr

import alignkit as package
import tiny_models
from alignkit.analysis.probing.linear import Samples, constant_scores, fit_probe
from alignkit.runs import Run
from alignkit.runs.data import open_split
from alignkit.tasks import SPLITS
from tiny import TINY_TASK, alignkit, train_tiny


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """Runs of three placements with two seeds each, probed once so that all is extracted."""
    root = tmp_path_factory.mktemp("fused") / "runs"
    for placement in ("none", "1", "1,2"):
        for seed in (0, 1):
            train_tiny(root, placement, seed=seed)
    alignkit("probe", "--runs", root, "--layers", "last", cwd=root.parent)
    return root


def _json(*words, cwd, **options):
    return json.loads(alignkit("probe", *words, "--json", cwd=cwd, **options).stdout)


def _samples(run, *layers):
    parts = []
    for split in SPLITS:
        task, data = open_split(run, split)
        values = [run.representation(layer, split).values for layer in layers]
        assert list(data.ids) == run.ids(split)
        parts.append(Samples(np.concatenate(values, axis=1), data.targets))
    return task.target, parts


@pytest.mark.parametrize("kind", ["ridge", "logistic", "loss"])
def test_every_layer_of_every_stream_is_probed_on_its_own_splits(fused, tmp_path, kind):
    path = next(fused.glob("toy_match/at_1/*"))
    rows = _json(path, "--probe", kind, cwd=tmp_path)["layers"]
    assert [(row["stream"], row["layer"], row["depth"]) for row in rows] == [
        *(
            ("text", name, depth)
            for name, depth in zip(("t00", "t.f0", "t01", "t02"), (0, 0.5, 1, 2), strict=True)
        ),
        *(
            ("vision", name, depth)
            for name, depth in zip(("v00", "v.f0", "v01", "v02"), (0, 0.5, 1, 2), strict=True)
        ),
        *(("both", f"t0{i}+v0{i}", i) for i in range(3)),
    ]
    for row in rows:
        target, parts = _samples(Run(path), *row["layer"].split("+"))
        probe = fit_probe(kind, target, *parts)
        assert row["value"] == pytest.approx(probe.scores["auroc"])
        assert row["accuracy"] == pytest.approx(probe.scores["accuracy"])
        assert (row["penalty"], row["validation"]) == (probe.penalty, probe.validation)
        assert (row["score"], row["chance"], row["n"], row["draw"]) == ("auroc", 0.5, 64, 0)
        assert row["width"] == 16 * (1 + ("+" in row["layer"]))


def test_numbers_are_probed_by_their_own_loss(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(80):
        Image.new("RGB", (8, 8), tuple(rng.integers(0, 256, 3).tolist())).save(
            tmp_path / f"{i}.png"
        )
        count = i % 9
        rows.append({"image": f"{i}.png", "text": "word " * count + f"n{i}", "label": count / 2})
    pd.DataFrame(rows).to_csv(tmp_path / "data.csv", index=False)
    run = train_tiny(tmp_path / "runs", "1", f"folder:{tmp_path},kind=regression")
    refused = alignkit("probe", run.path, cwd=tmp_path, code=2).stderr
    assert "--probe ridge predicts single labels, yes or no, and sets of labels" in refused
    assert "target is Regression: use --probe loss, which fits by its own loss" in refused
    rows = _json(run.path, "--probe", "loss", "--streams", "text", cwd=tmp_path)["layers"]
    assert {row["score"] for row in rows} == {"rmse"}
    for row in rows:
        target, parts = _samples(run, row["layer"])
        constant = constant_scores(target, parts[0].targets, parts[2].targets)
        assert row["chance"] == pytest.approx(constant["rmse"])
    best = min(rows, key=lambda row: row["value"])
    assert best["value"] < best["chance"]
    assert best["r2"] > 0


def test_draws_are_of_training_samples_alone(fused, tmp_path):
    path = next(fused.glob("toy_match/none/*"))
    words = ("--streams", "text", "--layers", "1", "--samples", "40", "--seeds", "2")
    rows = _json(path, *words, "--seed", "7", cwd=tmp_path)["layers"]
    assert [(row["draw"], row["n"]) for row in rows] == [(7, 40), (8, 40)]
    target, (train, validation, test) = _samples(Run(path), "t01")
    for row in rows:
        chosen = np.sort(np.random.default_rng(row["draw"]).choice(64, 40, replace=False))
        probe = fit_probe("ridge", target, train[chosen], validation, test)
        assert row["value"] == pytest.approx(probe.scores["auroc"])


def test_probes_are_correlated_with_alignment_over_layers(fused, tmp_path):
    words = ("--runs", fused, "--metric", "cka", "--output", "out", "--figures", "figures")
    found = _json(*words, cwd=tmp_path)
    layers = pd.DataFrame(found["layers"])
    runs = [Run(path) for path in sorted(fused.glob("toy_match/at_1/*"))]
    cka = np.mean(
        [
            [
                package.measure(
                    run.representation(f"t0{i}").values, run.representation(f"v0{i}").values, "cka"
                )
                for i in range(3)
            ]
            for run in runs
        ],
        axis=0,
    )
    own = layers[(layers["placement"] == "at_1") & (layers["stream"] == "text")]
    scores = own[own["layer"].str.match(r"t\d")].groupby("depth")["value"].mean().to_numpy()
    row = next(r for r in found["within"] if (r["placement"], r["stream"]) == ("at_1", "text"))
    assert (row["runs"], row["layers"]) == (2, 3)
    assert row["pearson"] == pytest.approx(np.corrcoef(cka, scores)[0, 1], abs=1e-4)
    assert row["spearman"] == pytest.approx(spearmanr(cka, scores).statistic)
    assert {r["stream"] for r in found["pooled"]} == {"text", "vision", "both"}
    for pooled in found["pooled"]:
        assert (pooled["placements"], pooled["layers"]) == (3, 3)
        assert pooled["verdict"] == "not testable"
        assert "5 placements are needed" in pooled["reason"]
    for name in ("layers", "means", "points", "within", "pooled"):
        assert (tmp_path / f"out/{name}.csv").is_file()
    for name in ("probe-toy_match-both", "probe-alignment-toy_match-cka"):
        assert (tmp_path / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"figures/{name}.csv").is_file()
    means = pd.read_csv(tmp_path / "out/means.csv")
    mean = means[(means["unit"] == "at_1") & (means["layer"] == "t00")].iloc[0]
    two = own[own["layer"] == "t00"]["value"]
    assert (mean["value"], mean["fits"]) == (pytest.approx(two.mean()), 2)
    assert mean["sd"] == pytest.approx(two.std())


def test_a_distance_is_turned_round_before_it_is_correlated(fused, tmp_path):
    words = ("--runs", fused, "--streams", "text", "-m", "information_imbalance", "-o", "out")
    _json(*words, cwd=tmp_path)
    points = pd.read_csv(tmp_path / "out/points.csv")
    assert (points["alignment"] <= 0).all()


def test_the_terminal_shows_curves_and_correlations(fused, tmp_path):
    done = alignkit("probe", "--runs", fused, "--metric", "cka", cwd=tmp_path)
    assert "ridge probes by depth, on test" in done.stdout
    assert "pooled over placements" in done.stdout
    one = alignkit("probe", next(fused.glob("toy_match/none/*")), cwd=tmp_path)
    assert "not testable" in one.stdout


def test_missing_splits_of_runs_are_extracted_first(fused, tmp_path):
    root = tmp_path / "runs"
    shutil.copytree(fused, root)
    path = next(root.glob("toy_match/none/*"))
    shutil.rmtree(path / "representations" / "train")
    done = alignkit("probe", path, "--streams", "text", "--json", cwd=tmp_path)
    assert "extracting representations on train first" in done.stderr
    same = _json(next(fused.glob(f"toy_match/none/{path.name}")), "--streams", "text", cwd=tmp_path)
    values = [[row["value"] for row in rows["layers"]] for rows in (json.loads(done.stdout), same)]
    assert values[0] == values[1]


def test_encoders_are_probed_for_the_labels_of_their_data(tmp_path):
    tiny_models.text_model(tmp_path / "bert", "bert")
    rows = _json("hf:./bert", "--data", TINY_TASK, cwd=tmp_path)["layers"]
    assert {row["stream"] for row in rows} == {"text"}
    assert {(row["task"], row["placement"]) for row in rows} == {("toy_match", "")}
    assert all(0 <= row["value"] <= 1 and row["n"] == 64 for row in rows)
    (store,) = (tmp_path / "encoders").glob("*/*@*")
    again = _json(store, "--data", TINY_TASK, cwd=tmp_path)["layers"]
    assert [row["value"] for row in again] == [row["value"] for row in rows]
    done = alignkit("probe", store, cwd=tmp_path, code=2)
    assert "needs --data, the task whose labels" in done.stderr
    other = TINY_TASK.replace("n_train=64", "n_train=60")
    done = alignkit("probe", store, "--data", other, cwd=tmp_path, code=2)
    assert "is stored on other data than those of task 'toy_match'" in done.stderr
    shutil.rmtree(store / "representations" / "train")
    done = alignkit("probe", store, "--data", TINY_TASK, cwd=tmp_path, code=2)
    assert "is not stored on train; store it with: alignkit extract --encoder" in done.stderr


def test_arrays_are_refused_and_stop_no_run(fused, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((20, 3)))
    done = alignkit("probe", "x.npy", cwd=tmp_path, code=2)
    assert "x holds arrays, which have no labels; probes need runs" in done.stderr
    run = next(fused.glob("toy_match/none/*"))
    done = alignkit("probe", "x.npy", f"{run}:text", "--json", cwd=tmp_path)
    assert "note: x.npy is left out: x holds arrays" in done.stderr
    assert {row["model"] for row in json.loads(done.stdout)["layers"]} == {str(run)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--probe", "svm"), "unknown --probe svm; known: ridge, logistic, loss"),
        (("--streams", "text,audio"), "unknown streams 'audio'"),
        (("--seeds", "4"), "--seeds draws training samples, so it needs --samples"),
        (("--samples", "1"), "--samples is 1"),
        (("--samples", "9", "--seeds", "0"), "--seeds is 0"),
        (("--layers", "9"), "there is no layer 9"),
        (("--layers", "v0*", "--streams", "text"), "no model has the layers asked for"),
        (("--permutations", "0"), "--permutations is 0"),
        (("--metric", "ckaa"), "did you mean 'cka'?"),
        (("--data", "emoji"), "--data names what encoders see"),
    ],
)
def test_faulty_input_is_one_line(fused, tmp_path, words, message):
    done = alignkit("probe", "--runs", fused, *words, cwd=tmp_path, code=2)
    assert message in done.stderr
    assert done.stdout == ""
