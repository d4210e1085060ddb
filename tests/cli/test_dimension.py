"""``alignkit dimension`` through the command line, on tiny runs and on anyone's arrays."""

import json

import numpy as np
import pandas as pd
import pytest

from alignkit.metrics import Representation
from alignkit.metrics.dimension import components, participation_ratio, twonn, variance_shares
from alignkit.runs import Run
from tiny import alignkit, train_tiny


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    """Layers that lose one dimension each, and arrays that something is wrong with."""
    place = tmp_path_factory.mktemp("arrays")
    rng = np.random.default_rng(0)
    (place / "layers").mkdir()
    for layer in range(3):
        values = rng.standard_normal((60, 6 - layer)) @ rng.standard_normal((6 - layer, 8))
        np.save(place / f"layers/l{layer}.npy", values)
    np.save(place / "x.npy", rng.standard_normal((30, 4)))
    holed = rng.standard_normal((30, 4))
    holed[3, 1] = np.nan
    np.save(place / "holed.npy", holed)
    np.save(place / "constant.npy", np.ones((30, 4)))
    return place


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """Runs of three placements with two seeds each."""
    root = tmp_path_factory.mktemp("fused") / "runs"
    for placement in ("none", "1", "1,2"):
        for seed in (0, 1):
            train_tiny(root, placement, seed=seed)
    return root


def _json(*words, cwd, **options):
    return json.loads(alignkit("dimension", *words, "--json", cwd=cwd, **options).stdout)


def test_every_layer_of_arrays_has_its_dimensions(arrays):
    rows = _json("layers", "x.npy", cwd=arrays)["layers"]
    assert [(row["model"], row["layer"], row["depth"]) for row in rows] == [
        ("layers", "l0", 0.0),
        ("layers", "l1", 1.0),
        ("layers", "l2", 2.0),
        ("x", "x", 0.0),
    ]
    for row in rows[:3]:
        layer = Representation(np.load(arrays / f"layers/{row['layer']}.npy"))
        shares = variance_shares(layer)
        assert len(shares) == 6 - row["depth"]
        assert row["components_95"] == components(shares, 0.95)
        assert row["components_99"] == components(shares, 0.99)
        assert row["participation_ratio"] == pytest.approx(participation_ratio(shares))
        assert row["twonn"] == pytest.approx(twonn(layer))


def test_tables_hold_the_spectra_and_figures_their_data(fused, tmp_path):
    words = ("dimension", "--runs", fused, "--output", "out", "--figures", "figures")
    done = alignkit(*words, cwd=tmp_path)
    assert "dimensions of layers" in done.stdout
    assert "across fusions" in done.stdout
    layers, spectra = (pd.read_csv(tmp_path / f"out/{name}.csv") for name in ("layers", "spectra"))
    keys = ["model", "stream", "layer"]
    assert spectra.groupby(keys)["share"].sum().to_numpy() == pytest.approx(1)
    counted = spectra[spectra["cumulative"] < 0.95 - 1e-12].groupby(keys).size() + 1
    listed = layers.set_index(keys)["components_95"].reindex(counted.index)
    assert (counted == listed).all()
    for stream in ("text", "vision"):
        for name in (f"dimension-twonn-toy_match-{stream}", f"spectra-toy_match-{stream}"):
            assert (tmp_path / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
            assert "<svg" in (tmp_path / f"figures/{name}.svg").read_text()
        drawn = pd.read_csv(tmp_path / f"figures/dimension-twonn-toy_match-{stream}.csv")
        mine = layers[layers["stream"] == stream]
        assert drawn["value"].to_numpy() == pytest.approx(mine["twonn"].to_numpy())


def test_a_drop_is_that_from_before_a_fusion_to_after_it(fused, tmp_path):
    found = _json("--runs", fused, cwd=tmp_path)
    assert found["settings"]["data"] == ["toy_match (test)"]
    row = next(
        r
        for r in found["fusions"]
        if (r["placement"], r["stream"], r["fusion"], r["quantity"])
        == ("at_1", "vision", 0, "participation_ratio")
    )

    def of(run, site):
        return participation_ratio(variance_shares(run.representation(site)))

    own, other = (
        [Run(path) for path in sorted(fused.glob(f"toy_match/{placement}/*"))]
        for placement in ("at_1", "none")
    )
    drops = [1 - of(run, "v.f0") / of(run, "v00") for run in own]
    assert row["drop"] == pytest.approx(np.mean(drops))
    assert row["drop_sd"] == pytest.approx(np.std(drops, ddof=1))
    over = [1 - of(run, "v01") / of(run, "v00") for run in own]
    without = [1 - of(run, "v01") / of(run, "v00") for run in other]
    assert row["drop_over_layer"] == pytest.approx(np.mean(over))
    assert row["drop_without"] == pytest.approx(np.mean(without))
    assert row["runs"] == 2
    tested = found["collapse"]
    assert {row["verdict"] for row in tested} == {"not testable"}, "two placements"
    assert all(row["placements"] == 2 and row["reason"] for row in tested)


def test_the_embeddings_count_where_tokens_are_pooled(fused, tmp_path):
    run = next(fused.glob("toy_match/at_1/*"))
    depths = {
        pool: [
            (row["layer"], row["depth"])
            for row in _json(f"{run}:text", "--pool", pool, cwd=tmp_path)["layers"]
        ]
        for pool in ("cls", "mean")
    }
    assert depths["cls"] == [("t00", 0.0), ("t.f0", 0.5), ("t01", 1.0), ("t02", 2.0)]
    assert depths["mean"] == [("t.in", -1.0), *depths["cls"]]


def test_layers_are_selected_in_every_stream_that_has_them(fused, tmp_path):
    words = ("--runs", fused, "--layers")
    assert {r["layer"] for r in _json(*words, "last", cwd=tmp_path)["layers"]} == {"t02", "v02"}
    assert {r["layer"] for r in _json(*words, "t.f*", cwd=tmp_path)["layers"]} == {"t.f0", "t.f1"}
    done = alignkit("dimension", *words, "fusions", "--json", cwd=tmp_path)
    assert "none" not in {row["placement"] for row in json.loads(done.stdout)["layers"]}
    assert done.stderr.count("is left out") == 2, "both runs without fusions are named"


def test_samples_are_drawn_by_seed(arrays):
    def values(*words):
        return _json("layers", "--samples", "40", *words, cwd=arrays)["layers"][0]["twonn"]

    drawn = np.sort(np.random.default_rng(3).choice(60, 40, replace=False))
    expected = twonn(Representation(np.load(arrays / "layers/l0.npy")[drawn]))
    assert values("--seed", "3") == pytest.approx(expected)
    assert values("--seed", "4") != values("--seed", "3")


def test_one_bad_model_stops_no_other(arrays):
    done = alignkit("dimension", "holed.npy", "constant.npy", "x.npy", "--json", cwd=arrays)
    assert "note: holed.npy is left out: 1 of 30 rows are non-finite" in done.stderr
    constant, x = json.loads(done.stdout)["layers"]
    assert constant["components_95"] is constant["twonn"] is None
    assert constant["reason"] == "constant.npy is constant"
    assert x["twonn"] > 1
    assert "NaN" not in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("holed.npy",), 2, "1 of 30 rows are non-finite"),
        (("nothing.npy",), 1, "there is no nothing.npy"),
        (("x.npy", "--layers", "4"), 2, "--layers 4: there is no layer 4"),
        (("x.npy", "--layers", "max"), 2, "--layers max is the best of several pairs"),
        (("x.npy", "--layers", "fusions"), 2, "arrays have no fusions"),
        (("x.npy", "--samples", "1"), 2, "--samples is 1"),
        (("x.npy", "--permutations", "0"), 2, "--permutations is 0"),
        (("x.npy", "--split", "test"), 2, "--split does not go with arrays"),
        (("x.npy", "--task", "toy_match"), 2, "the models are named already"),
    ],
)
def test_faulty_input_is_one_line(arrays, words, code, message):
    done = alignkit("dimension", *words, cwd=arrays, code=code)
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--pool", "men"), "did you mean 'mean'?"),
        (("--axis", "layers"), "--axis says what arrays hold"),
        (("--data", "emoji"), "--data names what encoders see"),
        (("--split", "tset"), "unknown split 'tset'"),
    ],
)
def test_options_that_mean_nothing_for_runs_are_refused(fused, tmp_path, words, message):
    done = alignkit("dimension", "--runs", fused, *words, cwd=tmp_path, code=2)
    assert message in done.stderr
    assert done.stdout == ""
